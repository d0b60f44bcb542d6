"""What can happen in a running world, as the scope allows it.

A world holds no queue of messages. A peer that was asked may answer at any later moment, over any
of its connections, in any order, and under the fault `twice` as often as it likes; so every order
in which messages can arrive is among the moves, late ones too. Nor does it hold timers: those of
the sagas in flight and of the buffer are armed (a promise checked at every step) and may fire at
any moment; stale ones must change nothing in any state (`contracts`).
"""

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import NamedTuple

from returns.result import Success

from saga_core.check.scope import Scope
from saga_core.check.worlds.memo import Memo
from saga_core.check.worlds.moves import Move, Moves
from saga_core.check.worlds.sent import Sent, said
from saga_core.check.worlds.slots import CLOSING, FREE, OPEN
from saga_core.check.worlds.view import CURRENT_STAY
from saga_core.engine.events import (
    CommandReceived,
    ConnectionClosed,
    Event,
    FrameExpiry,
    SagaDeadline,
    SendFailed,
    ShutdownRequested,
    TimerFired,
)
from saga_core.engine.state import Awaiting

EARLY, LATE, ABOUT = -2, -1, 0
"""Which happenings: those of connections, those of sagas, or those about a command's bit."""

_COMING = frozenset({"connect", "second"})


class Up(NamedTuple):
    """A running process in its world.

    `slots` says what each connection's number stands for; the first number is 1. `held` has a bit
    for each command that a peer got and may still answer.
    """

    state: int
    slots: tuple[int, ...]
    held: int


class Happening(NamedTuple):
    """Something that the world does: its kind, its move's number (alone), and the events it makes.

    `slots` are the world's as they are when the events come in, and `drops` are the commands that
    peers hold no longer. `coming`: the connection that comes in with these events, 0 if none does.
    """

    kind: str
    moves: tuple[int, ...]
    events: tuple[int, ...]
    slots: tuple[int, ...]
    drops: int = 0
    coming: int = 0


class World:
    """The alphabet of one scope. Events are built once and then known by number."""

    def __init__(self, memo: Memo, scope: Scope, moves: Moves) -> None:
        self.targets = tuple(t for t in memo.scenario.peers for _ in range(scope.connections))
        self._memo = memo
        self._moves = moves
        self._faults = scope.faults
        self._about: dict[tuple[Hashable, ...], tuple[Happening, ...]] = {}
        self._events: dict[tuple[str, int, int], tuple[int, ...]] = {}

    def happenings(self, state: int, slots: tuple[int, ...], which: int) -> Iterable[Happening]:
        """All that can happen, but for triggers, restarts, the log's failures and deaths."""
        match which:
            case _ if which == EARLY:
                return self._early(slots)
            case _ if which == LATE:
                return self._late(state, slots)
            case _:
                return self._answers(state, slots, which - ABOUT)

    def of(
        self,
        kind: str,
        subject: int,
        events: tuple[int, ...],
        slots: tuple[int, ...],
        drops: int = 0,
    ) -> Happening:
        """Something that the world does to `subject`."""
        coming = subject if kind in _COMING else 0
        move = self._moves.number(Move(kind, subject, events))
        return Happening(kind, (move,), events, slots, drops, coming)

    def restarts(self, slots: tuple[int, ...], held: int) -> Iterator[Happening]:
        """A peer whose connections have all ended dies, and forgets what it was asked."""
        for target in self._memo.scenario.peers if "restart" in self._faults else ():
            mine = [i for i, owner in enumerate(self.targets) if owner == target]
            forgotten = held & self._memo.holding.asked_of(target)
            if forgotten and all(slots[i] == FREE for i in mine):
                yield self.of("restart", mine[0] + 1, (), slots, forgotten)

    def _early(self, slots: tuple[int, ...]) -> Iterator[Happening]:
        for target in self._memo.scenario.peers:
            yield from self._coming(slots, target)
        yield from self._going(slots)

    def _late(self, state: int, slots: tuple[int, ...]) -> Iterator[Happening]:
        for saga_id, step in self._awaiting(state):
            yield from self._stuck(slots, saga_id, step)
        yield from self._ending(state, slots)

    def _answers(self, state: int, slots: tuple[int, ...], bit: int) -> tuple[Happening, ...]:
        """The same for all states whose sagas have these ids."""
        in_flight = self._memo.in_flight[state]
        unused = self._memo.states[state].counters.next_saga_id
        key = slots, bit, in_flight, unused
        found = self._about.get(key)
        if found is None:
            others = (*in_flight, unused) if "foreign" in self._faults else ()
            found = self._about[key] = tuple(self._answering(slots, bit, others))
        return found

    def _coming(self, slots: tuple[int, ...], target: str) -> Iterator[Happening]:
        mine = [i for i, owner in enumerate(self.targets) if owner == target]
        free = [i for i in mine if slots[i] == FREE]
        alone = len(free) == len(mine)
        if free and (alone or "second" in self._faults):
            events, then = self._connects(target, free[0] + 1), _with(slots, free[0], OPEN)
            yield self.of("connect" if alone else "second", free[0] + 1, events, then)

    def _going(self, slots: tuple[int, ...]) -> Iterator[Happening]:
        for index, slot in enumerate(slots):
            if slot == CLOSING or (slot == OPEN and "disconnect" in self._faults):
                events = self._one("closed", index + 1, 0, ConnectionClosed(index + 1))
                kind = "disconnect" if slot == OPEN else "closed"
                yield self.of(kind, index + 1, events, _with(slots, index, FREE))

    def _answering(
        self, slots: tuple[int, ...], bit: int, others: tuple[int, ...]
    ) -> Iterator[Happening]:
        """`others`: under whose ids a peer may answer, rightly or wrongly."""
        target = self._memo.holding.sent[bit].target
        for index, slot in enumerate(slots):
            if slot == FREE or self.targets[index] != target:
                continue
            *good, bad = self._said(index + 1, bit)
            for event in good:
                yield self.of("answer", bit, (event,), slots, 1 << bit)
                if "twice" in self._faults:
                    yield self.of("twice", bit, (event,), slots)
            if "failure" in self._faults:
                yield self.of("failure", bit, (bad,), slots, 1 << bit)
            yield from self._foreign(slots, index + 1, bit, others)
        if "lost" in self._faults:
            yield self.of("lost", bit, (), slots, 1 << bit)

    def _foreign(
        self, slots: tuple[int, ...], connection: int, bit: int, others: tuple[int, ...]
    ) -> Iterator[Happening]:
        own = self._memo.holding.sent[bit].saga_id
        for saga_id in others:
            if saga_id != own:
                for event in self._misaddressed(connection, bit, saga_id):
                    yield self.of("foreign", bit, (event,), slots)

    def _stuck(self, slots: tuple[int, ...], saga_id: int, step: Awaiting) -> Iterator[Happening]:
        """What can happen to a command: its stay in the buffer ends, or its sending fails."""
        if step.connection is None:
            if "expiry" in self._faults and step.target in self._memo.scenario.peers:
                timer = TimerFired(FrameExpiry(saga_id, CURRENT_STAY))
                events = self._one("expiry", saga_id, 0, timer)
                yield self.of("expiry", saga_id, events, slots)
        elif "send" in self._faults and slots[step.connection - 1] == OPEN:
            sent = Sent(saga_id, step.target, step.command)
            event = self._failing(sent, step.connection)
            for drops in (self._memo.holding.bit(sent), 0):
                yield self.of("send", saga_id, (event,), slots, drops)

    def _ending(self, state: int, slots: tuple[int, ...]) -> Iterator[Happening]:
        if "deadline" in self._faults:
            for saga_id in self._memo.in_flight[state]:
                events = self._one("deadline", saga_id, 0, TimerFired(SagaDeadline(saga_id)))
                yield self.of("deadline", saga_id, events, slots)
        if "shutdown" in self._faults and not self._memo.states[state].stopping:
            events = self._one("shutdown", 0, 0, ShutdownRequested("asked to end"))
            yield self.of("shutdown", 0, events, slots)

    def _awaiting(self, state: int) -> Iterator[tuple[int, Awaiting]]:
        sagas = self._memo.states[state].sagas
        for saga_id in self._memo.in_flight[state]:
            if (step := sagas[saga_id].awaiting) is not None:
                yield saga_id, step

    def _connects(self, target: str, connection: int) -> tuple[int, ...]:
        key = ("connect", connection, 0)
        if key not in self._events:
            coming = self._memo.scenario.connect(target, connection)
            self._events[key] = tuple(self._memo.event(event) for event in coming)
        return self._events[key]

    def _said(self, connection: int, bit: int) -> tuple[int, ...]:
        """The answers to a command over a connection; the failure report comes last."""
        key = ("said", connection, bit)
        if key not in self._events:
            self._events[key] = self._heard(connection, self._memo.holding.sent[bit])
        return self._events[key]

    def _misaddressed(self, connection: int, bit: int, saga_id: int) -> tuple[int, ...]:
        """The answers to a command as if another saga had sent it."""
        key = (f"to {saga_id}", connection, bit)
        if key not in self._events:
            sent = self._memo.holding.sent[bit]
            app = self._memo.scenario.application
            match app.address(sent.target, sent.command, saga_id):
                case Success(command):
                    heard = self._heard(connection, Sent(saga_id, sent.target, command))
                    self._events[key] = heard[:-1]
                case _:
                    self._events[key] = ()
        return self._events[key]

    def _heard(self, connection: int, sent: Sent) -> tuple[int, ...]:
        """All that a peer may say to a command over a connection; the failure report comes last."""

        def answer(index: int) -> Callable[[Sent], Event]:
            return lambda of: CommandReceived(connection, said(scenario, of.command)[index])

        scenario, memo = self._memo.scenario, self._memo
        count = len(said(scenario, sent.command))
        return tuple(memo.about(sent, answer(index)) for index in range(count))

    def _failing(self, sent: Sent, connection: int) -> int:
        key = (f"failing for {sent.saga_id}", connection, self._memo.holding.bit(sent))
        if key not in self._events:
            event = self._memo.about(sent, lambda of: SendFailed(connection, of.command))
            self._events[key] = (event,)
        return self._events[key][0]

    def _one(self, kind: str, subject: int, more: int, event: Event) -> tuple[int, ...]:
        key = (kind, subject, more)
        if key not in self._events:
            self._events[key] = (self._memo.event(event),)
        return self._events[key]


def _with(slots: tuple[int, ...], index: int, state: int) -> tuple[int, ...]:
    return (*slots[:index], state, *slots[index + 1 :])
