"""The host's connection to the launcher: lines in, lines out, one connection per process."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator

from returns.result import Failure, Success

from saga_core.agentmux.wire import encode
from saga_core.engine import Command
from saga_shell.host.accounts import Say

LONGEST_LINE = 16 * 1024 * 1024
"""A snapshot of a launcher with many windows is long; what is longer than this is an error."""
MOST_UNSENT = 8 * 1024 * 1024
"""Bytes that may wait for a launcher that doesn't read."""
FLUSH_SECONDS = 1.0
"""How long the last lines may take to leave."""

_UCRED = struct.Struct("3i")


class LauncherLink:
    """One connection. It never reconnects: a new connection is a new process (FACTS 2.8)."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, say: Say
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._say = say
        self.ended = False
        """The launcher's side is gone; nothing can be sent any more."""

    @property
    def launcher_pid(self) -> int:
        """The process that listens at the other end; 0 if it is none of our pid namespace."""
        sock: socket.socket = self._writer.get_extra_info("socket")
        pid, _, _ = _UCRED.unpack(
            sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        )
        return int(pid)

    def send(self, command: Command) -> None:
        """Send one line, after all those sent before. A launcher that doesn't read is left."""
        if self.ended or self._writer.is_closing():
            return
        self._writer.write(encode(command) + b"\n")
        unsent = self._writer.transport.get_write_buffer_size()
        if unsent > MOST_UNSENT:
            self._say(f"the launcher does not read: {unsent} bytes wait; leaving it")
            self._writer.transport.abort()

    async def lines(self) -> AsyncIterator[bytes]:
        """Every line from the launcher, without blank ones, until its side ends."""
        try:
            while line := await self._reader.readline():
                if line.strip():
                    yield line.rstrip(b"\r\n")
        except ValueError:
            self._say(f"the launcher sent a line of more than {LONGEST_LINE} bytes; leaving it")
        except ConnectionError as error:
            self._say(f"the connection broke: {error.strerror}")
        self.ended = True

    async def close(self) -> None:
        """Let the last lines leave, then close."""
        try:
            async with asyncio.timeout(FLUSH_SECONDS):
                self._writer.close()
                await self._writer.wait_closed()
        except (ConnectionError, TimeoutError):
            self._writer.transport.abort()


async def connect(path: str, say: Say) -> Success[LauncherLink] | Failure[str]:
    """Connect to the launcher's socket."""
    try:
        reader, writer = await asyncio.open_unix_connection(path, limit=LONGEST_LINE)
    except OSError as error:
        reason = error.strerror or error
        return Failure(
            f"cannot connect to the launcher at {path}: {reason}; "
            "is `agentmux-launcher run` running?"
        )
    return Success(LauncherLink(reader, writer, say))
