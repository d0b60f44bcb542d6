"""The two sagas: what each makes of every event, in every phase (FACTS 3.2 to 3.4)."""

import pytest
from tests.core.agentmux.launcher import Launcher
from tests.core.agentmux.wire_tables import EVENT_ROWS
from tests.core.harness import of, opened_ids, sent

from saga_core.agentmux.commands import DrainPoolIfLast, ReapPanes, SpawnPoolWindow
from saga_core.agentmux.events import (
    PanesReaped,
    PoolDrained,
    PoolNotLast,
    PoolWindowAdded,
    PoolWindowPromoted,
    PoolWindowRemoved,
    WindowClosed,
)
from saga_core.agentmux.sagas import SAGA_NAMES, PoolRespawn, WindowCleanup, triggered_by
from saga_core.engine import (
    ArmTimer,
    BusEvent,
    Done,
    IssueCommand,
    SagaContext,
    SagaDeadline,
    Wait,
)

OWN = SagaContext(7)
WAITING = PoolRespawn("w", "waiting_for_refill")
REAPING = WindowCleanup("main", "reaping_panes")
DRAINING = WindowCleanup("main", "draining_pool")


def test_a_promote_asks_for_a_window() -> None:
    """FACTS 3.3: start issues spawn to the host, under an id that is not there yet."""
    saga = PoolRespawn("w")
    assert saga.start(OWN) == (WAITING, IssueCommand("host", SpawnPoolWindow(0)))
    assert (saga.name(), saga.timeout()) == ("pool_respawn_on_promote", 5.0)
    assert saga.input_snapshot() == {"promoted_label": "w"}


@pytest.mark.parametrize("label", ["", "w2"])
def test_the_refill_with_the_own_id_is_the_answer(label: str) -> None:
    """FACTS 3.3: done, whatever the label; it is remembered."""
    refilled = PoolRespawn("w", "refilled", label)
    assert WAITING.on_event(PoolWindowAdded(label, 1, 7), OWN) == (refilled, Done())


@pytest.mark.parametrize(
    "event",
    [
        PoolWindowAdded("w2", 1, None),
        PoolWindowAdded("w2", 1, 0),
        PoolWindowAdded("w2", 1, 8),
        PoolWindowRemoved("w2", 1),
        PoolWindowPromoted("w2", 1),
        PanesReaped("w", 1, 7),
    ],
)
def test_a_respawn_waits_on_anything_else(event: BusEvent) -> None:
    """FACTS 3.3, F-19: organic refills, foreign ids and other events are ignored."""
    assert WAITING.on_event(event, OWN) == (WAITING, Wait())


@pytest.mark.parametrize("saga", [PoolRespawn("w"), PoolRespawn("w", "refilled", "x")])
def test_a_respawn_takes_its_answer_only_while_it_waits(saga: PoolRespawn) -> None:
    """FACTS 3.3: before the start, and after the first refill, everything is ignored."""
    assert saga.on_event(PoolWindowAdded("y", 1, 7), OWN) == (saga, Wait())


def test_a_close_asks_for_the_panes() -> None:
    """FACTS 3.4: start issues reap with the label."""
    saga = WindowCleanup("main")
    assert saga.start(OWN) == (REAPING, IssueCommand("host", ReapPanes("main")))
    assert (saga.name(), saga.timeout()) == ("window_cleanup_cascade", 30.0)
    assert saga.input_snapshot() == {"closed_label": "main"}


def test_reaped_panes_lead_to_the_decision() -> None:
    """FACTS 3.4: own id and own label: ask for the drain decision."""
    asked = IssueCommand("host", DrainPoolIfLast("main"))
    assert REAPING.on_event(PanesReaped("main", 1, 7), OWN) == (DRAINING, asked)


@pytest.mark.parametrize(
    ("event", "drained"), [(PoolDrained("main", 1, 7), True), (PoolNotLast("main", 1, 7), False)]
)
def test_either_decision_is_success(event: BusEvent, drained: bool) -> None:
    """FACTS 3.4: the saga brackets the decision, not the drain itself."""
    decided = WindowCleanup("main", "decided", drained)
    assert DRAINING.on_event(event, OWN) == (decided, Done())


@pytest.mark.parametrize("saga", [WindowCleanup("main"), REAPING, DRAINING])
@pytest.mark.parametrize(
    "event",
    [
        *(kind("main", 1, saga_id) for kind in (PanesReaped, PoolDrained) for saga_id in (None, 8)),
        *(kind("other", 1, 7) for kind in (PanesReaped, PoolDrained, PoolNotLast)),
        WindowClosed("main", 1),
        PoolWindowAdded("main", 1, 7),
    ],
)
def test_a_cleanup_waits_on_anything_else(saga: WindowCleanup, event: BusEvent) -> None:
    """FACTS 3.4: absent or foreign id, another label, the trigger again: ignored."""
    assert saga.on_event(event, OWN) == (saga, Wait())


@pytest.mark.parametrize(
    ("saga", "event"),
    [
        (WindowCleanup("main"), PanesReaped("main", 1, 7)),
        (REAPING, PoolDrained("main", 1, 7)),
        (REAPING, PoolNotLast("main", 1, 7)),
        (DRAINING, PanesReaped("main", 1, 7)),
        (WindowCleanup("main", "decided", True), PoolNotLast("main", 1, 7)),
    ],
)
def test_a_cleanup_wants_its_answers_in_order(saga: WindowCleanup, event: BusEvent) -> None:
    """FACTS R-14, 3.4: the right answer in the wrong phase is ignored and not remembered."""
    assert saga.on_event(event, OWN) == (saga, Wait())


@pytest.mark.parametrize("saga", [WAITING, REAPING])
def test_a_saga_starts_once(saga: PoolRespawn | WindowCleanup) -> None:
    """FACTS 3.1: start in any phase but the first is a bug, and says so."""
    with pytest.raises(AssertionError, match="start in phase"):
        saga.start(OWN)


def test_the_trigger_table_is_exact() -> None:
    """FACTS 3.2, F-21: a promote, and a clean close; a crash and everything else start nothing."""
    started = {type(event): triggered_by(event) for event, _ in EVENT_ROWS}
    assert started.pop(PoolWindowPromoted) == (PoolRespawn("window-pool-1"),)
    assert started.pop(WindowClosed) == (WindowCleanup("main"),)
    assert set(started.values()) == {()}
    assert triggered_by(WindowClosed("main", 1, crash_detected=True)) == ()
    assert SAGA_NAMES == ("pool_respawn_on_promote", "window_cleanup_cascade")


def test_two_promotes_answered_crosswise_complete() -> None:
    """FACTS F-19: two refills at once, their echoes in reverse order: both complete."""
    launcher = Launcher()
    launcher.join("host")
    launcher.promote("a")
    first = sent(launcher.last)
    launcher.promote("b")
    for dispatch in (*sent(launcher.last), *first):
        launcher.answer(dispatch)
    assert launcher.endings() == {2: "completed", 1: "completed"}


def test_an_organic_refill_completes_nobody() -> None:
    """FACTS F-38, 3.3: the host's own refill carries no id; the saga waits for its own."""
    launcher = Launcher()
    launcher.join("host")
    launcher.promote("a")
    launcher.ignores(PoolWindowAdded("b", 1), PoolWindowAdded("b", 1, 0))


def test_the_same_close_twice_is_two_sagas() -> None:
    """FACTS R-15: nothing dedupes triggers: one label, two sagas, both answered."""
    launcher = Launcher()
    launcher.join("host")
    for saga_id in (1, 2):
        effects = launcher.give(WindowClosed("main", 1))
        assert opened_ids(effects) == [saga_id]
        assert of(ArmTimer, effects) == [ArmTimer(SagaDeadline(saga_id), 30.0)]
        launcher.answer_all(effects)
    assert launcher.endings() == {1: "completed", 2: "completed"}


def test_the_steps_of_a_cleanup_in_the_log() -> None:
    """FACTS 3.4, 8: stopped after its first step: 0 succeeded with its event, 1 pending."""
    launcher = Launcher()
    launcher.join("host")
    launcher.clean_up("main")
    launcher.answer(*sent(launcher.last))
    row = launcher.rows.sagas[1]
    assert (row.state, row.input_json) == ("running", '{"closed_label":"main"}')
    assert [(step.name, step.state) for step in row.steps.values()] == [
        ("issue_cmd_host_reap_panes", "succeeded"),
        ("issue_cmd_host_drain_pool_if_last", "pending"),
    ]
    assert isinstance(row.steps[0].output, PanesReaped)
    assert [step.command for step in row.steps.values()] == [
        ReapPanes("main", 1),
        DrainPoolIfLast("main", 1),
    ]
