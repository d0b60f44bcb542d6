"""The saga log as the asyncio loop sees it: SQLite runs on one thread of its own (FACTS R-43)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from datetime import datetime
from pathlib import Path
from typing import NoReturn, TypeVar

from returns.result import Failure, Success

from saga_core.engine import LogRecord
from saga_shell.log.backlog import Announce, Backlog, Regain, Reserve
from saga_shell.log.errors import LogError
from saga_shell.log.history import LogStart
from saga_shell.log.options import LogOptions, days_before
from saga_shell.log.store import SagaLog, highest_opened
from saga_shell.log.thread import OneThread

logger = logging.getLogger(__name__)

VACUUM_INTERVAL_SECONDS = 24 * 60 * 60
"""How often sagas past their retention are removed."""

T = TypeVar("T")


class LogWriter:
    """Commits in the order of the calls; `take_start` tells what the log held at first."""

    def __init__(
        self,
        executor: Executor,
        backlog: Backlog,
        start: LogStart,
        clock: Callable[[], datetime],
    ) -> None:
        self._start: LogStart | None = start
        self._clock = clock
        self._executor = executor
        self._backlog = backlog

    @classmethod
    async def open(
        cls,
        path: Path,
        options: LogOptions,
        *,
        announce: Announce = lambda _: None,
        reserve: Reserve | None = None,
        regain: Regain = lambda: Success(None),
        id_floor: int = 1,
    ) -> Success["LogWriter"] | Failure[LogError]:
        """Open the log at `path` on a thread of its own.

        `announce` is called on that thread: with one line whenever a commit failed, with an empty
        one when nothing waits any more. So is `reserve`, for each block of ids, so that they are
        not used again if the file is lost, and `regain` before a lost file is opened anew. Ids
        start at `id_floor` or above.
        """
        executor = OneThread("saga-log")
        loop = asyncio.get_running_loop()

        match await loop.run_in_executor(executor, _open, path, options, id_floor):
            case Failure() as refused:
                executor.shutdown()
                return refused
            case Success((log, start)):
                backlog = Backlog(log, options, announce, reserve, regain)
                await loop.run_in_executor(executor, backlog.begin)
                return Success(cls(executor, backlog, start, options.clock))

    def take_start(self) -> LogStart:
        """What the log held when it was opened: told once, for after a crash it may be long."""
        start, self._start = self._start, None
        assert start is not None, "what the log held was taken already"
        return start

    @property
    def pending_records(self) -> int:
        """Records handed over that are not in the file yet."""
        return self._backlog.pending_records

    @property
    def refused(self) -> int:
        """Records that the rows didn't allow (FACTS R-37); each was reported in one line."""
        return self._backlog.refused

    async def commit(self, records: Sequence[LogRecord]) -> Success[None] | Failure[str]:
        """Make `records` durable, after all that still waits, and return when that is so.

        On failure, one clear line, they wait in memory and go in with the next commit. They are
        safe from the cancellation of this call too.
        """
        self.defer(records)
        return await self.retry()

    def defer(self, records: Sequence[LogRecord]) -> None:
        """Let `records` wait in memory for the next `commit` or `retry`. Never blocks."""
        if records:
            self._backlog.take(records)

    async def retry(self) -> Success[None] | Failure[str]:
        """Write what waits, if anything does."""
        if self.pending_records == 0:
            return Success(None)
        flushed = await self._on_thread(self._backlog.flush)
        if self._backlog.checkpoint_is_due:
            self._executor.submit(self._backlog.checkpoint)
        return flushed

    async def secure_ids(self, records: Sequence[LogRecord]) -> Success[None] | Failure[str]:
        """Let no later run use the ids of sagas that `records` open, though they aren't durable.

        The failure is one line: they must not be shown to anybody.
        """
        highest = highest_opened(records)
        if highest < self._backlog.ids_below:
            return Success(None)
        return await self._on_thread(lambda: self._backlog.secure_ids(highest))

    async def vacuum(self, retention_days: float) -> Success[int] | Failure[str]:
        """Remove sagas that ended more than `retention_days` ago; return how many went.

        It goes in small transactions, so commits get in between.
        """
        cutoff = days_before(self._clock(), retention_days)
        total = 0
        while True:
            match await self._on_thread(lambda: self._backlog.vacuum(cutoff)):
                case Failure() as failed:
                    return failed
                case Success(0):
                    return Success(total)
                case Success(removed):
                    total += removed

    async def vacuum_daily(
        self,
        retention_days: float,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> NoReturn:
        """Vacuum now and then every day, until cancelled; a failure is one line in the logs."""
        while True:
            match await self.vacuum(retention_days):
                case Failure(error):
                    logger.warning("old sagas stay for another day: %s", error)
                case Success(removed):
                    logger.info("removed %d old saga(s) from the saga log", removed)
            await sleep(VACUUM_INTERVAL_SECONDS)

    async def stop(self) -> Success[None] | Failure[str]:
        """Write what waits and close the log; nothing can be committed afterwards.

        After a failure the line says how many records are lost. Whoever cancels this gives up:
        what is not written yet stays unwritten.
        """
        try:
            return await self._on_thread(self._backlog.finish)
        finally:
            self._executor.shutdown()

    async def _on_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)


def _open(
    path: Path, options: LogOptions, id_floor: int
) -> Success[tuple[SagaLog, LogStart]] | Failure[LogError]:
    match SagaLog.open(path, options, id_floor=id_floor):
        case Failure() as refused:
            return refused
        case Success(log):
            return _with_start(log)


def _with_start(log: SagaLog) -> Success[tuple[SagaLog, LogStart]] | Failure[LogError]:
    match log.start():
        case Failure() as refused:
            log.abandon()
            return refused
        case Success(start):
            return Success((log, start))
