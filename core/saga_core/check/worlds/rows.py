"""What is left of a process that died between two effects: its committed rows, and what was heard.

The process may die after each effect of a step, as they stand. The runner commits all rows of a
step first, which leaves nothing else: where rows precede what they announce, as they must (I3), an
event that was heard, or was not, makes no difference to what is left.
"""

from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from saga_core.engine.effects import Effect, Emit, WriteLog
from saga_core.engine.events import RecoveryRequested
from saga_core.engine.messages import SagaCompleted, SagaFailed, SagaStarted
from saga_core.engine.ordered import sorted_items
from saga_core.engine.records import (
    LogRecord,
    SagaClosed,
    SagaOpened,
    SagaOutcome,
    StepFailed,
    StepOpened,
    StepSucceeded,
    UnresolvedSaga,
)
from saga_core.engine.state import InFlight, State

_TELLING = (WriteLog, Emit)


class Row(Struct, frozen=True):
    """A saga's open row. `ended`: its end was heard on the bus already, which is a fault."""

    saga_id: int
    name: str
    pending: tuple[int, ...] = ()
    ended: bool = False


class Down(Struct, frozen=True):
    """A process that is not running.

    `outcomes` are the sagas whose rows closed in the step that it died in, `lost` those that were
    announced and have no row. `excused`: the log was degraded, which subscribers were told, so
    the log may lack rows of what was heard.
    """

    next_saga_id: int
    rows: tuple[Row, ...] = ()
    outcomes: tuple[SagaOutcome, ...] = ()
    lost: tuple[int, ...] = ()
    excused: bool = False


def left_by(state: State[Any]) -> Down:
    """What a process leaves that dies in this state, with nothing under way."""
    rows = tuple(_row(saga_id, flight) for saga_id, flight in sorted_items(state.sagas))
    return Down(state.counters.next_saga_id, rows)


def recovery_of(down: Down) -> RecoveryRequested:
    """The first event of the next run."""
    unresolved = tuple(
        UnresolvedSaga(row.saga_id, row.name, "running", row.pending) for row in down.rows
    )
    return RecoveryRequested(down.next_saga_id, unresolved, down.outcomes)


def crashes(
    before: Down, next_saga_id: int, effects: tuple[Effect, ...]
) -> tuple[tuple[int, Down], ...]:
    """What can be left of a process that dies in a step, and after how many effects.

    `next_saga_id` lies above every id of the step: the durable counter does.
    """
    found: dict[Down, int] = {}
    down = replace(before, next_saga_id=next_saga_id)
    found[down] = 0
    for done, effect in enumerate(effects, start=1):
        down = after(down, effect)
        found.setdefault(down, done)
    return tuple((done, down) for down, done in found.items())


def telling(effects: tuple[Effect, ...]) -> tuple[Effect, ...]:
    """The effects that make a difference to what is left."""
    return tuple([effect for effect in effects if isinstance(effect, _TELLING)])


def after(down: Down, effect: Effect) -> Down:
    """What is left if the process dies after one more effect."""
    match effect:
        case WriteLog(record):
            return _recorded(down, record)
        case Emit(SagaStarted(saga_id)):
            known = {row.saga_id for row in down.rows} | {o.saga_id for o in down.outcomes}
            return down if saga_id in known else replace(down, lost=(*down.lost, saga_id))
        case Emit(SagaCompleted(saga_id) | SagaFailed(saga_id)):
            return _with(down, saga_id, lambda row: replace(row, ended=True))
        case _:
            return down


def shape(down: Down) -> Down:
    """What is left, whatever the ids: sagas are called by what is left of them."""
    rows = tuple(
        replace(row, saga_id=place) for place, row in enumerate(sorted(down.rows, key=_of_row), 1)
    )
    outcomes = tuple(
        replace(ended, saga_id=place)
        for place, ended in enumerate(sorted(down.outcomes, key=_of_outcome), len(rows) + 1)
    )
    known = len(rows) + len(outcomes)
    lost = tuple(range(known + 1, known + len(down.lost) + 1))
    return Down(known + len(lost) + 1, rows, outcomes, lost, down.excused)


def _of_row(row: Row) -> tuple[object, ...]:
    return row.name, row.pending, row.ended


def _of_outcome(outcome: SagaOutcome) -> tuple[object, ...]:
    return outcome.name, outcome.state, outcome.failure_reason or ""


def _row(saga_id: int, flight: InFlight) -> Row:
    pending = () if flight.awaiting is None else (flight.awaiting.step_index,)
    return Row(saga_id, flight.name, pending)


def _recorded(down: Down, record: LogRecord) -> Down:
    match record:
        case SagaOpened(saga_id, name):
            return replace(down, rows=(*down.rows, Row(saga_id, name)))
        case StepOpened(saga_id, index):
            return _with(down, saga_id, lambda row: replace(row, pending=(*row.pending, index)))
        case StepSucceeded(saga_id, index) | StepFailed(saga_id, index):
            return _with(down, saga_id, lambda row: replace(row, pending=_less(row, index)))
        case SagaClosed():
            return _closed(down, record)


def _closed(down: Down, record: SagaClosed) -> Down:
    names = [row.name for row in down.rows if row.saga_id == record.saga_id]
    outcomes = tuple(
        SagaOutcome(record.saga_id, name, record.state, record.reason) for name in names
    )
    rows = tuple(row for row in down.rows if row.saga_id != record.saga_id)
    return replace(down, rows=rows, outcomes=(*down.outcomes, *outcomes))


def _less(row: Row, index: int) -> tuple[int, ...]:
    return tuple(other for other in row.pending if other != index)


def _with(down: Down, saga_id: int, change: Any) -> Down:
    rows = tuple(change(row) if row.saga_id == saga_id else row for row in down.rows)
    return replace(down, rows=rows)
