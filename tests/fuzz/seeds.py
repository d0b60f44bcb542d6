"""Inputs to begin with: every message of the tables, and a conversation that runs two sagas."""

from tests.core.agentmux.wire_tables import COMMAND_ROWS, EVENT_ROWS, OWN_EVENT_ROWS

HOST, TOOL = b"(", b")"
"""Two of the bytes that say who says a line."""

CONVERSATION = b"\n".join(
    [
        HOST + b'{"cmd":"register","kind":"host","pid":7,"version":"1"}',
        TOOL + b'{"cmd":"register","kind":"tool","pid":8,"version":"1"}',
        HOST + b'{"cmd":"report_window_opened","label":"main","kind":"full_instance"}',
        HOST + b'{"cmd":"report_pool_window_promoted","label":"a"}',
        HOST + b'{"cmd":"report_pool_window_added","label":"","saga_id":1}',
        HOST + b'{"cmd":"report_window_closed","label":"main"}',
        HOST + b'{"cmd":"report_panes_reaped","label":"main","saga_id":2}',
        HOST + b'{"cmd":"report_pool_drain_decision","label":"main","was_last":true,"saga_id":2}',
        TOOL + b'{"cmd":"get_snapshot"}',
    ]
)

LINES = [line.encode() for _, line in (*COMMAND_ROWS, *EVENT_ROWS, *OWN_EVENT_ROWS)]

SEEDS = [*LINES, CONVERSATION]
