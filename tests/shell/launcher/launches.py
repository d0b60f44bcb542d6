"""A whole launcher in this process, on a directory of its own, with every step watched."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from pyrsistent import pmap
from tests.shell.launcher.parts import Client, Message, Watch, rows

from saga_core.agentmux import Mirror
from saga_core.engine import Config
from saga_shell.launcher.launch import EVENT_LOG_NAME, launch
from saga_shell.launcher.options import Exit, Options
from saga_shell.launcher.runner import Watcher
from saga_shell.log import current_path, is_live

UNHURRIED = Config(timeouts=pmap(dict.fromkeys(("pool_respawn_on_promote",), 60.0)))
"""A busy machine is late, and late is `saga timeout`: what is not about deadlines has time."""


def shell(script: str) -> tuple[str, ...]:
    """A child's command: this shell script."""
    return ("/bin/sh", "-c", script)


class Place:
    """Where the launchers of one test live, and what they leave there."""

    def __init__(self, directory: Path) -> None:
        self.data_dir = directory / "data"
        self.socket = directory / "s"
        self.log = current_path(self.data_dir)
        self.options = Options(
            self.data_dir, "9.8.7", self.socket, config=UNHURRIED, synchronous="normal"
        )

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What the saga log says."""
        return rows(self.log, query)

    def events(self) -> list[Message]:
        """What the event log says."""
        text = (self.data_dir / EVENT_LOG_NAME).read_text()
        return [json.loads(line) for line in text.splitlines()]

    async def is_taken(self) -> bool:
        """Whether a launcher lives on the data directory."""
        return await asyncio.to_thread(is_live, self.data_dir)

    async def launch_and_wait(self, **changes: Any) -> Exit:
        """A launcher that is to end by itself."""
        async with self.launched(**changes) as it:
            return await it.ended

    @asynccontextmanager
    async def launched(
        self, *, watcher: Watcher[Mirror] | None = None, **changes: Any
    ) -> AsyncIterator["Launched"]:
        """A launcher that listens, or has ended; it is ended at the end."""
        it = Launched(replace(self.options, **changes), watcher or Watch())
        listening = asyncio.create_task(it.listening.wait())
        await asyncio.wait([listening, it.ended], return_when=asyncio.FIRST_COMPLETED)
        listening.cancel()
        try:
            yield it
        finally:
            it.stop.set()
            await asyncio.wait([it.ended])
            for client in it.clients:
                client.close()


class Launched:
    """A launcher that runs. `ended` tells how it ended."""

    def __init__(self, options: Options, watcher: Watcher[Mirror]) -> None:
        self.stop = asyncio.Event()
        self.listening = asyncio.Event()
        self.announced: list[Path] = []
        self.clients: list[Client] = []
        self.ended = asyncio.create_task(launch(options, self._announce, self.stop, watcher))

    async def client(self, kind: str | None = None, pid: int = 4242) -> Client:
        """A new connection, registered if it says as what."""
        client = await Client.connect(self.announced[0])
        self.clients.append(client)
        if kind is not None:
            await client.register(kind, pid)
        return client

    async def end(self) -> Exit:
        """Tell it to end, and wait until it has."""
        self.stop.set()
        return await self.ended

    def _announce(self, path: Path) -> None:
        self.announced.append(path)
        self.listening.set()
