"""What a new run makes of the log of a dead one (FACTS 4.4, R-38 to R-41)."""

import pytest
from tests.core.engine.order_app import SHOP, Placed
from tests.core.engine.store import Store
from tests.core.harness import emitted, opened_ids, records

from saga_core.engine import (
    Config,
    Emit,
    RecoveryRequested,
    SagaClosed,
    SagaDeadline,
    SagaFailed,
    SagaOutcome,
    StepFailed,
    TimerFired,
    UnresolvedSaga,
    WriteLog,
    empty_history,
    observe,
)
from saga_core.engine.outcomes import last

REASON = "shop restarted while saga in state 'running'"


def test_each_open_saga_is_resolved_in_order() -> None:
    """FACTS R-39, R-40: steps and row fail for one reason, then its bracket closes, by id."""
    store = Store()
    unresolved = (
        UnresolvedSaga(7, "fulfil", "compensating", ()),
        UnresolvedSaga(4, "fulfil", "running", (1, 2)),
    )
    compensating = "shop restarted while saga in state 'compensating'"
    effects = store.reducer.step(store.state, RecoveryRequested(9, unresolved))[1]
    assert effects == (
        WriteLog(StepFailed(4, 1, REASON)),
        WriteLog(StepFailed(4, 2, REASON)),
        WriteLog(SagaClosed(4, "failed_compensation", REASON)),
        Emit(SagaFailed(4, REASON, 1)),
        WriteLog(SagaClosed(7, "failed_compensation", compensating)),
        Emit(SagaFailed(7, compensating, 2)),
    )


def test_outcomes_are_taken_over() -> None:
    """FACTS R-38, R-39: sagas that ended stay as they are, and are still told of."""
    store = Store()
    ended = (SagaOutcome(1, "fulfil", "failed", "no"), SagaOutcome(2, "fulfil", "completed", None))
    assert store.give(RecoveryRequested(3, (), ended)) == ()
    assert last(store.state.outcomes, 256) == ended


@pytest.mark.parametrize("kept", [0, 1, 2, 3, 256])
def test_the_last_that_are_resolved_are_told_of(kept: int) -> None:
    """DESIGN 4: however many a crash left, a snapshot tells of the last that ended."""
    store = Store(Config(outcomes_kept=kept))
    ended = (SagaOutcome(1, "fulfil", "completed", None),)
    unresolved = tuple(UnresolvedSaga(n, "fulfil", "running", ()) for n in (4, 2, 3))
    resolved = [SagaOutcome(n, "fulfil", "failed_compensation", REASON) for n in (2, 3, 4)]
    state, _ = store.reducer.step(store.state, RecoveryRequested(5, unresolved, ended))
    told = last(state.outcomes, kept)
    assert told == (*ended, *resolved)[max(0, 4 - kept) :]


def test_ids_go_on_above_every_id_ever_shown() -> None:
    """FACTS F-34, R-18, R-41: the durable counter decides, not the rows that are left."""
    store = Store()
    store.give(RecoveryRequested(1001))
    assert opened_ids(store.give(Placed("a"))) == [1001]


@pytest.mark.parametrize(
    "recovery",
    [
        RecoveryRequested(1, (UnresolvedSaga(9, "fulfil", "running", ()),)),
        RecoveryRequested(1, (), (SagaOutcome(9, "fulfil", "completed", None),)),
    ],
)
def test_an_id_of_a_row_is_never_given_out(recovery: RecoveryRequested) -> None:
    """FACTS R-41, F-34: should the counter lie too low, the rows themselves say so."""
    fresh = Store().state
    begun, effects = SHOP.step(fresh, recovery)
    told, broken = observe(SHOP.application, empty_history(), fresh, recovery, begun, effects)
    assert (told.highest_id, broken) == (9, ())
    ordered, _ = SHOP.step(begun, Placed("a"))
    assert [saga_id for saga_id, _ in ordered.sagas.items()] == [10]


def test_an_empty_log_changes_nothing() -> None:
    """FACTS 4.4: a first start has nothing to resolve."""
    Store().ignores(RecoveryRequested(1))


def test_no_saga_ever_gets_id_zero() -> None:
    """FACTS R-34, R-41: ids never go below 1, whatever the log says: 0 means no saga."""
    store = Store()
    store.give(RecoveryRequested(0))
    assert opened_ids(store.give(Placed("a"))) == [1]


def test_an_answer_for_a_recovered_saga_is_foreign() -> None:
    """FACTS 4.4: nothing is resumed: what comes for the old saga changes nothing."""
    store = Store()
    state, _ = store.reducer.step(
        store.state, RecoveryRequested(5, (UnresolvedSaga(4, "fulfil", "running", (0,)),))
    )
    assert store.reducer.step(state, TimerFired(SagaDeadline(4))) == (state, ())


def test_recovery_comes_first() -> None:
    """DESIGN 5: recovery amid a run would be a bug of the shell, and says so."""
    store = Store()
    store.order("a")
    with pytest.raises(AssertionError, match="recovery is the first event"):
        store.reducer.step(store.state, RecoveryRequested(2))


def test_recovered_failures_come_before_anything_else() -> None:
    """DESIGN 7: they are the first events of the new run, numbered from 1."""
    store = Store()
    open_row = (UnresolvedSaga(4, "fulfil", "running", ()),)
    state, effects = store.reducer.step(store.state, RecoveryRequested(5, open_row))
    assert emitted(effects) == [SagaFailed(4, REASON, 1)]
    assert [type(record) for record in records(effects)] == [SagaClosed]
    assert state.counters.version == 1
