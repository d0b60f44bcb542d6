"""Promises at the edge of what a short search meets."""

import pytest
from msgspec.structs import replace
from tests.core.check.mutants import outcome_forgotten

from saga_core.agentmux import WindowCleanup
from saga_core.agentmux.commands import ReportPoolWindowAdded
from saga_core.agentmux.events import PoolWindowAdded
from saga_core.check.agentmux import SCENARIO
from saga_core.check.promises.steps import broken_by, goes_on, implied_history
from saga_core.engine import (
    BusEvent,
    CommandReceived,
    Config,
    ConnectionClosed,
    Effect,
    Event,
    RecoveryRequested,
    Reducer,
    SagaDeadline,
    SagaOutcome,
    StepSucceeded,
    TimerFired,
    UnresolvedSaga,
    Violation,
    WriteLog,
)

NAME = WindowCleanup.NAME


def started(kept: int) -> Violation | None:
    """A start that finds two sagas ended and one open, where a snapshot tells of `kept`."""
    reducer = Reducer(SCENARIO.application)
    before = reducer.initial_state(Config(outcomes_kept=kept))
    ended = tuple(SagaOutcome(number, NAME, "completed", None) for number in (1, 2))
    event = RecoveryRequested(9, (UnresolvedSaga(7, NAME, "running", ()),), ended)
    after, effects = reducer.step(before, event)
    told = implied_history(before)
    return broken_by(reducer.application, told, before, event, after, effects)


@pytest.mark.parametrize("kept", [0, 1, 2, 3])
def test_a_snapshot_forgets_the_oldest(kept: int) -> None:
    """FACTS R-39, DESIGN 4: only the last 256 are kept, also where a start ends some more."""
    assert started(kept) is None


def test_a_snapshot_must_tell_of_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """FACTS R-39: what is within the bound and not told breaks the promise."""
    outcome_forgotten(monkeypatch)
    assert started(0) is None
    assert started(2) == Violation("bracket", "no snapshot tells how saga 2 ended")


def run() -> tuple[Event, ...]:
    """Both sagas, answers, an end of the connection, and a deadline."""
    opens = tuple(SCENARIO.triggers.values())
    connect = SCENARIO.connect("host", 1)
    ends = ConnectionClosed(1), TimerFired(SagaDeadline(2))
    return (*connect, *opens, *opens, CommandReceived(1, ReportPoolWindowAdded("", 1)), *ends)


def test_the_implied_history_goes_on_with_each_step() -> None:
    """DESIGN 4: what a step leaves implied is the same, made anew or of what was implied before."""
    reducer = Reducer(SCENARIO.application)
    state = reducer.initial_state()
    told = implied_history(state)
    for event in run():
        after, effects = reducer.step(state, event)
        broken, told = goes_on(reducer.application, told, state, event, after, effects)
        assert broken is None
        state = after
        assert told == implied_history(state)
    assert len(state.sagas) == 2


def test_a_saga_that_waits_on_tells_nothing() -> None:
    """DESIGN 4: a saga may change its own value while it waits, but not what it waits for."""
    reducer = Reducer(SCENARIO.application)
    state = reducer.initial_state()
    for event in run()[:-3]:
        state, _ = reducer.step(state, event)
    told, event = implied_history(state), run()[0]
    first, second = state.sagas[1], state.sagas[3]
    assert first.awaiting is not None

    def changed(**more: object) -> Violation | None:
        flight = replace(first, **more)
        after = replace(state, sagas=state.sagas.set(1, flight))
        return broken_by(reducer.application, told, state, event, after, ())

    assert changed(saga=second.saga) is None
    assert changed(awaiting=replace(first.awaiting, connection=7)) == Violation(
        "dispatch", "saga 1 awaits an answer on connection 7, which ended"
    )
    assert changed(awaiting=None) == Violation(
        "I6", "saga 1 is at ('succeeded',), yet its rows say ('pending',)"
    )


def test_a_step_succeeds_by_its_own_answer_alone() -> None:
    """FACTS F-38: what the row of a step says was its answer was told, and under its saga's id."""
    reducer = Reducer(SCENARIO.application)
    state = reducer.initial_state()
    *before, answer, _, _ = run()
    for event in before:
        state, _ = reducer.step(state, event)
    after, effects = reducer.step(state, answer)
    other = PoolWindowAdded("", 5, 3)
    swapped = tuple(_succeeding_by(other, effect) for effect in effects)
    assert swapped != effects
    told = implied_history(state)
    assert broken_by(reducer.application, told, state, answer, after, effects) is None
    assert broken_by(reducer.application, told, state, answer, after, swapped) == Violation(
        "correlation", f"a step of saga 1 succeeds by {other}, which was not its answer"
    )


def _succeeding_by(output: BusEvent, effect: Effect) -> Effect:
    match effect:
        case WriteLog(StepSucceeded() as record):
            return WriteLog(replace(record, output=output))
        case _:
            return effect
