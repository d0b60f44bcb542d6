"""How AgentMux's log is read back."""

import pytest

from saga_core.agentmux import PoolRespawn, WindowCleanup
from saga_core.agentmux.events import PoolWindowPromoted, WindowClosed
from saga_core.check.agentmux import SCENARIO
from saga_core.engine import UNSTAMPED, BusEvent

POOL, CLEANUP = PoolRespawn.NAME, WindowCleanup.NAME


@pytest.mark.parametrize(
    ("name", "text", "trigger"),
    [
        (POOL, '{"promoted_label":"a"}', PoolWindowPromoted("a", UNSTAMPED)),
        (CLEANUP, '{"closed_label":"b"}', WindowClosed("b", UNSTAMPED)),
        (POOL, '{"closed_label":"b"}', None),
        (CLEANUP, '{"closed_label":7}', None),
        (CLEANUP, "", None),
        (CLEANUP, '{"x":' + "[" * 100_000, None),
        ("no such saga", '{"closed_label":"b"}', None),
    ],
)
def test_what_opened_a_saga_is_known_by_its_input(
    name: str, text: str, trigger: BusEvent | None
) -> None:
    """FACTS 3.2: one event for each of the two sagas; nothing else opens one."""
    form = SCENARIO.log
    assert form is not None
    assert form.trigger_of(name, text) == trigger


@pytest.mark.parametrize("line", ["", "{}", "[", '{"event":"no_such_event"}', '{"cmd":"goodbye"}'])
def test_a_line_that_is_no_event_is_none(line: str) -> None:
    """FACTS 2.2: read as strictly as on the wire."""
    form = SCENARIO.log
    assert form is not None
    assert form.event_of(line) is None
