"""The reducer as a table of small integers: each state and each event is stepped once.

`step` is called, and its result judged, the first time that a pair of a state and an event comes
up. From then on the pair is a look-up. So the price of immutable maps and of the promises is paid
some thousand times in a search of millions of transitions.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from saga_core.check.judging import Judging
from saga_core.check.promises import unheard
from saga_core.check.rows import Down, crashes, left_by, recovery_of
from saga_core.check.scope import NAMES, Scenario, Scope
from saga_core.check.settling import Flights, Parts, Settling
from saga_core.check.view import Names, decides_alike, readdressed, same_names
from saga_core.engine.config import Config
from saga_core.engine.effects import CloseConnection, Dispatch, Effect
from saga_core.engine.events import Event
from saga_core.engine.history import Violation
from saga_core.engine.messages import Command
from saga_core.engine.ordered import sorted_items
from saga_core.engine.reducer import Reducer
from saga_core.engine.state import Awaiting, State


class Sent(NamedTuple):
    """A command that peers got, by its place in `Memo.commands`."""

    saga_id: int
    target: str
    command: Command


class Arc(NamedTuple):
    """What an event does in a state.

    `to`: the next state, and `names`: how its names translate. `sends`: a bit for each command
    sent, `over`: the connections used. `closes`: the connections that the process ends. `downs`:
    what is left if it dies in this step, and after how many effects. `broken`: the first promise
    that the step broke; such a step leads nowhere.
    """

    to: int
    names: Names
    effects: tuple[Effect, ...]
    sends: int
    over: tuple[int, ...]
    closes: tuple[int, ...]
    downs: tuple[tuple[int, int], ...]
    broken: Violation | None


class Memo:
    """States, events, commands and dead processes as integers. `step_calls` counts."""

    def __init__(self, scenario: Scenario, scope: Scope) -> None:
        self.scenario = scenario
        self._connections = scope.connections
        self._rename = NAMES in scope.reductions
        self._dies = "crash" in scope.faults
        self._judging = Judging(scenario.application)
        self._crashed: dict[tuple[int, int, int], tuple[tuple[int, int], ...]] = {}
        self._settling = Settling(scenario, scope.connections, rename=self._rename)
        self.reducer: Reducer[Any] = Reducer(scenario.application)
        self.states: list[State[Any]] = []
        self.in_flight: list[tuple[int, ...]] = []
        self.left: list[int] = []
        self.events: list[Event] = []
        self.commands: list[Sent] = []
        self._of_saga: dict[int, int] = {}
        self.downs: list[Down] = []
        self.step_calls = 0
        self._of_target: dict[str, int] = {}
        self._states: dict[Parts, int] = {}
        self._events: dict[Event, int] = {}
        self._commands: dict[Sent, int] = {}
        self._downs: dict[Down, int] = {}
        self._arcs: list[dict[int, Arc]] = []
        self._starts: dict[int, Arc] = {}
        self._flights: list[Flights] = []
        self._held: dict[tuple[int, tuple[int, ...]], int] = {}
        initial = self.reducer.initial_state(Config(buffer_cap=scope.buffer_cap))
        self.initial, _ = self.state(initial)

    def event(self, event: Event) -> int:
        """The number of an event."""
        number = self._events.get(event)
        if number is None:
            number = self._events[event] = len(self.events)
            self.events.append(event)
        return number

    def down(self, down: Down) -> int:
        """The number of a dead process."""
        number = self._downs.get(down)
        if number is None:
            number = self._downs[down] = len(self.downs)
            self.downs.append(down)
        return number

    def arc(self, state: int, event: int) -> Arc:
        """What the event does in the state."""
        found = self._arcs[state].get(event)
        if found is None:
            found = self._arcs[state][event] = self._step(state, event, self.left[state])
        return found

    def start(self, down: int) -> Arc:
        """What the first event of the next run does."""
        found = self._starts.get(down)
        if found is None:
            event = self.event(recovery_of(self.downs[down]))
            found = self._starts[down] = self._step(self.initial, event, down)
        return found

    def state(self, state: State[Any]) -> tuple[int, Names]:
        """The number of a state, and how its names translate."""
        return self._state(state, sorted_items(state.sagas))

    def _state(self, state: State[Any], flights: Flights) -> tuple[int, Names]:
        parts, names = self._settling.parts(state, flights)
        number = self._states.get(parts)
        if number is None:
            settled = self._settling.state(state, parts, names)
            number = self._states[parts] = len(self.states)
            self.states.append(settled)
            self._flights.append(sorted_items(settled.sagas))
            self.in_flight.append(tuple(saga_id for saga_id, _ in self._flights[number]))
            self.left.append(self.down(left_by(settled)))
            self._arcs.append({})
        return number, names

    def all_arcs(self) -> Iterator[Arc]:
        """Every step that was made, starts included."""
        for arcs in self._arcs:
            yield from arcs.values()
        yield from self.all_starts()

    def all_starts(self) -> Iterable[Arc]:
        """Every first step of a run that follows another."""
        return self._starts.values()

    def held(self, held: int, names: Names) -> int:
        """Those commands of `held` whose sagas are in flight, in their new names."""
        key = held, names.sagas
        found = self._held.get(key)
        if found is None:
            kept = [
                (rank if self._rename else saga_id, self.commands[bit])
                for rank, saga_id in enumerate(names.sagas, start=1)
                for bit in bits(held & self._of_saga.get(saga_id, 0))
            ]
            found = self._held[key] = sum(1 << self._renamed(sent, name) for name, sent in kept)
        return found

    def asked_of(self, target: str) -> int:
        """The commands that were ever sent to that peer."""
        return self._of_target.get(target, 0)

    def bit_of(self, step: Awaiting) -> int:
        """The bit of a command that was sent."""
        saga_id = self.scenario.application.saga_id_of(step.command)
        return self.bit(Sent(saga_id, step.target, step.command))

    def bit(self, sent: Sent) -> int:
        """The bit of a command."""
        return 1 << self._command(sent)

    def said(self, command: Command) -> tuple[Command, ...]:
        """All that a peer may say to a command; the failure report comes last."""
        return (*self.scenario.answers(command), self.scenario.failure(command))

    def _step(self, number: int, event: int, left: int) -> Arc:
        self.step_calls += 1
        before, happened = self.states[number], self.events[event]
        after, effects = self.reducer.step(before, happened)
        if after is before and not effects:
            broken = unheard(before, happened)
            return Arc(number, self._unchanged(number), (), 0, (), (), ((0, left),), broken)
        flights = sorted_items(after.sagas)
        both = self._flights[number], flights
        broken = self._judging.broken_by(before, happened, after, effects, both)
        if broken is not None or decides_alike(before, after):
            to, names = number, self._unchanged(number)
        else:
            to, names = self._state(after, flights)
        sent = [e for e in effects if isinstance(e, Dispatch) and e.connection is not None]
        return Arc(
            to,
            names,
            effects,
            sum({1 << self._command(self._sent(e)) for e in sent}),
            tuple([e.connection for e in sent if e.connection is not None]),
            tuple([e.connection for e in effects if isinstance(e, CloseConnection)]),
            self._crashes(left, after.counters.next_saga_id, effects),
            broken,
        )

    def _crashes(
        self, left: int, next_saga_id: int, effects: tuple[Effect, ...]
    ) -> tuple[tuple[int, int], ...]:
        """What is left if the process dies in a step, where it may; without effects too."""
        if not self._dies:
            return ()
        key = left, next_saga_id, self._judging.number(effects)
        found = self._crashed.get(key)
        if found is None:
            dead = crashes(self.downs[left], next_saga_id, effects)
            found = self._crashed[key] = tuple((done, self.down(down)) for done, down in dead)
        return found

    def _unchanged(self, number: int) -> Names:
        return same_names(self.states[number], self.scenario.peers, self._connections)

    def _sent(self, dispatch: Dispatch) -> Sent:
        saga_id = self.scenario.application.saga_id_of(dispatch.command)
        return Sent(saga_id, dispatch.target, dispatch.command)

    def _renamed(self, sent: Sent, saga_id: int) -> int:
        if saga_id == sent.saga_id:
            return self._command(sent)
        command = readdressed(self.scenario, sent.target, sent.command, saga_id)
        return self._command(Sent(saga_id, sent.target, command))

    def _command(self, sent: Sent) -> int:
        number = self._commands.get(sent)
        if number is None:
            number = self._commands[sent] = len(self.commands)
            self.commands.append(sent)
            self._of_saga[sent.saga_id] = self._of_saga.get(sent.saga_id, 0) | 1 << number
            self._of_target[sent.target] = self._of_target.get(sent.target, 0) | 1 << number
        return number


def bits(mask: int) -> Iterator[int]:
    """The bits that are set in `mask`, from the lowest."""
    bit = 0
    while mask:
        if mask & 1:
            yield bit
        mask, bit = mask >> 1, bit + 1
