"""What the tests of the launcher put in: a checker, a log that can be held, and a client."""

import asyncio
import json
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from returns.result import Failure, Success

from saga_core.agentmux import AgentMux, Mirror, wire
from saga_core.agentmux.commands import (
    Register,
    ReportPoolWindowAdded,
    ReportPoolWindowPromoted,
)
from saga_core.engine import (
    BusEvent,
    Command,
    CommandReceived,
    ConnectionOpened,
    Effect,
    Emit,
    Event,
    LogRecord,
    SagaOpened,
    State,
    WriteLog,
    empty_history,
    observe,
)
from saga_shell.launcher.runner import DurableLog
from saga_shell.log import LogOptions, LogWriter

Message = dict[str, Any]
PATIENCE_SECONDS = 60.0
TURNS_OF_A_COMMIT = 5
"""How often the loop turns while a log in memory is at work: others get on meanwhile."""

HOST = 1
"""The connection of the host that `host_joins` opens."""


def poll(true: Callable[[], bool]) -> None:
    """Wait for what only looking again and again can show. Blocks."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline, "what was waited for never came"
        time.sleep(0.002)


async def polled(true: Callable[[], bool]) -> None:
    """Wait for such a thing without blocking the loop."""
    await asyncio.to_thread(poll, true)


class Watch:
    """A runner's watcher: every step must keep every promise (DESIGN 4, I1 to I9)."""

    def __init__(self) -> None:
        self.history = empty_history()
        self.events: list[Event] = []
        self._app = AgentMux()

    def __call__(
        self,
        before: State[Mirror],
        event: Event,
        after: State[Mirror],
        effects: tuple[Effect, ...],
    ) -> None:
        """One step."""
        self.events.append(event)
        self.history, broken = observe(self._app, self.history, before, event, after, effects)
        assert broken == (), broken


class Stage:
    """Takes a runner's effects. `until` waits for what they bring."""

    def __init__(self) -> None:
        self.effects: list[Effect] = []
        self.on_effect: Callable[[Effect], None] = lambda _effect: None
        self._changed = asyncio.Event()

    def perform(self, effect: Effect) -> None:
        """What the runner is given."""
        self.effects.append(effect)
        self._changed.set()
        self.on_effect(effect)

    @property
    def bus(self) -> list[BusEvent]:
        """What was published so far."""
        return [effect.event for effect in self.effects if isinstance(effect, Emit)]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition` holds; it is asked again after each effect."""
        while not condition():
            self._changed.clear()
            await self._changed.wait()

    async def hears(self, kind: type[BusEvent], count: int = 1) -> None:
        """Wait for so many events of a kind."""
        await self.until(lambda: sum(isinstance(event, kind) for event in self.bus) >= count)


class HeldLog:
    """A log whose commits wait while it is held, and that keeps in mind what is durable."""

    def __init__(self, inner: DurableLog) -> None:
        self.durable: list[LogRecord] = []
        self.asked = asyncio.Event()
        self._inner = inner
        self._free = asyncio.Event()
        self._free.set()

    def hold(self) -> None:
        """From here on a commit waits; `asked` is set when one does."""
        self.asked.clear()
        self._free.clear()

    def release(self) -> None:
        """Let them go on."""
        self._free.set()

    @property
    def pending_records(self) -> int:
        """As the inner log says."""
        return self._inner.pending_records

    async def commit(self, records: Sequence[LogRecord]) -> Success[None] | Failure[str]:
        """Wait if held, then commit."""
        self.asked.set()
        await self._free.wait()
        committed = await self._inner.commit(records)
        if isinstance(committed, Success):
            self.durable += records
        return committed

    def defer(self, records: Sequence[LogRecord]) -> None:
        """As the inner log does."""
        self._inner.defer(records)

    async def retry(self) -> Success[None] | Failure[str]:
        """As the inner log does."""
        return await self._inner.retry()

    async def secure_ids(self, records: Sequence[LogRecord]) -> Success[None] | Failure[str]:
        """As the inner log does."""
        return await self._inner.secure_ids(records)


class MemoryLog:
    """A log in memory that fails as often as it is told to.

    `outcomes` are what the next attempts come to, None for good; afterwards all is well.
    `during` is called in each attempt, at the point where a thread would be at work. Ids from
    `insecure_from` on can't be reserved.
    """

    def __init__(self, *outcomes: str | None) -> None:
        self.rows: list[LogRecord] = []
        self.attempts = 0
        self.insecure_from = 1 << 63
        self.during: Callable[[], None] = lambda: None
        self._outcomes = list(outcomes)
        self._waiting: list[LogRecord] = []

    @property
    def pending_records(self) -> int:
        """What is not among the rows yet."""
        return len(self._waiting)

    async def commit(self, records: Sequence[LogRecord]) -> Success[None] | Failure[str]:
        """Make the records rows, after all that waits."""
        self.defer(records)
        return await self.retry()

    def defer(self, records: Sequence[LogRecord]) -> None:
        """Let the records wait."""
        self._waiting += records

    async def retry(self) -> Success[None] | Failure[str]:
        """Make rows of what waits."""
        if not self._waiting:
            return Success(None)
        self.attempts += 1
        taken = len(self._waiting)
        self.during()
        for _ in range(TURNS_OF_A_COMMIT):
            await asyncio.sleep(0)
        if self._outcomes and (error := self._outcomes.pop(0)) is not None:
            return Failure(error)
        self.rows += self._waiting[:taken]
        del self._waiting[:taken]
        return Success(None)

    async def secure_ids(self, records: Sequence[LogRecord]) -> Success[None] | Failure[str]:
        """Whether all ids can be reserved."""
        ids = [record.saga_id for record in records if isinstance(record, SagaOpened)]
        if max(ids, default=0) < self.insecure_from:
            return Success(None)
        return Failure(f"ids from {self.insecure_from} on could be used twice")


async def open_log(path: Path) -> LogWriter:
    """The real log, which gives up at once on a file that somebody else has locked."""
    options = LogOptions(encode=wire.encode, synchronous="normal", busy_timeout_ms=1)
    match await LogWriter.open(path, options):
        case Success(log):
            return log
        case Failure(error):
            raise AssertionError(error.message)


def rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    """What the log's file says."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return database.execute(query).fetchall()


def records(effects: Sequence[Effect]) -> list[LogRecord]:
    """What the log is told by these effects."""
    return [effect.record for effect in effects if isinstance(effect, WriteLog)]


def host_joins(pid: int = 4242) -> list[Event]:
    """A host connects, as connection `HOST`, and registers."""
    return [ConnectionOpened(HOST), says(Register("host", pid, "0.33.700"))]


def says(command: Command) -> Event:
    """The host sends a command."""
    return CommandReceived(HOST, command)


def promotes(label: str = "w") -> Event:
    """The host promotes a pool window, which starts a saga of one step."""
    return says(ReportPoolWindowPromoted(label))


def refills(saga_id: int) -> Event:
    """The host answers that saga's command, which completes it."""
    return says(ReportPoolWindowAdded("", saga_id))


class Client:
    """A peer on the socket. `heard` keeps every line that came, in order."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heard: list[Message] = []
        self.raw: list[bytes] = []
        self._reader = reader
        self._writer = writer
        self._looked = 0

    @classmethod
    async def connect(cls, path: Path) -> "Client":
        """A new connection."""
        return cls(*await asyncio.open_unix_connection(str(path), limit=2**25))

    def say(self, **message: object) -> None:
        """Send one command."""
        self.say_bytes(json.dumps(message, separators=(",", ":")).encode() + b"\n")

    def say_bytes(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._writer.write(data)

    async def register(self, kind: str, pid: int = 4242) -> Message:
        """Register and wait for `registered`."""
        self.say(cmd="register", kind=kind, pid=pid, version="0.33.700")
        return await self.until(event="registered")

    async def until(self, **wanted: object) -> Message:
        """The next message, not looked at yet, that has all these values."""
        while True:
            while self._looked < len(self.heard):
                self._looked += 1
                if wanted.items() <= self.heard[self._looked - 1].items():
                    return self.heard[self._looked - 1]
            if not await self._receive():
                raise AssertionError(f"{wanted} never came; the last lines: {self.heard[-5:]}")

    async def settled(self) -> None:
        """Wait until all that was said before is done."""
        self.say(cmd="ping", nonce=2**64 - 1)
        await self.until(event="pong", nonce=2**64 - 1)

    async def until_end(self) -> None:
        """Read until the launcher closes the connection."""
        while await self._receive():
            pass
        self._writer.close()

    def stop_reading(self) -> None:
        """Leave in the kernel what comes."""
        self._reader_transport().pause_reading()

    def go_on_reading(self) -> None:
        """Take it again."""
        self._reader_transport().resume_reading()

    def close(self) -> None:
        """End the connection from this side."""
        self._writer.close()

    def _reader_transport(self) -> asyncio.ReadTransport:
        transport = self._writer.transport
        assert isinstance(transport, asyncio.ReadTransport)
        return transport

    async def _receive(self) -> bool:
        try:
            line = await self._reader.readline()
        except ConnectionResetError:
            return False
        if not line:
            return False
        self.raw.append(line.rstrip(b"\n"))
        self.heard.append(json.loads(line))
        return True
