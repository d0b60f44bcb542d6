"""The event bus: every event is encoded once, then kept, recorded and fanned out."""

from collections.abc import Callable

from saga_core.agentmux import wire
from saga_core.engine import BusEvent, version_of
from saga_shell.launcher.ring import Ring

Send = Callable[[int, bytes], None]
Record = Callable[[bytes], None]


class Bus:
    """`send` queues a line for a connection; `record` takes each line for the disk log.

    Both only enqueue: what a slow subscriber or a slow disk costs is theirs to bear. `truncated`
    counts replays that came too late for some of what they asked for.
    """

    def __init__(self, send: Send, record: Record, ring: Ring | None = None) -> None:
        self._send = send
        self._record = record
        self.truncated = 0
        self.ring = ring if ring is not None else Ring()
        self._subscribers: dict[int, None] = {}

    def publish(self, event: BusEvent) -> None:
        """Ring, disk log, subscribers: in the order of versions everywhere (FACTS R-56)."""
        line = wire.encode(event)
        self.ring.append(version_of(event), line)
        self._record(line)
        for connection in self._subscribers:
            self._send(connection, line)

    def subscribe(self, connection: int) -> None:
        """Let `connection` hear what is published from here on."""
        self._subscribers[connection] = None

    def unsubscribe(self, connection: int) -> None:
        """Let it hear no more; nothing happens if it didn't."""
        self._subscribers.pop(connection, None)

    def replay(self, since: int, version: int) -> bytes:
        """The `event_list` line that answers `get_events`."""
        lines, truncated = self.ring.since(since)
        self.truncated += truncated
        return wire.encode_event_list(lines, version, truncated)

    @property
    def subscribers(self) -> int:
        """How many connections hear the bus."""
        return len(self._subscribers)
