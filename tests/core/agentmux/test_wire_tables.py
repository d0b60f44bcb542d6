"""The wire's lines are those of the tables, byte by byte, both ways (FACTS 2.3 to 2.6, 2.10)."""

import pytest
from returns.result import Failure, Success
from tests.core.agentmux.wire_exchanges import CLOSE_EXCHANGE, PROMOTE_EXCHANGE
from tests.core.agentmux.wire_tables import (
    COMMAND_ROWS,
    EVENT_FRAME_ROW,
    EVENT_ROWS,
    FRAME_ROWS,
    ORIGINAL_SNAPSHOT_LINE,
    OWN_EVENT_ROWS,
    SNAPSHOT,
)

from saga_core.agentmux.commands import WIRE_COMMANDS
from saga_core.agentmux.events import WIRE_EVENTS, EventList
from saga_core.agentmux.wire import (
    decode_command,
    decode_event,
    decode_host_line,
    encode,
    encode_event_list,
    encode_host_frame,
)
from saga_core.engine import BusEvent, Command

ALL_EVENT_ROWS = EVENT_ROWS + OWN_EVENT_ROWS


@pytest.mark.parametrize(("command", "line"), COMMAND_ROWS)
def test_each_command_has_the_line_of_the_table(command: Command, line: str) -> None:
    """Every command row of FACTS 2.5 is written and read byte by byte as it stands there."""
    assert encode(command).decode() == line
    assert decode_command(line.encode()) == Success(command)


@pytest.mark.parametrize(("event", "line"), ALL_EVENT_ROWS)
def test_each_event_has_the_line_of_the_table(event: BusEvent, line: str) -> None:
    """Every event row of FACTS 2.6 and of DESIGN 7 is written and read as it stands there."""
    assert encode(event).decode() == line
    assert decode_event(line.encode()) == Success(event)


@pytest.mark.parametrize(("command", "line"), FRAME_ROWS)
def test_each_host_frame_has_the_line_of_the_table(command: Command, line: str) -> None:
    """Every command frame of FACTS 2.3 is written and read as it stands there."""
    assert encode_host_frame(command).decode() == line
    assert decode_host_line(line.encode()) == Success(command)


def test_the_tables_leave_no_message_out() -> None:
    """Each command and each event that the codec knows has a row here."""
    assert {type(command) for command, _ in COMMAND_ROWS} == set(WIRE_COMMANDS)
    assert {type(event) for event, _ in ALL_EVENT_ROWS} == set(WIRE_EVENTS)


def test_a_frame_of_kind_event_reads_as_its_event() -> None:
    """FACTS 2.3: the `event` kind of the envelope parses, though no launcher sends it."""
    event, line = EVENT_FRAME_ROW
    assert decode_host_line(line.encode()) == Success(event)


@pytest.mark.parametrize(("event", "line"), ALL_EVENT_ROWS)
def test_a_host_reads_every_bare_event(event: BusEvent, line: str) -> None:
    """FACTS F-27: events come bare, also those that have a field `kind` of their own."""
    assert decode_host_line(line.encode()) == Success(event)


def test_the_original_snapshot_still_reads() -> None:
    """FACTS 2.6's snapshot has no `sagas`: a missing key means its default, no sagas."""
    assert decode_event(ORIGINAL_SNAPSHOT_LINE.encode()) == Success(SNAPSHOT)


@pytest.mark.parametrize("exchange", [PROMOTE_EXCHANGE, CLOSE_EXCHANGE])
def test_both_exchanges_read_and_write_back(exchange: str) -> None:
    """FACTS 2.10: every line of both exchanges is read, and written again byte by byte."""
    for direction, line in (row.split(" ", 1) for row in exchange.splitlines()):
        assert written_again(direction, line) == line


def written_again(direction: str, line: str) -> str:
    """Read `line` at the end that it goes to, and write it as the end it came from would."""
    if direction == ">":
        return encode(decode_command(line.encode()).unwrap()).decode()
    message = decode_host_line(line.encode()).unwrap()
    if isinstance(message, Command):
        return encode_host_frame(message).decode()
    return encode(message).decode()


@pytest.mark.parametrize("truncated", [False, True])
def test_an_event_list_joins_lines_as_they_are(*, truncated: bool) -> None:
    """FACTS F-12: a replay is the lines of the bus; `truncated` appears only if true (DESIGN 7)."""
    events = tuple(event for event, _ in EVENT_ROWS)
    line = encode_event_list((encode(event) for event in events), 31, truncated)
    assert decode_event(line) == Success(EventList(events, 31, truncated))
    assert encode(EventList(events, 31, truncated)) == line
    assert line.endswith(b',"version":31,"truncated":true}' if truncated else b',"version":31}')


HWND_DRIFT = '{"event":"hwnd_drift_detected","kind":"%s","detail":"","severity":"%s","version":1}'
ENUMERATIONS = {
    '{"cmd":"register","kind":"%s","pid":1,"version":"1"}': "host renderer srv tool",
    '{"cmd":"report_window_opened","label":"a","kind":"%s"}': "full_instance subwindow",
    '{"cmd":"report_startup_stage_end","stage":"a","duration_ms":1,"status":"%s"}': "ok warn error",
    '{"event":"lifecycle_phase_changed","from":"%s","to":"dead","version":1}': (
        "starting running quitting dead"
    ),
    '{"event":"error","code":"%s","message":"","fatal":true,"version":0}': (
        "invalid_command not_registered already_registered"
    ),
    '{"event":"drift_detected","kind":"%s","host_count":1,"mirror_count":1,"version":1}': (
        "windows pool"
    ),
    HWND_DRIFT % ("%s", "warn"): (
        "browser_without_hwnd hwnd_without_browser hidden_since_open off_monitor orphan_destroy "
        "lingering_hwnd orphan_instance"
    ),
    HWND_DRIFT % ("off_monitor", "%s"): "info warn error",
}


@pytest.mark.parametrize(("line", "values"), ENUMERATIONS.items())
def test_an_enumeration_has_exactly_the_values_of_the_table(line: str, values: str) -> None:
    """FACTS 2.4: each value reads; another spelling, `FullInstance` for one, does not."""
    decode = decode_command if "cmd" in line else decode_event
    for value in values.split():
        camel = value.title().replace("_", "")
        assert isinstance(decode((line % value).encode()), Success)
        for other in (camel, value.upper(), f"{value} ", f"{value}s", ""):
            assert isinstance(decode((line % other).encode()), Failure)
