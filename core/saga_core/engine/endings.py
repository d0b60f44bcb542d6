"""The one way in which a saga ends.

The rules
---------
1.  *Claim*: ending a saga is removing it from the registry. Whoever finds no entry produces
    nothing, so done, deadline, failure report, drop and shutdown can't both end it (FACTS F-29).
2.  The turn that claims also tells, in this order: its buffered command is purged; its pending
    step failed, if the saga failed (R-08); its row is closed; its deadline is cancelled; and
    exactly one terminal event goes out.
3.  Sagas that end in one step end in the order of their ids (R-20).
"""

from collections.abc import Iterable

from returns.maybe import Maybe, Nothing, Some

from saga_core.engine import links
from saga_core.engine.events import SagaDeadline
from saga_core.engine.messages import SagaCompleted, SagaFailed
from saga_core.engine.records import SagaClosed, SagaOutcome, StepFailed, TerminalState
from saga_core.engine.state import InFlight, M
from saga_core.engine.turn import Turn


def complete(turn: Turn[M], saga_id: int) -> None:
    """End a saga whose work is done."""
    _end(turn, saga_id, None)


def fail(turn: Turn[M], saga_id: int, reason: str) -> None:
    """End a saga as failed; nothing happens if it is not in flight."""
    _end(turn, saga_id, reason)


def fail_all(turn: Turn[M], saga_ids: Iterable[int], reason: str) -> None:
    """End several sagas as failed, ascending by id."""
    for saga_id in sorted(saga_ids):
        fail(turn, saga_id, reason)


def _end(turn: Turn[M], saga_id: int, reason: str | None) -> None:
    claimed = _claim(turn, saga_id)
    if claimed is not Nothing:
        _tell(turn, saga_id, claimed.unwrap(), reason)


def _claim(turn: Turn[M], saga_id: int) -> Maybe[InFlight]:
    """Take a saga out of the registry, and its command out of the buffer. The taker ends it."""
    flight = turn.sagas.get(saga_id)
    if flight is None:
        return Nothing
    turn.sagas = turn.sagas.remove(saga_id)
    if flight.awaiting is not None:
        links.release(turn, saga_id, flight.awaiting)
    return Some(flight)


def _tell(turn: Turn[M], saga_id: int, flight: InFlight, reason: str | None) -> None:
    """Log and announce an ending: completed if there is no reason, else failed."""
    if reason is not None and flight.awaiting is not None:
        turn.write(StepFailed(saga_id, flight.awaiting.step_index, reason))
    state: TerminalState = "completed" if reason is None else "failed"
    turn.write(SagaClosed(saga_id, state, reason))
    turn.cancel(SagaDeadline(saga_id))
    version = turn.take_version()
    turn.emit(
        SagaCompleted(saga_id, version) if reason is None else SagaFailed(saga_id, reason, version)
    )
    turn.remember(SagaOutcome(saga_id, flight.name, state, reason))
