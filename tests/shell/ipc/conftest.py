"""A server on a real socket in a short directory, and what its sink was told."""

import asyncio
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import msgspec
import pytest
from returns.result import Failure, Success

from saga_core.engine import Command, CommandReceived, ConnectionClosed, ConnectionOpened, Event
from saga_shell.ipc import Limits, Listener, Server, System, chosen_endpoint, listen


class Say(Command, frozen=True, tag="say"):
    """The one command of these tests."""

    text: str


def decode(line: bytes) -> Success[Command] | Failure[str]:
    """What the codec does, for `Say`."""
    try:
        return Success(msgspec.json.decode(line, type=Say))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return Failure(str(error))


@dataclass
class Served:
    """A running server, its events so far, and clients for it."""

    path: Path
    events: list[Event] = field(default_factory=list)
    fatal: list[str] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    on_event: Callable[[Event], None] = lambda _event: None
    server: Server = field(init=False)

    def sink(self, event: Event) -> None:
        """What the server is given as its sink."""
        self.events.append(event)
        self.changed.set()
        self.on_event(event)

    def died(self, line: str) -> None:
        """What the server calls when it can accept no more."""
        self.fatal.append(line)
        self.changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition` holds; it is asked again after each event."""
        while not condition():
            self.changed.clear()
            await self.changed.wait()

    def command(self, text: str) -> Command:
        """A command that can be told from others by its text."""
        return Say(text)

    def line(self, text: str) -> bytes:
        """That command as a line, without its newline."""
        return msgspec.json.encode(Say(text))

    def texts(self, connection: int | None = None) -> list[str]:
        """What was said, by one connection or by all."""
        return [
            event.command.text
            for event in self.events
            if isinstance(event, CommandReceived) and isinstance(event.command, Say)
            if connection in (None, event.connection)
        ]

    async def heard(self, count: int) -> None:
        """Wait until so many commands have come."""
        await self.until(lambda: len(self.texts()) >= count)

    def of(self, connection: int) -> list[Event]:
        """The events of one connection."""
        return [event for event in self.events if getattr(event, "connection", 0) == connection]

    async def client(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A client that the server knows already."""
        before = self.opened()
        reader, writer = await asyncio.open_unix_connection(str(self.path), limit=2**25)
        await self.until(lambda: self.opened() > before)
        return reader, writer

    async def silent(self) -> socket.socket:
        """A client that the server knows already, and that reads only when it is told to."""
        before = self.opened()
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(str(self.path))
        sock.setblocking(False)
        await self.until(lambda: self.opened() > before)
        return sock

    def opened(self) -> int:
        """How many connections there have been."""
        return sum(isinstance(event, ConnectionOpened) for event in self.events)

    async def closed(self, connection: int) -> None:
        """Wait for the end of a connection."""
        await self.until(lambda: ConnectionClosed(connection) in self.events)


class Serve(Protocol):
    """How a test starts a server."""

    def __call__(
        self,
        *,
        limits: Limits | None = None,
        system: System | None = None,
        barred_roles: Callable[[int], tuple[str, ...]] = lambda _pid: (),
    ) -> AbstractAsyncContextManager[Served]:
        """Serve for the length of a block."""


@pytest.fixture
def short_dir() -> Iterator[Path]:
    """A directory whose path is short enough for a socket's address."""
    with tempfile.TemporaryDirectory(prefix="ipc-") as name:
        yield Path(name)


def taken(path: Path) -> Listener:
    """The listener of a path that is free."""
    result = listen(chosen_endpoint(path))
    assert isinstance(result, Success), result
    return result.unwrap()


@pytest.fixture
def serve(short_dir: Path) -> Serve:
    """Start a server; it is stopped at the end of the block."""

    @asynccontextmanager
    async def serving(
        *,
        limits: Limits | None = None,
        system: System | None = None,
        barred_roles: Callable[[int], tuple[str, ...]] = lambda _pid: (),
    ) -> AsyncIterator[Served]:
        served = Served(short_dir / "s.sock")
        served.server = Server(
            taken(served.path),
            decode=decode,
            sink=served.sink,
            barred_roles=barred_roles,
            on_fatal=served.died,
            limits=limits,
            system=system,
        )
        await served.server.start()
        try:
            yield served
        finally:
            assert await served.server.stop() == Success(None)
            assert served.server.connections() == ()

    return serving
