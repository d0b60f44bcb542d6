"""What can happen in a running world, as the scope allows it.

A world holds no queue of messages. A peer that was asked may answer at any later moment, over any
of its connections, in any order, and under the fault `twice` as often as it likes; so every order
in which messages can arrive is among the moves, late ones too. Nor does it hold timers: those of
the sagas in flight and of the buffer are armed (a promise checked at every step) and may fire at
any moment; stale ones must change nothing in any state (`contracts`).
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from returns.result import Success

from saga_core.check.memo import Memo, bits
from saga_core.check.scope import NO_LESS, Scope
from saga_core.check.sent import Sent, said
from saga_core.check.slots import CLOSING, FREE, OPEN
from saga_core.check.view import CURRENT_STAY
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

_FORGETTING = frozenset({"answer", "lost", "restart", "send"})
"""What can happen in another way, or not at all, so that the peer holds as much as before."""


class Up(NamedTuple):
    """A running process in its world.

    `slots` says what each connection's number stands for; the first number is 1. `held` has a bit
    for each command that a peer got and may still answer.
    """

    state: int
    slots: tuple[int, ...]
    held: int


class Happening(NamedTuple):
    """Something that the world does: its kind, whom it concerns, and the events it makes.

    `slots` and `held` are the world's as they are when the events come in.
    """

    kind: str
    subject: int
    events: tuple[int, ...]
    slots: tuple[int, ...]
    held: int


class World:
    """The alphabet of one scope. Events are built once and then known by number."""

    def __init__(self, memo: Memo, scope: Scope) -> None:
        self.targets = tuple(t for t in memo.scenario.peers for _ in range(scope.connections))
        self._memo = memo
        self._faults = scope.faults
        self._holds_on = scope.uses(NO_LESS) and "twice" in scope.faults
        self.passed_over: set[str] = set()
        self._events: dict[tuple[str, int, int], tuple[int, ...]] = {}

    def happenings(self, here: Up) -> Iterator[Happening]:
        """All that can happen, but for triggers, the log's failures and the process's death.

        `passed_over` are the kinds of those left out: another leads to a world with more moves.
        """
        for happening in self._all(here):
            if self._holds_on and happening.kind in _FORGETTING and here.held & ~happening.held:
                self.passed_over.add(happening.kind)
            else:
                yield happening

    def _all(self, here: Up) -> Iterator[Happening]:
        for target in self._memo.scenario.peers:
            yield from self._coming(here, target)
        yield from self._going(here)
        for bit in bits(here.held):
            yield from self._answering(here, bit)
            if "lost" in self._faults:
                yield Happening("lost", bit, (), here.slots, here.held & ~(1 << bit))
        for saga_id, step in self._awaiting(here.state):
            yield from self._stuck(here, saga_id, step)
        yield from self._ending(here)

    def _coming(self, here: Up, target: str) -> Iterator[Happening]:
        mine = [i for i, owner in enumerate(self.targets) if owner == target]
        free = [i for i in mine if here.slots[i] == FREE]
        alone = len(free) == len(mine)
        if free and (alone or "second" in self._faults):
            slots = _with(here.slots, free[0], OPEN)
            events = self._connects(target, free[0] + 1)
            yield Happening("connect" if alone else "second", free[0] + 1, events, slots, here.held)
        forgotten = here.held & self._memo.asked_of(target)
        if alone and forgotten and "restart" in self._faults:
            yield Happening("restart", free[0] + 1, (), here.slots, here.held & ~forgotten)

    def _going(self, here: Up) -> Iterator[Happening]:
        for index, state in enumerate(here.slots):
            if state == CLOSING or (state == OPEN and "disconnect" in self._faults):
                events = self._one("closed", index + 1, 0, ConnectionClosed(index + 1))
                kind = "disconnect" if state == OPEN else "closed"
                yield Happening(kind, index + 1, events, _with(here.slots, index, FREE), here.held)

    def _answering(self, here: Up, bit: int) -> Iterator[Happening]:
        less = here.held & ~(1 << bit)
        target = self._memo.commands[bit].target
        for index, state in enumerate(here.slots):
            if state == FREE or self.targets[index] != target:
                continue
            *good, bad = self._said(index + 1, bit)
            for event in good:
                yield Happening("answer", bit, (event,), here.slots, less)
                if "twice" in self._faults:
                    yield Happening("twice", bit, (event,), here.slots, here.held)
            if "failure" in self._faults:
                yield Happening("failure", bit, (bad,), here.slots, less)
            if "foreign" in self._faults:
                yield from self._foreign(here, index + 1, bit)

    def _foreign(self, here: Up, connection: int, bit: int) -> Iterator[Happening]:
        own = self._memo.commands[bit].saga_id
        unused = self._memo.states[here.state].counters.next_saga_id
        for saga_id in (*self._memo.in_flight[here.state], unused):
            if saga_id != own:
                for event in self._misaddressed(connection, bit, saga_id):
                    yield Happening("foreign", bit, (event,), here.slots, here.held)

    def _stuck(self, here: Up, saga_id: int, step: Awaiting) -> Iterator[Happening]:
        """What can happen to a command: its stay in the buffer ends, or its sending fails."""
        if step.connection is None:
            if "expiry" in self._faults and step.target in self._memo.scenario.peers:
                timer = TimerFired(FrameExpiry(saga_id, CURRENT_STAY))
                events = self._one("expiry", saga_id, 0, timer)
                yield Happening("expiry", saga_id, events, here.slots, here.held)
        elif "send" in self._faults and here.slots[step.connection - 1] == OPEN:
            event = self._failing(Sent(saga_id, step.target, step.command), step.connection)
            taken = here.held & ~self._memo.bit_of(step)
            for held in {taken, here.held}:
                yield Happening("send", saga_id, (event,), here.slots, held)

    def _ending(self, here: Up) -> Iterator[Happening]:
        if "deadline" in self._faults:
            for saga_id in self._memo.in_flight[here.state]:
                events = self._one("deadline", saga_id, 0, TimerFired(SagaDeadline(saga_id)))
                yield Happening("deadline", saga_id, events, here.slots, here.held)
        if "shutdown" in self._faults and not self._memo.states[here.state].stopping:
            events = self._one("shutdown", 0, 0, ShutdownRequested("asked to end"))
            yield Happening("shutdown", 0, events, here.slots, here.held)

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
            self._events[key] = self._heard(connection, self._memo.commands[bit])
        return self._events[key]

    def _misaddressed(self, connection: int, bit: int, saga_id: int) -> tuple[int, ...]:
        """The answers to a command as if another saga had sent it."""
        key = (f"to {saga_id}", connection, bit)
        if key not in self._events:
            sent = self._memo.commands[bit]
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
        key = (f"failing for {sent.saga_id}", connection, self._memo.bit(sent))
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
