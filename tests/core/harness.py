"""A run of a reducer that is held to every promise, and readers of what it wants done."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Generic, TypeVar

from tests.core.told import Told

from saga_core.engine import (
    ArmTimer,
    BusEvent,
    CancelTimer,
    Config,
    ConnectionClosed,
    ConnectionOpened,
    Dispatch,
    Effect,
    Emit,
    Event,
    FrameExpiry,
    LogRecord,
    Reducer,
    Reply,
    SagaDeadline,
    SagaStarted,
    State,
    Timer,
    TimerFired,
    WriteLog,
    empty_history,
    observe,
)
from saga_core.engine.ordered import sorted_items
from saga_core.engine.state import M

T = TypeVar("T")


class Run(Told, Generic[M]):
    """One run: its state, its rows, its bus, its armed timers, and all that it was given."""

    def __init__(
        self, reducer: Reducer[M], config: Config | None = None, state: State[M] | None = None
    ) -> None:
        super().__init__()
        self.reducer = reducer
        self.state = state if state is not None else reducer.initial_state(config)
        self.history = empty_history()
        self.records: list[LogRecord] = []
        self.connections = 0
        self.given: list[tuple[Event, tuple[Effect, ...]]] = []
        self.last: tuple[Effect, ...] = ()

    def give(self, *events: Event) -> tuple[Effect, ...]:
        """Step through `events`; no promise may break.

        Returns what all of them brought about, and keeps it in `last`.
        """
        effects: list[Effect] = []
        for event in events:
            effects += self._step(event)
        self.last = tuple(effects)
        return self.last

    def ignores(self, *events: Event) -> None:
        """Each of `events` leaves the same state object and brings about nothing."""
        for event in events:
            before = self.state
            assert self.give(event) == (), f"{event} has effects"
            assert self.state is before, f"{event} changed the state"

    def open(self, barred: tuple[str, ...] = ()) -> int:
        """A new connection, from which nothing came yet."""
        self.connections += 1
        self.give(ConnectionOpened(self.connections, barred))
        return self.connections

    def close(self, connection: int) -> tuple[Effect, ...]:
        """The connection ends."""
        return self.give(ConnectionClosed(connection))

    def fire(self, timer: Timer) -> tuple[Effect, ...]:
        """The timer runs out."""
        return self.give(TimerFired(timer))

    def deadline(self, saga_id: int) -> tuple[Effect, ...]:
        """The saga's deadline passes."""
        return self.fire(SagaDeadline(saga_id))

    def expire(self, saga_id: int) -> tuple[Effect, ...]:
        """The saga's command has waited in its buffer for as long as it may."""
        (timer,) = (t for t in self.timers if isinstance(t, FrameExpiry) and t.saga_id == saga_id)
        return self.fire(timer)

    @property
    def in_flight(self) -> list[int]:
        """The sagas in flight, ascending."""
        return [saga_id for saga_id, _ in sorted_items(self.state.sagas)]

    def _step(self, event: Event) -> tuple[Effect, ...]:
        before = self.state
        self.state, effects = self.reducer.step(before, event)
        fired = {event.timer} if isinstance(event, TimerFired) else set()
        self.history, broken = observe(
            self.reducer.application, self.history, before, event, self.state, effects
        )
        assert broken == (), broken
        cancelled = {effect.timer for effect in effects if isinstance(effect, CancelTimer)}
        armed = {effect.timer for effect in effects if isinstance(effect, ArmTimer)}
        assert cancelled <= self.timers | armed | fired, "a timer is cancelled that nobody armed"
        self.timers -= fired
        for effect in effects:
            self.note(effect)
        self.records += records(effects)
        assert self.timers == timers_wanted(self.state)
        self.given.append((event, effects))
        return effects


class PeeredRun(Run[M], ABC):
    """A run whose peers can be played without knowing the application."""

    @abstractmethod
    def join_peer(self, target: str) -> int:
        """The peer connects and says who it is; returns its connection."""

    @abstractmethod
    def answer_to(self, dispatch: Dispatch) -> Event:
        """What a good peer says to what it was sent."""

    def join_peers(self) -> dict[str, int]:
        """All peers connect; returns the connection of each."""
        return {target: self.join_peer(target) for target in self.reducer.application.peers}

    def answer(self, dispatch: Dispatch) -> tuple[Effect, ...]:
        """The peer does what it was sent, and says so."""
        return self.give(self.answer_to(dispatch))

    def answer_all(self, effects: Iterable[Effect]) -> None:
        """The peers answer all that they were sent, and all that this brings about."""
        waiting = sent(effects)
        while waiting:
            waiting += sent(self.answer(waiting.pop(0)))


def timers_wanted(state: State[M]) -> set[Timer]:
    """The timers that must be armed: a deadline per saga, an expiry per command in a buffer."""
    deadlines = {SagaDeadline(saga_id) for saga_id, _ in sorted_items(state.sagas)}
    return deadlines | {
        FrameExpiry(saga_id, step.stay)
        for _, link in sorted_items(state.links)
        for saga_id in link.buffer
        if (step := state.sagas[saga_id].awaiting) is not None
    }


def of(kind: type[T], things: Iterable[object]) -> list[T]:
    """Those of `things` that are of this kind."""
    return [thing for thing in things if isinstance(thing, kind)]


def emitted(effects: Iterable[Effect]) -> list[BusEvent]:
    """What goes on the bus."""
    return [effect.event for effect in of(Emit, effects)]


def replies(effects: Iterable[Effect], connection: int) -> list[BusEvent]:
    """What one connection is told in private."""
    return [reply.event for reply in of(Reply, effects) if reply.connection == connection]


def records(effects: Iterable[Effect]) -> list[LogRecord]:
    """What the log is told."""
    return [write.record for write in of(WriteLog, effects)]


def sent(effects: Iterable[Effect]) -> list[Dispatch]:
    """What goes to a peer."""
    return [dispatch for dispatch in of(Dispatch, effects) if dispatch.connection is not None]


def opened_ids(effects: Iterable[Effect]) -> list[int]:
    """The ids of the sagas that started."""
    return [event.saga_id for event in of(SagaStarted, emitted(effects))]
