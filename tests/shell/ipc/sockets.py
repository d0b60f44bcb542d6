"""Sockets that misbehave, and a reader that takes its time."""

import asyncio
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from saga_shell.ipc import System
from saga_shell.ipc.acceptor import accept_one

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

Send = Callable[[bytes], int]


def system_with(alter: Callable[[Send, bytes], int]) -> System:
    """A system whose accepted sockets send as `alter` does, which gets the real way to send."""

    class Altered(socket.socket):
        def send(self, data: "ReadableBuffer", flags: int = 0, /) -> int:
            assert flags == 0
            return alter(super().send, bytes(data))

    def accept(listening: socket.socket) -> socket.socket:
        accepted = Altered(fileno=accept_one(listening).detach())
        accepted.setblocking(False)
        return accepted

    return System(accept=accept)


async def read_slowly(client: socket.socket) -> bytes:
    """All that is sent to a raw client, in small pieces, up to the end."""
    loop = asyncio.get_running_loop()
    received = b""
    while data := await loop.sock_recv(client, 7_000):
        received += data
    return received


class SlowSystem:
    """An OS that takes what it is given, but only so often."""

    def __init__(self, seconds: float, expected: int) -> None:
        self.took_all = asyncio.Event()
        self._left = expected
        self._seconds = seconds
        self._next = 0.0

    def send(self, _really: Send, data: bytes) -> int:
        """Take all, if it is time."""
        now = asyncio.get_running_loop().time()
        if now < self._next:
            raise BlockingIOError
        self._next = now + self._seconds
        self._left -= len(data)
        if not self._left:
            self.took_all.set()
        return len(data)
