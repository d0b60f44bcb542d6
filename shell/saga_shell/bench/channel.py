"""A peer's connection that never waits: what the launcher doesn't take yet waits here, in order."""

import os
import selectors
import socket
from collections.abc import Callable
from itertools import count
from pathlib import Path

RECEIVE_BYTES = 1 << 20

Take = Callable[[bytes], None]
_pids = count(1 << 30)
"""Nobody's pids, since no two peers may have the same one."""


class Channel:
    """`on_data` gets what came, b"" at the end; it is not asked for while `reading` is off."""

    def __init__(
        self, path: Path, selector: selectors.BaseSelector, on_data: Take, *, reading: bool = True
    ) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(os.fspath(path))
        self.socket.setblocking(False)
        self._selector = selector
        self._on_data = on_data
        self._unsent = bytearray()
        self._events = selectors.EVENT_READ if reading else 0
        self._watched = 0
        self._watch()

    def register(self, kind: str) -> None:
        """Say who this is."""
        self.send(
            b'{"cmd":"register","kind":"%b","pid":%d,"version":"bench"}\n'
            % (kind.encode(), next(_pids))
        )
        self.flush()

    def send(self, lines: bytes) -> None:
        """Let `lines` go out at the next `flush`."""
        self._unsent += lines

    @property
    def waiting(self) -> int:
        """Bytes that the launcher has not taken yet."""
        return len(self._unsent)

    def flush(self) -> None:
        """Write what the kernel takes."""
        if not self._unsent:
            return
        try:
            sent = self.socket.send(self._unsent)
        except BlockingIOError:
            sent = 0
        except OSError:
            # It was hung up on; its end will be read.
            sent = 0
            self._unsent.clear()
        del self._unsent[:sent]
        self._watch()

    def receive(self, most: int = RECEIVE_BYTES) -> None:
        """Read once."""
        try:
            data = self.socket.recv(most)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._on_data(data)

    def ready(self, mask: int) -> None:
        """Do what the socket is ready for."""
        if mask & selectors.EVENT_WRITE:
            self.flush()
        if mask & selectors.EVENT_READ:
            self.receive()

    def close(self) -> None:
        """Leave at once; what was not sent is not."""
        self._events, self._unsent = 0, bytearray()
        self._watch()
        self.socket.close()

    def _watch(self) -> None:
        wanted = self._events | (selectors.EVENT_WRITE if self._unsent else 0)
        if wanted == self._watched:
            return
        if not self._watched:
            self._selector.register(self.socket, wanted, self)
        elif wanted:
            self._selector.modify(self.socket, wanted, self)
        else:
            self._selector.unregister(self.socket)
        self._watched = wanted
