"""Promises at the edge of what a short search meets."""

import pytest
from tests.core.check.mutants import outcome_forgotten

from saga_core.agentmux import WindowCleanup
from saga_core.check.agentmux import SCENARIO
from saga_core.check.promises.steps import broken_by, implied_history
from saga_core.engine import (
    Config,
    RecoveryRequested,
    Reducer,
    SagaOutcome,
    UnresolvedSaga,
    Violation,
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
