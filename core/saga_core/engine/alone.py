"""What concerns one saga moves no other (DESIGN 4, I8; FACTS F-19, F-38, R-10).

A saga moves on, or ends, by one of these alone:

-   an event with its id: the one that came in, or one that this step put on the bus;
-   its own timer;
-   its opening: whatever befalls it in the step that it opened in;
-   newer commands, which push its own out of a buffer (R-01; whether they had to is I7);
-   the end of the process, or the start of the next one, which end all.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from saga_core.engine import reasons
from saga_core.engine.application import Application
from saga_core.engine.effects import Effect, Emit, WriteLog
from saga_core.engine.events import Event, RecoveryRequested, ShutdownRequested, TimerFired
from saga_core.engine.history import Violation
from saga_core.engine.messages import (
    BusEvent,
    SagaActionFailed,
    SagaCompleted,
    SagaFailed,
    SagaStarted,
)
from saga_core.engine.records import SagaClosed, SagaOpened
from saga_core.engine.state import InFlight, State

_ENDING_ALL = RecoveryRequested | ShutdownRequested
_BRACKETS = SagaStarted | SagaCompleted | SagaFailed


def concerned(app: Application[Any], event: Event) -> int:
    """The saga whose id an event carries; 0, if it carries none. A command is no event yet."""
    match event:
        case TimerFired(timer):
            return timer.saga_id
        case SagaActionFailed(saga_id):
            return saga_id
        case BusEvent():
            return app.saga_id_of(event)
        case _:
            return 0


def strayed(
    app: Application[Any],
    before: State[Any],
    event: Event,
    after: State[Any],
    effects: tuple[Effect, ...],
    changed: Iterable[int],
    closed: Iterable[SagaClosed],
) -> Iterator[Violation]:
    """The sagas that a step moved, though nothing in it concerned them.

    `changed` are those whose entries it changed, `closed` the rows that it closed.
    """
    if isinstance(event, _ENDING_ALL):
        return
    moved = [(saga_id, "moves on") for saga_id in changed if _moved(before, after, saga_id)]
    ended = [(row.saga_id, "ends") for row in closed if not _pushed_out(app, row)]
    if not moved and not ended:
        return
    concerns = _concerned_by(app, event, effects)
    for saga_id, what in (*ended, *moved):
        if saga_id not in concerns:
            yield Violation("I8", f"saga {saga_id} {what} by a step that does not concern it")


def _concerned_by(app: Application[Any], event: Event, effects: tuple[Effect, ...]) -> set[int]:
    found = {0 if isinstance(event, _BRACKETS) else concerned(app, event)}
    for effect in effects:
        match effect:
            case Emit(told) if not isinstance(told, _BRACKETS):
                found.add(concerned(app, told))
            case WriteLog(SagaOpened(saga_id)):
                found.add(saga_id)
            case _:
                pass
    return found


def _moved(before: State[Any], after: State[Any], saga_id: int) -> bool:
    earlier, later = before.sagas.get(saga_id), after.sagas.get(saga_id)
    if earlier is None or later is None:
        return False
    return _value(earlier) != _value(later)


def _value(flight: InFlight) -> tuple[object, int]:
    return flight.saga, flight.next_step_index


def _pushed_out(app: Application[Any], row: SagaClosed) -> bool:
    return any(row.reason == reasons.overflow(target) for target in app.peers)
