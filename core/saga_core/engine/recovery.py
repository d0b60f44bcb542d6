"""What becomes of the sagas that a dead process left behind (FACTS 4.4).

Nothing is resumed: what the peers did is unknown. Each unresolved saga becomes
`failed_compensation`, its pending steps fail with the same reason (R-40), and a `saga_failed`
goes out, so that a subscriber can close the bracket it holds (R-39). Sagas that had ended,
failed ones too, stay as they are (R-38). Ids go on above every id ever shown (R-41). However many
were left, only those are remembered of which a snapshot will tell.
"""

from saga_core.engine import reasons
from saga_core.engine.events import RecoveryRequested
from saga_core.engine.messages import SagaFailed
from saga_core.engine.records import SagaClosed, SagaOutcome, StepFailed, UnresolvedSaga
from saga_core.engine.state import M
from saga_core.engine.turn import Turn


def recover(turn: Turn[M], recovery: RecoveryRequested) -> None:
    """Resolve what the log left open and take over its ids and outcomes."""
    assert not turn.sagas, "recovery is the first event of a run"
    turn.next_saga_id = max(turn.next_saga_id, recovery.first_free_id)
    for outcome in recovery.outcomes:
        turn.remember(outcome)
    rows = sorted(recovery.unresolved, key=_id_of)
    for row in rows:
        _resolve(turn, row)
    for row in rows[-turn.config.outcomes_kept :]:
        reason = _reason(turn, row)
        turn.remember(SagaOutcome(row.saga_id, row.name, "failed_compensation", reason))


def _resolve(turn: Turn[M], row: UnresolvedSaga) -> None:
    reason = _reason(turn, row)
    for step_index in row.pending_steps:
        turn.write(StepFailed(row.saga_id, step_index, reason))
    turn.write(SagaClosed(row.saga_id, "failed_compensation", reason))
    turn.emit(SagaFailed(row.saga_id, reason, turn.take_version()))


def _reason(turn: Turn[M], row: UnresolvedSaga) -> str:
    return reasons.restarted(turn.app.process, row.state)


def _id_of(row: UnresolvedSaga) -> int:
    return row.saga_id
