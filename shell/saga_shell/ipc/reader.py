"""The reading half of a connection: bytes in, lines out, never more than somebody takes.

Peers take turns of `LINES_PER_TURN` lines. One that was asked something may say more in its turn
and comes first when the gate opens: else, beyond capacity, the answers that end sagas would wait
behind the reports that start some, until every saga's deadline passed.
"""

import asyncio
import socket
from collections import deque
from collections.abc import Callable

from saga_shell.ipc.gate import ReadGate
from saga_shell.ipc.lines import LineSplitter

RECEIVE_BYTES = 65_536
LINES_PER_TURN = 64
"""Lines that one peer may have delivered before the others get their turn."""

LINES_PER_COMMAND = 2
"""What a peer may say beyond that for each command it was sent: an answer, and a report of it."""

MOST_OWED_LINES = 4_096
"""How much that may come to, so that no turn takes long."""

FINAL_READS = 4
"""Reads after a connection broke. Together they cover what a Unix socket holds by default."""


class Reader:
    """Delivers each line of the socket through `on_line`, in order.

    While the gate is shut, or while lines wait for their turn, nothing is read: the peer's writes
    then wait in the kernel, and the launcher holds one piece of the stream at most. When the
    stream has ended, one of `on_eof` and `on_too_long` is called, once, after the last line.
    """

    def __init__(
        self,
        sock: socket.socket,
        splitter: LineSplitter,
        gate: ReadGate,
        on_line: Callable[[bytes], None],
        on_eof: Callable[[], None],
        on_too_long: Callable[[], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._sock = sock
        self._splitter = splitter
        self._gate = gate
        self._on_line = on_line
        self._on_eof = on_eof
        self._on_too_long = on_too_long
        self._inbox: deque[bytes] = deque()
        self._owed = 0
        self._eof = False
        self._watching = False
        self._stopped = False

    def start(self) -> None:
        """Read from here on."""
        self._watch()

    def asked(self) -> None:
        """The peer was sent a command, and owes an answer."""
        self._owed = min(self._owed + LINES_PER_COMMAND, MOST_OWED_LINES)

    def stop(self) -> None:
        """Read and deliver no more."""
        self._stopped = True
        self._unwatch()
        self._inbox.clear()

    def deliver_rest(self) -> None:
        """Deliver what the peer has said by now, gate or no gate; nothing after `stop`.

        The connection broke, but an answer that a dying peer had written must not be lost with it.
        """
        reads = 0
        while reads < FINAL_READS and not self._stopped and self._receive():
            reads += 1
        while self._inbox:
            self._on_line(self._inbox.popleft())
        if self._splitter.too_long and not self._stopped:
            self._on_too_long()

    def _on_readable(self) -> None:
        if self._gate.is_open:
            self._receive()
            self._turn()
        else:
            self._unwatch()
            self._wait_for_gate()

    def _receive(self) -> bool:
        """Read once. Returns whether there may be more."""
        try:
            data = self._sock.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            # A reset is an end like any other; what came before it has been read.
            data = b""
        self._eof = not data
        self._inbox.extend(self._splitter.feed(data) if data else self._splitter.end())
        return not self._eof

    def _turn(self) -> None:
        delivered, most = 0, LINES_PER_TURN + self._owed
        while delivered < most and self._gate.is_open and (self._inbox or self._may_say_more()):
            self._on_line(self._inbox.popleft())
            delivered += 1
        self._owed = max(0, self._owed - delivered)
        if self._inbox:
            self._wait_for_turn()
        elif not self._stopped:
            self._go_on()

    def _may_say_more(self) -> bool:
        """Whether a peer that owes answers has said more meanwhile."""
        more = self._owed > 0
        while more and not self._inbox and not (self._stopped or self._splitter.too_long):
            more = self._receive()
        return bool(self._inbox)

    def _wait_for_turn(self) -> None:
        self._unwatch()
        if self._gate.is_open:
            self._loop.call_soon(self._turn)
        else:
            self._wait_for_gate()

    def _wait_for_gate(self) -> None:
        self._gate.wait(self._turn, asked=self._owed > 0)

    def _go_on(self) -> None:
        if self._splitter.too_long:
            self.stop()
            self._on_too_long()
        elif self._eof:
            self.stop()
            self._on_eof()
        else:
            self._watch()

    def _watch(self) -> None:
        if not self._watching:
            self._watching = True
            self._loop.add_reader(self._sock, self._on_readable)

    def _unwatch(self) -> None:
        if self._watching:
            self._watching = False
            self._loop.remove_reader(self._sock)
