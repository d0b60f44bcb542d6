"""How much may wait, come in or be kept before something gives way: all bounds in one value.

Nothing grows without a bound but two things, which are told while they grow: the rows that wait
for a failing log (a bound would lose rows), and the host's windows, which are as many as it shows.
"""

from typing import Literal, NamedTuple

import msgspec
from msgspec import Struct

from saga_core.engine import Config
from saga_core.engine.config import PENDING_BUFFER_CAP
from saga_shell.ipc import Limits
from saga_shell.ipc.limits import (
    LINE_BYTES,
    MAX_CONNECTIONS,
    QUEUE_BYTES,
    QUEUE_LINES,
    WAITING_BYTES,
    WRITE_TIMEOUT_SECONDS,
)
from saga_shell.launcher import event_log, ring, runner

Unit = Literal["bytes", "lines", "seconds", "connections", "commands", "events"]


class Bounds(Struct, frozen=True):
    """One field for each bound; `MEANINGS` says of each what it bounds."""

    line_bytes: int = LINE_BYTES
    queue_lines: int = QUEUE_LINES
    queue_bytes: int = QUEUE_BYTES
    write_seconds: float = WRITE_TIMEOUT_SECONDS
    connections: int = MAX_CONNECTIONS
    buffered_commands: int = PENDING_BUFFER_CAP
    waiting_events: int = runner.BUSY_EVENTS
    waiting_bytes: int = WAITING_BYTES
    ring_events: int = ring.RING_EVENTS
    ring_bytes: int = ring.RING_BYTES
    event_log_bytes: int = event_log.MAX_DISK_BYTES
    event_log_lines: int = event_log.QUEUE_LINES

    @property
    def limits(self) -> Limits:
        """Those of the socket server."""
        return Limits(
            line_bytes=self.line_bytes,
            queue_lines=self.queue_lines,
            queue_bytes=self.queue_bytes,
            write_timeout=self.write_seconds,
            max_connections=self.connections,
            waiting_bytes=self.waiting_bytes,
        )

    def in_config(self, config: Config) -> Config:
        """Those of the reducer, in its configuration."""
        return msgspec.structs.replace(config, buffer_cap=self.buffered_commands)


class Meaning(NamedTuple):
    """What a bound is counted in, what it bounds, and what happens when it is met."""

    unit: Unit
    bounds: str
    then: str


MEANINGS: dict[str, Meaning] = {
    "line_bytes": Meaning("bytes", "one line from a peer", "a private error, and it is ended"),
    "queue_lines": Meaning("lines", "what waits for one peer to read it", "that peer is ended"),
    "queue_bytes": Meaning("bytes", "what waits for one peer to read it", "that peer is ended"),
    "write_seconds": Meaning("seconds", "one write that a peer doesn't take", "that peer is ended"),
    "connections": Meaning("connections", "peers at a time", "more of them are turned away"),
    "buffered_commands": Meaning(
        "commands", "what waits for a peer that is not connected", "the oldest one's saga fails"
    ),
    "waiting_events": Meaning(
        "events", "what came in and is not stepped yet", "peers are not read for a while"
    ),
    "waiting_bytes": Meaning(
        "bytes", "what came in and is not stepped yet", "peers are not read for a while"
    ),
    "ring_events": Meaning("events", "what get_events can tell", "the oldest leave; it says so"),
    "ring_bytes": Meaning("bytes", "what get_events can tell", "the oldest leave; it says so"),
    "event_log_bytes": Meaning("bytes", "the event log's file", "it becomes .old"),
    "event_log_lines": Meaning(
        "lines", "what waits for the event log's disk", "lines are left out of it; it says so"
    ),
}
"""By the field's name, in the order in which people read them."""


def option_name(field: str) -> str:
    """A bound as it is written on the command line."""
    return field.replace("_", "-")
