"""One process of the launcher: the parts of `launch` without its sockets and its children."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from returns.result import Failure, Success

from saga_core.agentmux import LauncherIdentity, Mirror, initial_state, wire
from saga_core.engine import (
    Config,
    ConnectionClosed,
    Effect,
    Event,
    RecoveryRequested,
    Reducer,
    State,
)
from saga_shell.launcher.bus import Bus
from saga_shell.launcher.interpreter import Interpreter
from saga_shell.launcher.runner import Runner
from saga_shell.log import LogOptions, LogWriter
from saga_shell.rehearsal.disk import Disk
from saga_shell.rehearsal.judge import Judge
from saga_shell.rehearsal.peers import MemoryPeers
from saga_shell.rehearsal.timers import PlayedTimers

_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
_IDENTITY = LauncherIdentity(pid=1, version="0")


class DiedError(Exception):
    """The process ends here, as if killed."""


class Process:
    """A process that runs. Its log, timers, bus, interpreter and runner are those of production."""

    def __init__(
        self,
        reducer: Reducer[Mirror],
        config: Config,
        log: LogWriter,
        judge: Judge,
        first_connection: int,
    ) -> None:
        self.log = log
        self.timers = PlayedTimers(self.give)
        self.peers = MemoryPeers(self.give, first_connection)
        self._judge = judge
        self._told: list[bytes] = []
        self._bus = Bus(self.peers.send, self._told.append)
        self._interpreter = Interpreter(self.peers, self._bus, self.timers)
        self._runner = Runner(
            reducer,
            initial_state(config, _IDENTITY),
            log,
            self._perform,
            watcher=self._stepped,
        )
        self._effects_left: int | None = None
        self._steps = asyncio.create_task(self._runner.run())

    @property
    def state(self) -> State[Mirror]:
        """The reducer's state."""
        return self._runner.state

    @property
    def batches(self) -> int:
        """How many groups of events were committed together."""
        return self._runner.batches

    def recovery(self) -> RecoveryRequested:
        """What the log held at start."""
        start = self.log.start
        return RecoveryRequested(start.next_saga_id, start.unresolved, start.outcomes)

    def give(self, event: Event) -> None:
        """Queue an event, as the launcher does."""
        if isinstance(event, ConnectionClosed):
            self._bus.unsubscribe(event.connection)
            self._judge.deeds.left(event.connection)
        self._runner.give(event)

    def light_fuse(self, effects: int) -> None:
        """Let the process die in its next step, once so many of its effects are done.

        The rows of a step are committed together, before anything else: at 0 none of them are.
        """
        self._effects_left = effects

    async def settle(self) -> bool:
        """Wait until all that was given is done; returns whether the process lives on."""
        settled = asyncio.create_task(self._runner.settled())
        await asyncio.wait([settled, self._steps], return_when=asyncio.FIRST_COMPLETED)
        settled.cancel()
        return not self._steps.done()

    async def end(self, disk: Disk, *, killed: bool) -> Success[None] | Failure[str]:
        """Let go of everything. A killed process writes nothing more."""
        self._steps.cancel()
        with suppress(asyncio.CancelledError, DiedError):
            await self._steps
        self.timers.stop()
        if killed:
            disk.state = "gone"
        closed = await self.log.stop()
        disk.state = "works"
        return closed

    def _stepped(
        self,
        before: State[Mirror],
        event: Event,
        after: State[Mirror],
        effects: tuple[Effect, ...],
    ) -> None:
        self._judge.stepped(before, event, after, effects)
        if self._effects_left == 0:
            raise DiedError

    def _perform(self, effect: Effect) -> None:
        if self._effects_left is not None:
            if self._effects_left == 0:
                raise DiedError
            self._effects_left -= 1
        self._told.clear()
        self.peers.sent.clear()
        self._interpreter.perform(effect)
        self._judge.performed(effect, self._told, self.peers, self.timers)


async def open_log(path: Path, disk: Disk) -> LogWriter:
    """The real log, on that disk; its rows carry virtual times."""
    loop = asyncio.get_running_loop()
    options = LogOptions(
        encode=wire.encode,
        synchronous="normal",
        clock=lambda: _BEGINNING + timedelta(seconds=loop.time()),
        connection_class=disk.connection_class(),
    )
    match await LogWriter.open(path, options):
        case Success(log):
            return log
        case Failure(error):
            raise AssertionError(error.message)
