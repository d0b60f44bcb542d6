"""A subscriber that hears the bus from its register on and keeps all of it."""

import asyncio
import os
from contextlib import suppress
from pathlib import Path

from returns.result import Failure, Success

from saga_core.agentmux import wire
from saga_core.agentmux.commands import GetEvents, Register
from saga_core.agentmux.events import Error, EventList, Pong, Registered, Snapshot
from saga_core.engine import BusEvent, Command, version_of
from saga_shell.cli.demo.stage import GivenUp, within

LINE_LIMIT = 16 * 1024 * 1024
PRIVATE = (Registered, Error, Pong, Snapshot)
"""What concerns one connection only and is not on the bus."""


class Bystander:
    """`heard`: the events of one run of the launcher, from the first one on, by version."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heard: list[BusEvent] = []
        self._reader = reader
        self._writer = writer
        self._listening = asyncio.create_task(self._listen())
        self._caught_up = asyncio.Event()

    @classmethod
    async def join(cls, socket: Path, version: str) -> "Bystander":
        """Register, and ask for what the bus told before."""
        opening = asyncio.open_unix_connection(str(socket), limit=LINE_LIMIT)
        bystander = cls(*await within(opening, "the launcher took no connection"))
        bystander._say(Register("tool", os.getpid(), version))
        bystander._say(GetEvents(0))
        await within(bystander._caught_up.wait(), "the launcher sent no event list")
        return bystander

    async def leave(self) -> None:
        """Stop listening, once the launcher has closed the connection or will say no more."""
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._listening), 1)
        self._listening.cancel()
        self._writer.close()

    def _say(self, command: Command) -> None:
        self._writer.write(wire.encode(command) + b"\n")

    async def _listen(self) -> None:
        with suppress(ConnectionError):
            while line := await self._reader.readline():
                self._hear(line.strip())

    def _catch_up(self, events: tuple[BusEvent, ...]) -> None:
        """Put in front what was told before this subscriber came; the rest was heard already."""
        first = version_of(self.heard[0]) if self.heard else None
        self.heard[:0] = [e for e in events if first is None or version_of(e) < first]
        self._caught_up.set()

    def _hear(self, line: bytes) -> None:
        match wire.decode_event(line):
            case Failure(reason):
                raise GivenUp(f"the launcher sent a line that is no event: {reason}")
            case Success(EventList(events)):
                self._catch_up(events)
            case Success(event):
                if not isinstance(event, PRIVATE):
                    self.heard.append(event)
