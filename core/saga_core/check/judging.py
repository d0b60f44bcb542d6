"""Judging each step once, by what the promises read of it.

A step touches few sagas: those that its effects name, those whose entry it changed, those that
wait in a buffer, and the one that its event concerns; a step that changes a link touches all. What
the registry says of the others stands as it stood, and so does their story. So two steps that are
equal but for sagas that neither touches, the mirror and the log's state keep the same promises,
and only the first of them is judged.
"""

from collections.abc import Hashable
from typing import Any

from saga_core.check.promises import broken_by, implied_history
from saga_core.check.settling import Flights
from saga_core.engine.application import Application
from saga_core.engine.effects import ArmTimer, CancelTimer, Dispatch, Effect, Emit, WriteLog
from saga_core.engine.events import (
    Event,
    LogCommitFailed,
    LogCommitRecovered,
    RecoveryRequested,
    ShutdownRequested,
    TimerFired,
)
from saga_core.engine.history import Violation
from saga_core.engine.messages import (
    BusEvent,
    SagaActionFailed,
    SagaCompleted,
    SagaFailed,
    SagaStarted,
)
from saga_core.engine.state import State

Effects = tuple[Effect, ...]

_TELLING = (
    TimerFired
    | RecoveryRequested
    | LogCommitFailed
    | LogCommitRecovered
    | ShutdownRequested
    | BusEvent
)
"""Events that promises read; of the others only their effects count."""


class Judging:
    """Judges the steps of settled states, whose links are shared (`Settling`)."""

    def __init__(self, app: Application[Any]) -> None:
        self._app = app
        self._targets = app.peers
        self._named: list[frozenset[int]] = []
        self._numbers: dict[Effects, int] = {}
        self._fine: set[Hashable] = set()

    def number(self, effects: Effects) -> int:
        """The number of some effects."""
        number = self._numbers.get(effects)
        if number is None:
            number = self._numbers[effects] = len(self._named)
            self._named.append(frozenset(self._concerns(effect) for effect in effects))
        return number

    def broken_by(
        self,
        before: State[Any],
        event: Event,
        after: State[Any],
        effects: Effects,
        flights: tuple[Flights, Flights],
    ) -> Violation | None:
        """The first promise that a step broke. `flights` are those before it and after it."""
        key = self._read(before, event, after, self.number(effects), flights)
        if key in self._fine and after.config is before.config:
            return None
        told = implied_history(before)
        broken = broken_by(self._app, told, before, event, after, effects)
        if broken is None:
            self._fine.add(key)
        return broken

    def _read(
        self,
        before: State[Any],
        event: Event,
        after: State[Any],
        effects: int,
        flights: tuple[Flights, Flights],
    ) -> Hashable:
        """What the promises read of a step."""
        told = event if isinstance(event, _TELLING) else None
        old, new = flights
        ending = after.stopping, after.stopping and bool(new)
        failing = before.log_degraded, after.log_degraded
        if failing[0] == failing[1] and not isinstance(event, LogCommitFailed | LogCommitRecovered):
            failing = False, False
        whole = after.counters, after.outcomes, ending, failing
        rest = id(before.links), before.counters.next_saga_id, whole
        if after.links is not before.links:
            links = tuple([after.links[target] for target in self._targets])
            return effects, told, tuple(old), tuple(new), rest, links
        touched = {*self._named[effects], self._concerned(told)}
        for target in self._targets:
            touched.update(before.links[target].buffer)
        left = dict(new)
        same = {i for i, flight in old if i not in touched and left.get(i) is flight}
        return (
            effects,
            told,
            tuple([entry for entry in old if entry[0] not in same]),
            tuple([entry for entry in new if entry[0] not in same]),
            rest,
        )

    def _concerned(self, event: Event | None) -> int:
        match event:
            case TimerFired(timer):
                return timer.saga_id
            case SagaActionFailed(saga_id):
                return saga_id
            case BusEvent():
                return self._app.saga_id_of(event)
            case _:
                return 0

    def _concerns(self, effect: Effect) -> int:
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
