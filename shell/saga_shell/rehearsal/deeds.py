"""What each effect must come to outside: lines for whom, events on the bus, timers armed."""

from collections import deque

from saga_core.agentmux import wire
from saga_core.engine import (
    ArmTimer,
    BusEvent,
    CancelTimer,
    CloseConnection,
    Command,
    Dispatch,
    Effect,
    Emit,
    Replay,
    Reply,
    Subscribe,
    Timer,
)
from saga_shell.rehearsal.peers import MemoryPeers
from saga_shell.rehearsal.timers import PlayedTimers

Message = Command | BusEvent


class Deeds:
    """Keeps its own account of subscribers and timers, and of all that anybody heard."""

    def __init__(self) -> None:
        self.bus: list[BusEvent] = []
        self.heard: dict[int, list[Message]] = {}
        self.timers: set[Timer] = set()
        self._subscribers: dict[int, None] = {}
        self._due: deque[Effect] = deque()

    def begin(self) -> None:
        """A process starts, and knows of no earlier one."""
        self.timers = set()
        self._subscribers = {}
        self._due.clear()

    def owe(self, effects: tuple[Effect, ...]) -> None:
        """A step wants these done."""
        self._due += effects

    def undone(self) -> Effect | None:
        """The first effect that is still to be done."""
        return self._due[0] if self._due else None

    def left(self, connection: int) -> None:
        """A connection ended, and hears the bus no more."""
        self._subscribers.pop(connection, None)

    def done(
        self, effect: Effect, told: list[bytes], peers: MemoryPeers, timers: PlayedTimers
    ) -> str | None:
        """The shell did `effect`, for which the bus was `told` lines; what is wrong with that."""
        wanted = self._due.popleft() if self._due else None
        if wanted is not effect:
            return f"the shell did {effect}, though {wanted} was next"
        published = [decoded(line) for line in told]
        private = [(connection, decoded(line)) for connection, line in peers.sent]
        self.bus += [event for event in published if isinstance(event, BusEvent)]
        for connection, message in private:
            if peers.is_open(connection):
                self.heard.setdefault(connection, []).append(message)
        self._note(effect, peers)
        if not self._is_heard(effect, published, private):
            return f"{effect} became {published} on the bus and {private} to peers"
        if isinstance(effect, ArmTimer | CancelTimer) and not self._is_armed(effect.timer, timers):
            return f"after {effect} the timers are not as the reducer wants them"
        return None

    def _note(self, effect: Effect, peers: MemoryPeers) -> None:
        match effect:
            case ArmTimer(timer):
                self.timers.add(timer)
            case CancelTimer(timer):
                self.timers.discard(timer)
            case Subscribe(connection) if peers.is_open(connection):
                self._subscribers[connection] = None
            case CloseConnection(connection):
                self.left(connection)
            case _:
                pass

    def _is_armed(self, timer: Timer, timers: PlayedTimers) -> bool:
        alike = (timer in self.timers) == (timer in timers)
        return alike and len(timers) == len(self.timers)

    def _is_heard(
        self, effect: Effect, published: list[Message], private: list[tuple[int, Message]]
    ) -> bool:
        match effect:
            case Emit(event):
                fanned_out = [(connection, event) for connection in self._subscribers]
                return published == [event] and private == fanned_out
            case Dispatch(_, int() as connection, command):
                return not published and private == [(connection, command)]
            case Reply(connection, event):
                return not published and private == [(connection, event)]
            case Replay(connection):
                return not published and [who for who, _ in private] == [connection]
            case _:
                return not published and not private


def decoded(line: bytes) -> Message:
    """What a peer reads; the shell's own lines are always right."""
    return wire.decode_host_line(line).unwrap()
