"""One connection: its two halves, and the one way in which it ends."""

import asyncio
import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from returns.result import Failure, Success

from saga_core.engine import (
    Command,
    CommandReceived,
    ConnectionClosed,
    Event,
    LineRejected,
    SendFailed,
)
from saga_shell.ipc.counters import Tally
from saga_shell.ipc.gate import ReadGate
from saga_shell.ipc.limits import LINE_BYTES, Limits
from saga_shell.ipc.lines import LineSplitter
from saga_shell.ipc.reader import Reader
from saga_shell.ipc.writer import Writer

logger = logging.getLogger(__name__)

Decode = Callable[[bytes], Success[Command] | Failure[str]]
"""What makes a command of a line, or says what is wrong with it. Never raises."""

Sink = Callable[[Event], None]
"""Takes the events in order of arrival. It must not block, and only enqueues."""


@dataclass(frozen=True)
class Wiring:
    """What all connections of a server share."""

    decode: Decode
    sink: Sink
    limits: Limits
    gate: ReadGate
    tally: Tally


class Phase(Enum):
    """How far a connection is.

    `LINGERING`: the peer has said all it will, but may still read. `CLOSING`: what is queued is
    written, nothing is read. `ENDED`: neither; the sink hears of it in the loop's next turn.
    """

    OPEN = auto()
    LINGERING = auto()
    CLOSING = auto()
    ENDED = auto()


class Connection:
    """A peer's socket, as events to the sink.

    A peer that only shut its sending side, as `nc -N` does, is given `linger` seconds for the
    answers that are on their way; one that can't answer gets no command. The last event is
    `ConnectionClosed`; before it comes a `SendFailed` for each command that the OS never got, in
    order (FACTS R-33). The sink never hears of anything from within `send` or `close`: whoever
    calls these may be in the middle of something.
    """

    def __init__(
        self,
        number: int,
        sock: socket.socket,
        wiring: Wiring,
        on_ended: Callable[[int], None],
    ) -> None:
        self._number = number
        self._sock = sock
        self._wiring = wiring
        self._on_ended = on_ended
        self._phase = Phase.OPEN
        self._refused: list[Command] = []
        self._timer: asyncio.TimerHandle | None = None
        splitter = LineSplitter(wiring.limits.line_bytes)
        self._reader = Reader(
            sock, splitter, wiring.gate, self._line, self._peer_ended, self._line_too_long
        )
        self._writer = Writer(
            sock, wiring.limits, wiring.tally, self._drained, self._kick, self._end
        )

    def start(self) -> None:
        """Read from here on."""
        self._reader.start()

    def send(self, line: bytes, command: Command | None) -> None:
        """Queue `line`; it goes out with all others of this turn of the loop, in one write."""
        if self._phase is Phase.OPEN or (self._phase is Phase.LINGERING and command is None):
            self._writer.send(line, command)
            if command is not None:
                self._reader.asked()
        else:
            self._refuse(command)

    def close(self, reason: str) -> None:
        """Write what is queued, within the write timeout, then end. No more is read."""
        if self._phase in (Phase.OPEN, Phase.LINGERING):
            logger.debug("connection %d is closed: %s", self._number, reason)
            self._phase = Phase.CLOSING
            self._reader.stop()
            self._set_timer(self._wiring.limits.write_timeout, self._end, "the peer doesn't read")
            self._writer.flush()

    def _line(self, line: bytes) -> None:
        wiring = self._wiring
        wiring.tally.add("lines_in")
        wiring.gate.went_through(len(line))
        decoded = wiring.decode(line)
        if isinstance(decoded, Success):
            wiring.sink(CommandReceived(self._number, decoded.unwrap()))
        else:
            self._reject(decoded.failure(), fatal=False)

    def _line_too_long(self) -> None:
        limit = self._wiring.limits.line_bytes
        size = "1 MiB" if limit == LINE_BYTES else f"{limit} bytes"
        self._wiring.tally.add("lines_too_long")
        self._reject(f"line longer than {size}", fatal=True)

    def _reject(self, reason: str, *, fatal: bool) -> None:
        self._wiring.tally.add("lines_rejected")
        self._wiring.sink(LineRejected(self._number, reason, fatal))

    def _peer_ended(self) -> None:
        if self._writer.commands() or self._peer_is_gone():
            self._end("end of stream")
        elif self._phase is Phase.OPEN:
            self._phase = Phase.LINGERING
            self._set_timer(self._wiring.limits.linger, self.close, "the peer ended its stream")

    def _peer_is_gone(self) -> bool:
        """Whether the peer closed its socket, and not just its sending side."""
        try:
            self._sock.send(b"")
        except OSError:
            return True
        return False

    def _kick(self, reason: str) -> None:
        self._wiring.tally.add("kicked_slow")
        logger.warning("connection %d is ended, its peer doesn't read: %s", self._number, reason)
        self._end(reason)

    def _drained(self) -> None:
        if self._phase is Phase.CLOSING:
            self._end("all is written")

    def _refuse(self, command: Command | None) -> None:
        self._wiring.tally.add("lines_dropped")
        if command is not None:
            self._refused.append(command)
        if self._phase is Phase.LINGERING:
            self._end("a command for a peer that can't answer")

    def _end(self, reason: str) -> None:
        if self._phase is Phase.ENDED:
            return
        logger.debug("connection %d ends: %s", self._number, reason)
        self._phase = Phase.ENDED
        self._cancel_timer()
        self._writer.stop()
        asyncio.get_running_loop().call_soon(self._finish)

    def _finish(self) -> None:
        self._reader.deliver_rest()
        self._reader.stop()
        self._sock.close()
        for command in self._writer.commands() + self._refused:
            self._wiring.sink(SendFailed(self._number, command))
        self._on_ended(self._number)
        self._wiring.sink(ConnectionClosed(self._number))

    def _set_timer(self, seconds: float, call: Callable[[str], None], reason: str) -> None:
        self._cancel_timer()
        self._timer = asyncio.get_running_loop().call_later(seconds, call, reason)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
