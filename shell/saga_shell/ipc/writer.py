"""The writing half of a connection: one writer, so lines never interleave (FACTS F-28)."""

import asyncio
import socket
from collections.abc import Callable

from saga_core.engine import Command
from saga_shell.ipc.counters import Tally
from saga_shell.ipc.limits import Limits
from saga_shell.ipc.outbox import Outbox


class Writer:
    """Writes lines in order without ever waiting.

    Lines that come in one turn of the loop go out in one write. `on_drained` is called whenever
    everything has been handed to the OS, `on_slow` when the peer reads too slowly for its bounds,
    `on_broken` when a write failed; after either of these nothing may be written any more.
    """

    def __init__(
        self,
        sock: socket.socket,
        limits: Limits,
        tally: Tally,
        on_drained: Callable[[], None],
        on_slow: Callable[[str], None],
        on_broken: Callable[[str], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._sock = sock
        self._limits = limits
        self._tally = tally
        self._on_drained = on_drained
        self._on_slow = on_slow
        self._on_broken = on_broken
        self._outbox = Outbox()
        self._scheduled = False
        self._blocked = False
        self._stopped = False
        self._deadline: asyncio.TimerHandle | None = None

    def send(self, line: bytes, command: Command | None) -> None:
        """Queue `line`. Too much in the queue ends the connection (FACTS R-32)."""
        outbox, limits = self._outbox, self._limits
        outbox.append(line, command)
        if outbox.lines > limits.queue_lines or outbox.size > limits.queue_bytes:
            self._make_room()
        elif not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._flush_later)

    def flush(self) -> None:
        """Hand over all that the OS takes now."""
        if not self._blocked and not self._stopped:
            self._write()

    def commands(self) -> list[Command]:
        """The queued commands that the OS has not got, oldest first."""
        return self._outbox.commands()

    def stop(self) -> None:
        """Write no more. The lines that are still queued count as dropped."""
        self._stopped = True
        self._unblock()
        self._tally.add("lines_dropped", self._outbox.lines)

    def _make_room(self) -> None:
        # A peer that reads while a long burst is being queued has made room by now.
        self._write()
        if self._over_limit() and not self._stopped:
            over_lines = self._outbox.lines > self._limits.queue_lines
            self._tally.add("kicked_lines" if over_lines else "kicked_bytes")
            self._on_slow(f"{self._outbox.lines} lines, {self._outbox.size} bytes wait to be read")

    def _flush_later(self) -> None:
        self._scheduled = False
        self.flush()

    def _write(self) -> None:
        try:
            while chunk := self._outbox.chunk():
                self._advance(self._sock.send(chunk))
        except BlockingIOError:
            self._block()
        except OSError as error:
            self._on_broken(f"write failed: {error.strerror}")
        else:
            self._unblock()
            self._on_drained()

    def _advance(self, count: int) -> None:
        self._tally.add("lines_out", self._outbox.advance(count))
        if not self._outbox.in_chunk:
            self._cancel_deadline()

    def _block(self) -> None:
        if not self._blocked:
            self._blocked = True
            self._loop.add_writer(self._sock, self._write)
        if self._deadline is None:
            self._deadline = self._loop.call_later(self._limits.write_timeout, self._timed_out)

    def _unblock(self) -> None:
        self._cancel_deadline()
        if self._blocked:
            self._blocked = False
            self._loop.remove_writer(self._sock)

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _timed_out(self) -> None:
        self._tally.add("kicked_waiting")
        self._on_slow(f"a write waited {self._limits.write_timeout:g} s")

    def _over_limit(self) -> bool:
        lines, size = self._outbox.lines, self._outbox.size
        return lines > self._limits.queue_lines or size > self._limits.queue_bytes
