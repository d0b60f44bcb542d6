"""Connections in memory: the lines of both directions go through the real codec, no socket does."""

import asyncio
from collections.abc import Callable

from returns.result import Failure, Success

from saga_core.agentmux import wire
from saga_core.engine import (
    Command,
    CommandReceived,
    ConnectionClosed,
    ConnectionOpened,
    Event,
    LineRejected,
    SendFailed,
)
from saga_shell.ipc.limits import LINE_BYTES
from saga_shell.ipc.lines import LineSplitter

Sink = Callable[[Event], None]


class MemoryPeers:
    """What the interpreter takes for the socket server.

    `sent` holds each line since it was last cleared, with its connection, whether or not the peer
    still reads. As on sockets, numbers grow and none is used again, the sink hears nothing from
    within `send` or `close_connection`, and a command for a connection that has ended comes back
    in a `SendFailed`.
    """

    def __init__(self, sink: Sink, first: int) -> None:
        self.sent: list[tuple[int, bytes]] = []
        self.next_connection = first
        self._sink = sink
        self._open: dict[int, LineSplitter] = {}

    def connect(self, barred: tuple[str, ...]) -> int:
        """A peer's socket opens; returns its number."""
        number = self.next_connection
        self.next_connection += 1
        self._open[number] = LineSplitter(LINE_BYTES)
        self._sink(ConnectionOpened(number, barred))
        return number

    def say(self, connection: int, command: Command) -> None:
        """The peer writes a command, as the line that it is."""
        for line in self._open[connection].feed(wire.encode(command) + b"\n"):
            match wire.decode_command(line):
                case Success(decoded):
                    self._sink(CommandReceived(connection, decoded))
                case Failure(reason):
                    self._sink(LineRejected(connection, reason))

    def end(self, connection: int) -> None:
        """The peer's socket ends."""
        del self._open[connection]
        self._sink(ConnectionClosed(connection))

    def send(self, connection: int, line: bytes, command: Command | None = None) -> None:
        """Take a line for a peer."""
        self.sent.append((connection, line))
        if connection not in self._open and command is not None:
            failed = SendFailed(connection, command)
            asyncio.get_running_loop().call_soon(self._sink, failed)

    def close_connection(self, connection: int, reason: str) -> None:
        """Hang up. The end comes when the play says so; until then the peer may still be heard."""

    def is_open(self, connection: int) -> bool:
        """Whether the socket is open."""
        return connection in self._open
