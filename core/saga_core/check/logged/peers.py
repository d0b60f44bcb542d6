"""What peers did that wrote no record: they came and went.

A log doesn't tell where a command was when it was answered, or what was connected. So the fold
chooses, among all that peers may have done, what leaves most open. The rules:

1.  A command that was neither dropped nor waited too long may have been anywhere, since answers
    count whatever the link is like. All of these go out on one connection, the *main* one.
2.  A command that will be dropped or wait too long goes out on a connection of its own, and so does
    every command issued while one that will be dropped is pending: it may be needed to push that
    one out. When such a connection ends, its command alone goes into the buffer.
3.  To end a connection that is not the newest, without a newest one to take its commands over: a
    connection comes and goes that never had a command (`apart`).
4.  A command is dropped if as many newer ones are in the buffer as fit (`push_out`). They stay
    together from then on, so it takes those that will not be dropped themselves, or last.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from saga_core.check.scope import Scenario
from saga_core.engine.effects import WriteLog
from saga_core.engine.events import ConnectionClosed, Event, FrameExpiry, TimerFired
from saga_core.engine.ordered import sorted_items
from saga_core.engine.reducer import Reducer
from saga_core.engine.state import Awaiting, State

Course = tuple[State[Any], Event]
"""A state that peers brought about, and the event that then comes."""

Doom = Callable[[int], str]
"""When a saga's pending command is dropped; empty if it is not."""


class Peers:
    """Moves peers, by calls of `step` alone. A move that would write a record is no hidden one."""

    def __init__(self, scenario: Scenario, reducer: Reducer[Any]) -> None:
        self._scenario = scenario
        self._reducer = reducer
        self._connections = 0
        self._main: set[int] = set()

    def join_all(self, state: State[Any]) -> State[Any]:
        """Every peer is connected."""
        for target in self._scenario.peers:
            state = self._join(state, target)
        return state

    def _join(self, state: State[Any], target: str) -> State[Any]:
        """A peer comes in over a new main connection."""
        state, connection = self._attach(state, target)
        self._main.add(connection)
        return state

    def ready(self, state: State[Any], target: str, *, alone: bool) -> State[Any]:
        """Where the next command to `target` goes: out with the others, or alone (rules 1 and 2).

        `target` may be no peer at all.
        """
        if target not in self._scenario.peers:
            return state
        if alone:
            return self._attach(state, target)[0]
        newest = state.links[target].connection
        return state if newest in self._main else self._join(state, target)

    def heard(self, state: State[Any], target: str) -> tuple[State[Any], int] | None:
        """A connection over which `target` can say something; None if it is no peer."""
        if target not in self._scenario.peers:
            return None
        connection = state.links[target].connection
        return self._attach(state, target) if connection is None else (state, connection)

    def push_out(self, state: State[Any], saga_id: int, doom: Doom) -> Iterator[Course]:
        """Ways in which this saga's command may be dropped (rule 4)."""
        step = pending(state, saga_id)
        for apart in self._both_ways(state, step.target):
            newer = [other for other in newer_than(apart, step) if _connection(apart, other)]
            spared = [other for other in reversed(newer) if not doom(other)]
            doomed = sorted(filter(doom, newer), key=doom, reverse=True)
            connections = dict.fromkeys(_connection(apart, other) for other in (*spared, *doomed))
            yield from self._pushes(apart, saga_id, [c for c in connections if c is not None])

    def _pushes(
        self, state: State[Any], saga_id: int, connections: Iterable[int]
    ) -> Iterator[Course]:
        """Connections end, one after the other, until one command too many comes back.

        The last one to end is the command's own, or another one if the command is in the buffer.
        """
        step = pending(state, saga_id)
        room = state.config.buffer_cap + 1 - _size(state, step, step.connection)
        for connection in connections:
            held = len(_buffer(state, step))
            if connection == step.connection:
                continue
            size = _size(state, step, connection)
            if step.connection is None and held + size == state.config.buffer_cap + 1:
                yield state, ConnectionClosed(connection)
            elif held + size <= room:
                state = self._end(state, connection) or state
        if step.connection is not None and len(_buffer(state, step)) == room:
            yield state, ConnectionClosed(step.connection)

    def wait_out(self, state: State[Any], saga_id: int) -> Iterator[Course]:
        """Ways in which this saga's command may wait too long."""
        step = pending(state, saga_id)
        ways = [state] if step.connection is None else self._both_ways(state, step.target)
        for apart in ways:
            now = pending(apart, saga_id)
            waiting = apart if now.connection is None else self._end(apart, now.connection)
            if waiting is not None:
                stay = pending(waiting, saga_id).stay
                yield waiting, TimerFired(FrameExpiry(saga_id, stay))

    def _both_ways(self, state: State[Any], target: str) -> Iterator[State[Any]]:
        """Nothing is connected newest: with what is in the buffer, and with an empty one."""
        if target not in self._scenario.peers:
            yield state
            return
        if state.links[target].connection is None:
            yield state
            state, _ = self._attach(state, target)
        state, blank = self._attach(state, target)
        apart = self._end(state, blank)
        assert apart is not None, "a connection without a command drops nothing"
        yield apart

    def _attach(self, state: State[Any], target: str) -> tuple[State[Any], int]:
        self._connections += 1
        for event in self._scenario.connect(target, self._connections):
            state, _ = self._reducer.step(state, event)
        return state, self._connections

    def _end(self, state: State[Any], connection: int) -> State[Any] | None:
        """A connection ends; None if that writes a record."""
        after, effects = self._reducer.step(state, ConnectionClosed(connection))
        return None if any(isinstance(effect, WriteLog) for effect in effects) else after


def pending(state: State[Any], saga_id: int) -> Awaiting:
    """The pending step of a saga that has one."""
    step = state.sagas[saga_id].awaiting
    assert step is not None, f"saga {saga_id} awaits nothing"
    return step


def newer_than(state: State[Any], step: Awaiting) -> list[int]:
    """The sagas whose pending command for the same target was issued later."""
    return [
        saga_id
        for saga_id, flight in sorted_items(state.sagas)
        if (other := flight.awaiting) is not None
        and other.target == step.target
        and other.issued > step.issued
    ]


def _buffer(state: State[Any], step: Awaiting) -> tuple[int, ...]:
    return state.links[step.target].buffer


def _connection(state: State[Any], saga_id: int) -> int | None:
    return pending(state, saga_id).connection


def _size(state: State[Any], step: Awaiting, connection: int | None) -> int:
    """How many commands come back when a connection ends; None: they are back already."""
    if connection is None:
        return 0
    return sum(
        other.connection == connection and other.target == step.target
        for _, flight in sorted_items(state.sagas)
        if (other := flight.awaiting) is not None
    )
