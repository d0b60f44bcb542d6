"""What the reducer wants done, as plain comparable data, in the order in which it must happen.

The interpreter commits every `WriteLog` of a step first, in one transaction, then does the rest
in order. What an effect brings about comes back as a new event.
"""

from msgspec import Struct

from saga_core.engine.events import Timer
from saga_core.engine.messages import BusEvent, Command
from saga_core.engine.records import LogRecord


class WriteLog(Struct, frozen=True, gc=False):
    """Make `record` durable."""

    record: LogRecord


class Dispatch(Struct, frozen=True, gc=False):
    """Send `command` to a peer.

    `connection` is None for the process's own target: that command has already run, in this
    very step, and the effect tells so. `redelivery`: the command was sent before, to a
    connection that ended without an answer; the peer dedupes by `(saga_id, command)`.
    """

    target: str
    connection: int | None
    command: Command
    redelivery: bool = False


class Emit(Struct, frozen=True, gc=False):
    """Publish `event`, which carries its version, to every subscriber and into the ring."""

    event: BusEvent


class Reply(Struct, frozen=True, gc=False):
    """Send `event` to one connection only."""

    connection: int
    event: BusEvent


class Replay(Struct, frozen=True, gc=False):
    """Send one connection the ring's events with a version above `since`, as an event list.

    `version` is the current one. The ring is the interpreter's: nothing is decided by it.
    """

    connection: int
    since: int
    version: int


class Subscribe(Struct, frozen=True, gc=False):
    """From here on `connection` gets every emitted event (FACTS R-50)."""

    connection: int


class ArmTimer(Struct, frozen=True, gc=False):
    """Let `TimerFired(timer)` come in `seconds`."""

    timer: Timer
    seconds: float


class CancelTimer(Struct, frozen=True, gc=False):
    """That timer need not fire any more. It may be on its way already, or have fired."""

    timer: Timer


class CloseConnection(Struct, frozen=True, gc=False):
    """End that connection once what was queued for it is written."""

    connection: int
    reason: str


Effect = (
    WriteLog
    | Dispatch
    | Emit
    | Reply
    | Replay
    | Subscribe
    | ArmTimer
    | CancelTimer
    | CloseConnection
)
