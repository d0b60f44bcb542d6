"""Calling `step`: once for all states that look alike to an event, and judging what it did.

What a step did is kept in the numbers of the parts that it left (`settling`), so that it can be
carried over to every state that answers the same to what the step read (`reading`).
"""

from collections.abc import Hashable
from typing import Any, NamedTuple

from msgspec.structs import replace

from saga_core.check.promises.judging import Judging
from saga_core.check.promises.steps import implied_history, unheard
from saga_core.check.scope import ALIKE, DEGRADED, ORDER, ReductionError, Scope
from saga_core.check.worlds.reading import ABSENT, EVERYTHING, Flag, Readings, Watched, answer
from saga_core.check.worlds.rows import telling
from saga_core.check.worlds.settling import Entries, Parts, Settling
from saga_core.check.worlds.twins import Others, Twins, few, orders
from saga_core.engine.effects import Effect
from saga_core.engine.events import (
    Event,
    LogCommitFailed,
    LogCommitRecovered,
    RecoveryRequested,
)
from saga_core.engine.history import History, Violation
from saga_core.engine.reducer import Reducer
from saga_core.engine.registry import Registry
from saga_core.engine.state import InFlight, State

_OUTAGE = LogCommitFailed | LogCommitRecovered

_NEVER_DEGRADED = (LogCommitFailed, LogCommitRecovered, RecoveryRequested)
"""Events that come to no process whose log fails, or are about that."""


class Result(NamedTuple):
    """What a step did, to whatever state it is carried over.

    `same`: it returned the state itself and no effects. `after` is what it left where it was made;
    `parts` are its parts but for the sagas, which are the state's own but for `changed`, where
    `ABSENT` stands for a saga that ended. `judged` is the number of all that promises read of the
    step whatever the state; they read the entries of `touched` besides, and if a link changed
    (`linked`) the connections of all others. `told` is the number of what the log and the bus were
    told. `unheard`: the promise that a step which did nothing broke by that. `asks`: it asked
    whether the log fails.
    """

    same: bool
    after: State[Any]
    effects: tuple[Effect, ...]
    parts: Parts
    changed: Entries
    judged: int
    touched: tuple[int, ...]
    linked: bool
    told: int
    unheard: Violation | None = None
    asks: bool = False


class Stepping:
    """Makes the steps of one search.

    The twins that its reductions rest on must do the same, where few sagas are in flight.
    """

    def __init__(
        self, settling: Settling, reducer: Reducer[Any], twins: Twins, scope: Scope
    ) -> None:
        self.calls = 0
        self._few = few(scope)
        self._turns = scope.uses(ORDER)
        self._reissues = scope.alike
        self._degrades = scope.uses(DEGRADED)
        self._reducer = reducer
        self._settling = settling
        self._twins = twins
        self._judging = Judging(reducer.application)
        self._readings: Readings[Result] = Readings()
        self._stories: dict[Parts, History] = {}
        self._rests: dict[Parts, int] = {}
        self._judged: dict[Hashable, int] = {}
        self._told: dict[tuple[Effect, ...], int] = {}

    def rest(self, parts: Parts) -> int:
        """The number of a state's parts but for its sagas."""
        rest = parts._replace(sagas=())
        return self._rests.setdefault(rest, len(self._rests))

    def result(
        self, before: State[Any], parts: Parts, rest: int, number: int, event: Event
    ) -> Result:
        """What the event, by its number, does in a state; `rest` is that of its parts."""
        found = self._readings.find(number, rest, parts.sagas)
        if found is None:
            read: list[int] = []
            found = self._step(before, parts, event, read)
            self._readings.add(number, rest, parts.sagas, read, found)
            if len(parts.sagas) <= self._few:
                self._look_at_twins(before, parts, event, found, read)
            if self._degrades and not isinstance(event, _NEVER_DEGRADED):
                self._look_at_degraded(before, parts, event, found)
        return found

    def effects_of(self, state: State[Any], event: Event) -> tuple[Effect, ...]:
        """What `step` does in a state that is none of the search's."""
        self.calls += 1
        return self._reducer.step(state, event)[1]

    def carried(self, parts: Parts, result: Result) -> Parts:
        """What is left of the state that has these parts."""
        left, sagas = result.parts, parts.sagas
        if result.changed:
            entries = dict(sagas)
            for saga_id, number in result.changed:
                if number == ABSENT:
                    entries.pop(saga_id, None)
                else:
                    entries[saga_id] = number
            sagas = tuple(sorted(entries.items()))
        return Parts(
            left.mirror,
            sagas,
            left.links,
            left.stopping,
            left.log_degraded,
            left.next_saga_id,
        )

    def broken_by(
        self, before: State[Any], parts: Parts, event: Event, result: Result, sagas: Entries
    ) -> Violation | None:
        """The first promise that a step broke; `sagas` are those that are left."""
        old = tuple([answer(saga_id, parts.sagas) for saga_id in result.touched])
        ways = self._ways(sagas, result.touched) if result.linked else None
        key = result.judged, old, ways, result.after.stopping and bool(sagas)
        if self._judging.is_fine(key):
            return None
        after = replace(result.after, sagas=self._settling.registry(sagas))
        told = self._stories.get(parts)
        if told is None:
            told = self._stories[parts] = implied_history(before)
        return self._judging.broken_by(key, told, before, event, after, result.effects)

    def _step(self, before: State[Any], parts: Parts, event: Event, read: list[int]) -> Result:
        self.calls += 1
        watched = Watched(entries=before.sagas, read=read)
        fails = Flag(before.log_degraded)
        given: State[Any] = replace(before, sagas=watched, log_degraded=fails)
        after, effects = self._reducer.step(given, event)
        asks = fails.read
        if after is given and not effects:
            wrong = unheard(before, event)
            return Result(True, before, (), parts, (), 0, (), False, 0, wrong, asks)
        changed = self._changed(before.sagas, after.sagas, read)
        after = replace(after, sagas=_plain(after.sagas), log_degraded=bool(after.log_degraded))
        touched = self._judging.touched(before, event, after, effects)
        return Result(
            False,
            after,
            effects,
            self._settling.rest_of(after),
            changed,
            self._number(before, event, after, effects, changed),
            tuple(sorted(touched.union(saga_id for saga_id, _ in changed))),
            after.links is not before.links,
            self._told.setdefault(telling(effects), len(self._told)),
            asks=asks,
        )

    def _changed(
        self, before: Registry[InFlight], after: Registry[InFlight], read: list[int]
    ) -> Entries:
        """The entries that a step changed. One that makes a registry of its own reads it all."""
        if isinstance(after, Watched):
            ids = sorted(after.written)
        else:
            read += [EVERYTHING] * (EVERYTHING not in read)
            ids = sorted({saga_id for saga_id, _ in (*before.items(), *after.items())})
        left = [(saga_id, _plain(after).get(saga_id)) for saga_id in ids]
        return tuple(
            (saga_id, ABSENT if flight is None else self._settling.number(flight))
            for saga_id, flight in left
        )

    def _number(
        self,
        before: State[Any],
        event: Event,
        after: State[Any],
        effects: tuple[Effect, ...],
        changed: Entries,
    ) -> int:
        """The number of what promises read of a step, but for the entries of sagas."""
        number, targets = self._settling.number, self._settling.targets
        read = (
            effects,
            self._judging.told(event),
            tuple([number(before.links[target]) for target in targets]),
            tuple([number(after.links[target]) for target in targets]),
            before.counters,
            after.counters,
            after.outcomes,
            after.config,
            _log_and_end(before, event, after),
            changed,
        )
        return self._judged.setdefault(read, len(self._judged))

    def _ways(self, sagas: Entries, touched: tuple[int, ...]) -> Hashable:
        """Where the sagas that a step did not touch await their answers."""
        steps = [
            self._settling.values[number].awaiting
            for saga_id, number in sagas
            if saga_id not in touched
        ]
        return frozenset([(step.target, step.connection) for step in steps if step is not None])

    def _look_at_twins(
        self, before: State[Any], parts: Parts, event: Event, result: Result, read: list[int]
    ) -> None:
        looked = _looked_at(read, parts.sagas)
        for others in orders(parts.sagas, looked):
            if self._turns and looked > 1:
                self._turn(before, parts, event, result, others)
            if self._reissues:
                self._turn(before, parts, event, result, others, reissued=True)

    def _look_at_degraded(
        self, before: State[Any], parts: Parts, event: Event, result: Result
    ) -> None:
        """Raise `ReductionError` unless the degraded twin does the same, where it is looked at."""
        if parts.log_degraded or not (result.asks or len(parts.sagas) <= 1):
            return
        twin = parts._replace(log_degraded=True)
        other = self._step(replace(before, log_degraded=True), twin, event, [])
        left = self.carried(parts, result)._replace(log_degraded=True)
        if left != self.carried(twin, other) or result.effects != other.effects:
            raise ReductionError(DEGRADED)

    def _turn(
        self,
        before: State[Any],
        parts: Parts,
        event: Event,
        result: Result,
        others: Others,
        *,
        reissued: bool = False,
    ) -> None:
        """Raise `ReductionError` unless the turned twin does the same, or the reissued one."""
        twins = self._twins
        twin = twins.parts(parts, others, reissued=reissued)
        state, turned = self._settling.state(before, twin), twins.event(event, others)
        other = self._step(state, twin, turned, [])
        here = self._outcome(before, parts, event, result)
        there = self._outcome(state, twin, turned, other)
        mine = tuple((saga_id, saga_id) for saga_id, _ in others)
        if here != there or twins.done(result.effects, others) != twins.done(other.effects, mine):
            raise ReductionError(ALIKE if reissued else ORDER)

    def _outcome(
        self, before: State[Any], parts: Parts, event: Event, result: Result
    ) -> Parts | None:
        """Where a step leads, whatever the ids; None: it broke a promise."""
        left = self.carried(parts, result)
        if result.same:
            return None if result.unheard else self._settling.settled(left)[0]
        if self.broken_by(before, parts, event, result, left.sagas) is not None:
            return None
        return self._settling.settled(left)[0]


def _log_and_end(before: State[Any], event: Event, after: State[Any]) -> tuple[bool, ...]:
    """Whether the process ends; whether its log fails, where that can be told."""
    if before.log_degraded == after.log_degraded and not isinstance(event, _OUTAGE):
        return (after.stopping,)
    return after.stopping, before.log_degraded, after.log_degraded


def _plain(registry: Registry[InFlight]) -> Registry[InFlight]:
    return registry.entries if isinstance(registry, Watched) else registry


def _looked_at(read: list[int], sagas: Entries) -> int:
    """How many sagas a step looked at that read this."""
    if EVERYTHING in read:
        return len(sagas)
    return sum(saga_id in read for saga_id, _ in sagas)
