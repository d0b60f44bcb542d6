"""Judging each step once, by what the promises read of it.

A step touches few sagas: those that its effects name, those whose entry it changed, those that
wait in a buffer, and the one that its event concerns. What the registry says of the others stands
as it stood, and so does their story; of them the promises read only the connections that they await
answers on, and only if a link changed. So two steps that are equal but for sagas that neither
touches, the mirror and the log's state keep the same promises, and only the first is judged.
"""

from collections.abc import Hashable
from typing import Any

from saga_core.check.promises.steps import broken_by
from saga_core.engine.alone import concerned
from saga_core.engine.application import Application
from saga_core.engine.effects import ArmTimer, CancelTimer, Dispatch, Effect, Emit, WriteLog
from saga_core.engine.events import (
    ConnectionClosed,
    Event,
    LogCommitFailed,
    LogCommitRecovered,
    RecoveryRequested,
    ShutdownRequested,
    TimerFired,
)
from saga_core.engine.history import History, Violation
from saga_core.engine.messages import (
    BusEvent,
    SagaActionFailed,
    SagaCompleted,
    SagaFailed,
    SagaStarted,
)
from saga_core.engine.state import State

_TELLING = (
    TimerFired
    | ConnectionClosed
    | RecoveryRequested
    | LogCommitFailed
    | LogCommitRecovered
    | ShutdownRequested
    | BusEvent
)
"""Events that promises read; of the others only their effects count."""


class Judging:
    """Judges steps; what it is told as a key is all that the promises read."""

    def __init__(self, app: Application[Any]) -> None:
        self._app = app
        self._fine: set[Hashable] = set()

    def broken_by(
        self,
        key: Hashable,
        told: History,
        before: State[Any],
        event: Event,
        after: State[Any],
        effects: tuple[Effect, ...],
    ) -> Violation | None:
        """The first promise that a step broke; `told` is the implied history of `before`."""
        broken = broken_by(self._app, told, before, event, after, effects)
        if broken is None:
            self._fine.add(key)
        return broken

    def is_fine(self, key: Hashable) -> bool:
        """Whether a step with this key was judged and broke no promise."""
        return key in self._fine

    def touched(
        self, before: State[Any], event: Event, after: State[Any], effects: tuple[Effect, ...]
    ) -> frozenset[int]:
        """The sagas that a step touches, but for those whose entry it changed."""
        touched = {concerned(self._app, event), *map(self._named, effects)}
        for target in self._app.peers:
            touched.update(before.links[target].buffer, after.links[target].buffer)
        return frozenset(touched)

    def told(self, event: Event) -> Event | None:
        """What promises read of an event."""
        return event if isinstance(event, _TELLING) else None

    def _named(self, effect: Effect) -> int:
        """The saga that an effect names; 0 if it names none."""
        match effect:
            case WriteLog(record):
                return record.saga_id
            case Emit(
                SagaStarted(saga_id)
                | SagaCompleted(saga_id)
                | SagaFailed(saga_id)
                | SagaActionFailed(saga_id)
            ):
                return saga_id
            case ArmTimer(timer) | CancelTimer(timer):
                return timer.saga_id
            case Dispatch(_, _, command):
                return self._app.saga_id_of(command)
            case _:
                return 0
