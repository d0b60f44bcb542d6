"""What each effect must come to outside: lines for whom, events on the bus, timers armed."""

from collections import deque
from functools import lru_cache
from math import isclose

from msgspec import Struct
from returns.result import Failure, Success

from saga_core.agentmux import wire
from saga_core.agentmux.events import EventList
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
    WriteLog,
)
from saga_shell.launcher.ring import RING_EVENTS
from saga_shell.rehearsal.peers import MemoryPeers
from saga_shell.rehearsal.timers import PlayedTimers

Sent = tuple[int, "Message"]


class Illegible(Struct, frozen=True):
    """A line that no peer can read."""

    line: bytes
    problem: str


Message = Command | BusEvent | Illegible
_TIMING = (ArmTimer, CancelTimer)


class Deeds:
    """Keeps its own account of subscribers and timers, and of all that anybody heard."""

    def __init__(self) -> None:
        self.bus: list[BusEvent] = []
        self.heard: dict[int, list[Command | BusEvent]] = {}
        self.timers: set[Timer] = set()
        self._subscribers: dict[int, None] = {}
        self._due: deque[Effect] = deque()
        self._began = 0

    def begin(self) -> None:
        """A process starts, and knows of no earlier one."""
        self.timers = set()
        self._subscribers = {}
        self._due.clear()
        self._began = len(self.bus)

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
        if published or private:
            self._hear(published, private, peers)
        self._note(effect, peers)
        if not self._is_heard(effect, published, private):
            return f"{effect} became {published} on the bus and {private} to peers"
        if isinstance(effect, _TIMING) and not self._is_armed(effect, timers):
            return f"after {effect} the timers are not as the reducer wants them"
        return None

    def _hear(self, published: list[Message], private: list[Sent], peers: MemoryPeers) -> None:
        self.bus += [event for event in published if isinstance(event, BusEvent)]
        for connection, message in private:
            if peers.is_open(connection) and not isinstance(message, Illegible):
                self.heard.setdefault(connection, []).append(message)

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

    def _is_armed(self, effect: ArmTimer | CancelTimer, timers: PlayedTimers) -> bool:
        timer = effect.timer
        if isinstance(effect, ArmTimer) and not _is_due(timers.left(timer), effect.seconds):
            return False
        alike = (timer in self.timers) == (timer in timers)
        return alike and len(timers) == len(self.timers)

    def _is_heard(self, effect: Effect, published: list[Message], private: list[Sent]) -> bool:
        match effect:
            case WriteLog():
                return not published and not private
            case Emit(event):
                fanned_out = [(connection, event) for connection in self._subscribers]
                return published == [event] and private == fanned_out
            case Dispatch(_, int() as connection, command):
                return not published and private == [(connection, command)]
            case Reply(connection, event):
                return not published and private == [(connection, event)]
            case Replay(connection, since, version):
                return not published and self._is_replayed(connection, since, version, private)
            case _:
                return not published and not private

    def _is_replayed(self, connection: int, since: int, version: int, private: list[Sent]) -> bool:
        """Whether the ring gave what it must: the versions of a run count from 1."""
        match private:
            case [(who, EventList(events, told, truncated))]:
                mine = self.bus[self._began :]
                gone = max(0, len(mine) - RING_EVENTS)
                same = list(events) == mine[max(since, gone) :]
                return same and (who, told, truncated) == (connection, version, since < gone)
            case _:
                return False


def _is_due(left: float, seconds: float) -> bool:
    return isclose(left, seconds, abs_tol=1e-6)


@lru_cache(maxsize=1)
def decoded(line: bytes) -> Message:
    """What a peer reads. One line goes to the bus and to each subscriber, one after another."""
    match wire.decode_host_line(line):
        case Success(message):
            return message
        case Failure(problem):
            return Illegible(line, problem)
