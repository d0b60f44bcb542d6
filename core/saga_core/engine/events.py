"""What the shell tells the reducer. Every bus event of the application is one too."""

from typing import TypeAlias

from msgspec import Struct

from saga_core.engine.messages import BusEvent, Command
from saga_core.engine.records import SagaOutcome, UnresolvedSaga


class SagaDeadline(Struct, frozen=True, gc=False):
    """The timer of a whole saga."""

    saga_id: int


class FrameExpiry(Struct, frozen=True, gc=False):
    """The timer of one stay of one command in a link's buffer."""

    saga_id: int
    stay: int


Timer = SagaDeadline | FrameExpiry


class ConnectionOpened(Struct, frozen=True, gc=False):
    """A peer's socket opened. `barred` names the roles that this peer may not take (FACTS R-53)."""

    connection: int
    barred: tuple[str, ...] = ()


class ConnectionClosed(Struct, frozen=True, gc=False):
    """A peer's socket ended: EOF, an error, or the process closed it."""

    connection: int


class CommandReceived(Struct, frozen=True, gc=False):
    """A decoded command from that peer."""

    connection: int
    command: Command


class LineRejected(Struct, frozen=True, gc=False):
    """A line from that peer that is no command; `reason` says what is wrong with it.

    `fatal`: the stream can't be read on, so the connection ends.
    """

    connection: int
    reason: str
    fatal: bool = False


class SendFailed(Struct, frozen=True, gc=False):
    """`command` is known not to have reached that peer; the connection is of no more use."""

    connection: int
    command: Command


class TimerFired(Struct, frozen=True, gc=False):
    """An armed timer ran out."""

    timer: Timer


class LogCommitFailed(Struct, frozen=True, gc=False):
    """The batch could not be made durable; `pending_records` now wait in memory."""

    error: str
    pending_records: int = 0


class LogCommitRecovered(Struct, frozen=True, gc=False):
    """All `records` that had waited for the log are in it."""

    records: int


class ShutdownRequested(Struct, frozen=True, gc=False):
    """The process ends: every saga in flight ends as failed."""

    reason: str


class RecoveryRequested(Struct, frozen=True, gc=False):
    """What the log held at start. The first event of a run, before any connection.

    `next_saga_id` lies above every id that was ever shown; `outcomes` are the sagas that ended
    last, oldest first.
    """

    next_saga_id: int
    unresolved: tuple[UnresolvedSaga, ...] = ()
    outcomes: tuple[SagaOutcome, ...] = ()

    @property
    def first_free_id(self) -> int:
        """The lowest id above all of these, should `next_saga_id` be too low."""
        shown = [*(row.saga_id for row in self.unresolved), *(end.saga_id for end in self.outcomes)]
        return max(self.next_saga_id, max(shown, default=0) + 1)


ShellEvent = (
    ConnectionOpened
    | ConnectionClosed
    | CommandReceived
    | LineRejected
    | SendFailed
    | TimerFired
    | LogCommitFailed
    | LogCommitRecovered
    | ShutdownRequested
    | RecoveryRequested
)

Event: TypeAlias = ShellEvent | BusEvent
"""All that `step` takes. A bus event comes from another producer and is not emitted again."""
