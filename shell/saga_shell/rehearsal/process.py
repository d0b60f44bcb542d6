"""One process of the launcher: the parts of `launch` without its sockets and its children."""

import asyncio
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
from saga_shell.log import LogError, LogOptions, LogWriter
from saga_shell.rehearsal.clock import rest
from saga_shell.rehearsal.disk import Disk
from saga_shell.rehearsal.judge import Judge
from saga_shell.rehearsal.peers import MemoryPeers
from saga_shell.rehearsal.timers import PlayedTimers

_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
_IDENTITY = LauncherIdentity(pid=1, version="0")


class DiedError(Exception):
    """The process ends here, as if killed."""


class Process:
    """A process that runs. Its log, timers, bus, interpreter and runner are those of production.

    `lost_a_step`: it died after a step was made and before the step's rows were committed.
    """

    def __init__(
        self,
        reducer: Reducer[Mirror],
        config: Config,
        log: LogWriter,
        disk: Disk,
        judge: Judge,
        first_connection: int,
    ) -> None:
        self.log = log
        self.lost_a_step = False
        self.timers = PlayedTimers(self.give)
        self.peers = MemoryPeers(self.give, first_connection)
        self._disk = disk
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
        self._is_dying = False
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
        start = self.log.take_start()
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

    async def settle(self) -> str | None:
        """Wait until all that was given is done; returns what ended the process, if it is a bug."""
        await rest()
        if not self._steps.done():
            return None
        error = self._steps.exception()
        return None if isinstance(error, DiedError) else f"{type(error).__name__}: {error}"

    async def end(self, *, killed: bool) -> Success[None] | Failure[str]:
        """Let go of everything. A killed process writes nothing more."""
        self._steps.cancel()
        await asyncio.wait([self._steps])
        self.timers.stop()
        if killed:
            self._disk.state = "gone"
        closed = await self.log.stop()
        self._disk.state = "works"
        return closed

    def _stepped(
        self,
        before: State[Mirror],
        event: Event,
        after: State[Mirror],
        effects: tuple[Effect, ...],
    ) -> None:
        self._judge.stepped(before, event, after, effects)
        if self._effects_left == 0 or self._is_dying:
            self.lost_a_step = True
            raise DiedError
        self._is_dying = self._effects_left is not None

    def _perform(self, effect: Effect) -> None:
        if self._effects_left is not None:
            if self._effects_left == 0:
                raise DiedError
            self._effects_left -= 1
        if self.log.pending_records and self._disk.state == "works" and self._must_be_durable():
            self._judge.diverge(f"{effect} came before its rows were durable")
        self._told.clear()
        self.peers.sent.clear()
        self._interpreter.perform(effect)
        self._judge.performed(effect, self._told, self.peers, self.timers)

    def _must_be_durable(self) -> bool:
        """Once subscribers were told that the log fails, nothing waits for it any more."""
        return not self.state.log_degraded


async def open_log(path: Path, disk: Disk) -> Success[LogWriter] | Failure[LogError]:
    """The real log, on that disk; its rows carry virtual times."""
    loop = asyncio.get_running_loop()
    options = LogOptions(
        encode=wire.encode,
        synchronous="normal",
        clock=lambda: _BEGINNING + timedelta(seconds=loop.time()),
        connection_class=disk.connection_class(),
    )
    return await LogWriter.open(path, options)
