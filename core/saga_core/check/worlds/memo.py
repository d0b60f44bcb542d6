"""The reducer as a table of small integers: what an event does in a state is looked up.

`step` is called, and its result judged, the first time that an event meets what it reads of a
state (`stepping`). From then on the pair is a look-up. So the price of immutable maps and of the
promises is paid some thousand times in a search of millions of transitions.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from saga_core.check.promises.recall import remembering
from saga_core.check.scope import DEGRADED, NAMES, ORDER, ROWS, Scenario, Scope
from saga_core.check.worlds.boundaries import ended_twice, left_over, unclosable
from saga_core.check.worlds.deaths import NOTHING, Deaths, Torn
from saga_core.check.worlds.holding import Holding
from saga_core.check.worlds.rows import left_by, recovery_of
from saga_core.check.worlds.sent import Sent
from saga_core.check.worlds.settling import Parts, Settling
from saga_core.check.worlds.stepping import Result, Stepping
from saga_core.check.worlds.twins import Twins
from saga_core.check.worlds.view import Names
from saga_core.engine.config import Config
from saga_core.engine.effects import CloseConnection, Dispatch, Effect
from saga_core.engine.events import Event
from saga_core.engine.history import Violation
from saga_core.engine.reducer import Reducer
from saga_core.engine.state import State


class Deed(NamedTuple):
    """What the effects of a step do to its world.

    `sends`: a bit for each command sent, `over`: the connections used. `closes`: the connections
    that the process ends.
    """

    effects: tuple[Effect, ...]
    sends: int
    over: tuple[int, ...]
    closes: tuple[int, ...]


_IDLE = Deed((), 0, (), ())


class Arc(NamedTuple):
    """What an event does in a state.

    `to`: the next state, and `names`: how its names translate. `downs`: what is left if the process
    dies in this step, and after how many effects. `broken`: the first promise that the step broke;
    such a step leads nowhere.
    """

    to: int
    names: Names
    deed: Deed
    downs: Torn
    broken: Violation | None


class Memo:
    """States, events, commands and dead processes as integers.

    By the number of a state: `states`, the ids `in_flight`, the `names` of one who stays as it is,
    and what is `left` if the process dies there.
    """

    def __init__(self, scenario: Scenario, scope: Scope) -> None:
        self.scenario = scenario
        self.reducer: Reducer[Any] = Reducer(scenario.application)
        self._dies = "crash" in scope.faults
        self.forgets_outages = scope.uses(DEGRADED)
        self.by_issue = scope.uses(ORDER)
        self.holding = Holding(scenario, rename=scope.uses(NAMES))
        self._settling = Settling(
            scenario,
            scope.connections,
            rename=scope.uses(NAMES),
            by_issue=self.by_issue,
            alike=scope.alike,
        )
        self._twins = Twins(scenario, self._settling)
        self._stepping = Stepping(self._settling, self.reducer, self._twins, scope)
        self.deaths = Deaths(
            by_shape=self.by_issue,
            renamed=scope.uses(NAMES),
            harmless=self._is_harmless if scope.uses(ROWS) else None,
        )
        self.states: list[State[Any]] = []
        self.in_flight: list[tuple[int, ...]] = []
        self.left: list[int] = []
        self.events: list[Event] = []
        self._parts: list[Parts] = []
        self._rests: list[int] = []
        self.names: list[Names] = []
        self._arcs: list[dict[int, Arc]] = []
        self._deeds: dict[int, Deed] = {}
        self._starts: dict[int, Arc] = {}
        self._states: dict[Parts, int] = {}
        self._events: dict[Event, int] = {}
        initial = self.reducer.initial_state(Config(buffer_cap=scope.buffer_cap))
        self.initial, _ = self._state(initial, self._settling.parts_of(initial))

    @property
    def step_calls(self) -> int:
        """How often `step` was called."""
        return self._stepping.calls

    def event(self, event: Event) -> int:
        """The number of an event."""
        number = self._events.get(event)
        if number is None:
            number = self._events[event] = len(self.events)
            self.events.append(event)
        return number

    def about(self, sent: Sent, make: Callable[[Sent], Event]) -> int:
        """The number of the event that `make` makes of a command that was sent."""
        event = make(sent)
        self._twins.comes_of(event, sent, make)
        return self.event(event)

    def arc(self, state: int, event: int) -> Arc:
        """What the event does in the state."""
        found = self._arcs[state].get(event)
        if found is None:
            result = self.result(state, event)
            found = self._arcs[state][event] = self._arc(state, event, result, self.left[state])
        return found

    def start(self, down: int) -> Arc:
        """What the first event of the next run does."""
        found = self._starts.get(down)
        if found is None:
            event = self.event(recovery_of(self.deaths.downs[down]))
            result = self.result(self.initial, event)
            found = self._starts[down] = self._arc(self.initial, event, result, down)
        return found

    def broken_start(self, down: int) -> Violation | None:
        """The promise that the next run breaks as it starts."""
        arc, left = self.start(down), self.deaths.downs[down]
        return (
            arc.broken
            or ended_twice(left, arc.deed.effects)
            or unclosable(left)
            or self._left_over(arc.to)
        )

    def _left_over(self, begun: int) -> Violation | None:
        if begun == self.initial:
            return None
        return left_over(self.states[self.initial], self.states[begun])

    def result(self, state: int, event: int) -> Result:
        """What the event does in the state, not judged."""
        return self._stepping.result(
            self.states[state], self._parts[state], self._rests[state], event, self.events[event]
        )

    def alike_but_for_sagas(self, state: int) -> int:
        """A number that states share which differ in nothing but their sagas in flight."""
        return self._rests[state]

    def recalls_nothing(self, state: int, event: int) -> bool:
        """Whether the event does the same to a process that remembers sagas which ended."""
        remembers = remembering(self.scenario, self.states[state])
        effects = self._stepping.effects_of(remembers, self.events[event])
        return effects == self.result(state, event).effects

    def leads_back(self, state: int, result: Result) -> bool:
        """Whether a step leaves a state that is like the one it was made in."""
        parts = self._stepping.carried(self._parts[state], result)
        return self._settling.settled(parts)[0] == self._parts[state]

    def all_arcs(self) -> Iterator[Arc]:
        """Every step that was made, starts included."""
        for arcs in self._arcs:
            yield from arcs.values()
        yield from self.all_starts()

    def all_starts(self) -> Iterable[Arc]:
        """Every first step of a run that follows another."""
        return self._starts.values()

    def _state(self, like: State[Any], parts: Parts) -> tuple[int, Names]:
        """The number of a state, and how its names translate; `parts` are not settled yet."""
        settled, names = self._settling.settled(parts)
        number = self._states.get(settled)
        if number is None:
            number = self._states[settled] = len(self.states)
            state = self._settling.state(like, settled)
            in_flight = tuple(saga_id for saga_id, _ in settled.sagas)
            self.states.append(state)
            self.in_flight.append(in_flight)
            self.left.append(self.deaths.number(left_by(state)))
            self._parts.append(settled)
            self._rests.append(self._stepping.rest(settled))
            self.names.append(self._settling.names(in_flight, self._settling.as_they_are))
            self._arcs.append({})
        return number, names

    def _arc(self, number: int, event: int, result: Result, left: int) -> Arc:
        if result.same:
            same, torn = self.names[number], self._unchanged(left)
            return Arc(number, same, _IDLE, torn, result.unheard)
        before, parts, happened = self.states[number], self._parts[number], self.events[event]
        after = self._stepping.carried(parts, result)
        broken = self._stepping.broken_by(before, parts, happened, result, after.sagas)
        if broken is not None or after == parts:
            to, names = number, self.names[number]
        else:
            to, names = self._state(result.after, after)
        return Arc(to, names, self._deed(result), self._torn(left, result), broken)

    def _deed(self, result: Result) -> Deed:
        """Results are kept, so each is known by its identity."""
        found = self._deeds.get(id(result))
        if found is None:
            sent = [e for e in result.effects if isinstance(e, Dispatch)]
            found = self._deeds[id(result)] = Deed(
                result.effects,
                sum({self._bit(e) for e in sent if e.connection is not None}),
                tuple([e.connection for e in sent if e.connection is not None]),
                tuple([e.connection for e in result.effects if isinstance(e, CloseConnection)]),
            )
        return found

    def _torn(self, left: int, result: Result) -> Torn:
        """What is left if the process dies in a step, where it may; without effects too."""
        if not self._dies:
            return ()
        next_saga_id = result.after.counters.next_saga_id
        return self.deaths.in_step(left, next_saga_id, result.told, result.effects)

    def _unchanged(self, left: int) -> Torn:
        next_saga_id = self.deaths.downs[left].next_saga_id
        return self.deaths.in_step(left, next_saga_id, NOTHING, ()) if self._dies else ()

    def _is_harmless(self, down: int) -> bool:
        """Whether whatever comes of a dead process starts like the first one did."""
        if self.broken_start(down) is not None:
            return False
        return all(self.deaths.is_forgotten(left) for _, left in self.start(down).downs)

    def _bit(self, dispatch: Dispatch) -> int:
        saga_id = self.scenario.application.saga_id_of(dispatch.command)
        return self.holding.bit(Sent(saga_id, dispatch.target, dispatch.command))
