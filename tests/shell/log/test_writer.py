"""The log as the loop sees it: commits on a thread, in order, with nothing lost (FACTS R-43)."""

import asyncio
import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from sqlite3 import connect
from typing import Any

import msgspec
import pytest
from returns.result import Failure, Success

from saga_core.engine import SagaClosed, SagaOpened, UnresolvedSaga
from saga_shell.log import (
    VACUUM_INTERVAL_SECONDS,
    LogError,
    LogOptions,
    LogStart,
    LogWriter,
    SagaLog,
    open_read_only,
    store,
)

Query = Callable[..., list[tuple[Any, ...]]]


def opened(saga_id: int) -> SagaOpened:
    """A saga without input."""
    return SagaOpened(saga_id, "n", "null")


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run an asynchronous test."""
    asyncio.run(main())


def test_commit_is_durable_when_it_returns(path: Path, options: LogOptions, query: Query) -> None:
    """DESIGN 5: once a commit returned, any other process reads its rows."""

    async def main() -> None:
        writer = (await LogWriter.open(path, options)).unwrap()
        assert writer.take_start() == LogStart(1, (), ())
        assert await writer.commit([opened(1), opened(2)]) == Success(None)
        assert query("SELECT saga_id FROM launcher_saga") == [(1,), (2,)]
        assert (writer.pending_records, writer.refused) == (0, 0)
        assert await writer.stop() == Success(None)

    run(main)


def test_a_long_commit_is_durable_before_its_checkpoint(
    path: Path, options: LogOptions, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DESIGN 5: nobody waits until rows that the `-wal` holds are in the file; they come there."""
    monkeypatch.setattr(store, "LONG_COMMIT_RECORDS", 1_999)
    go_on = threading.Event()

    def checkpoint(log: SagaLog) -> Success[None] | Failure[LogError]:
        assert go_on.wait(10)
        return original(log)

    def size() -> int:
        return path.stat().st_size

    original = SagaLog.checkpoint
    monkeypatch.setattr(SagaLog, "checkpoint", checkpoint)

    async def main() -> None:
        writer = (await LogWriter.open(path, options)).unwrap()
        before = size()
        records = [SagaOpened(n, "n", '"' + "x" * 3_000 + '"') for n in range(1, 2_001)]
        assert await writer.commit(records) == Success(None)
        assert query("SELECT count(*) FROM launcher_saga") == [(2_000,)]
        assert size() == before
        go_on.set()
        assert await writer.commit([opened(2_001)]) == Success(None)
        assert size() > before + 6_000_000
        assert await writer.commit([opened(2_002)]) == Success(None)
        assert await writer.stop() == Success(None)

    run(main)


def test_next_start_tells_what_was_left(path: Path, options: LogOptions) -> None:
    """FACTS 4.4: the next run learns of the sagas that were in flight and goes on with the ids."""

    async def main() -> None:
        first = (await LogWriter.open(path, options)).unwrap()
        await first.commit([opened(1), opened(2), SagaClosed(1, "completed", None)])
        await first.stop()
        second = (await LogWriter.open(path, options)).unwrap()
        start = second.take_start()
        assert start.next_saga_id == 3
        assert start.unresolved == (UnresolvedSaga(2, "n", "running", ()),)
        assert [outcome.saga_id for outcome in start.outcomes] == [1]
        await second.stop()

    run(main)


@pytest.mark.parametrize("content", [b"garbage " * 600, None])
def test_unreadable_log_is_a_value(
    path: Path, options: LogOptions, query: Query, content: bytes | None
) -> None:
    """FACTS F-35: garbage, and rows that can't be read, are start-up errors; no thread stays."""
    SagaLog.open(path, options).unwrap().close()
    if content is None:
        query("INSERT INTO launcher_saga VALUES (1, x'ff', 'running', 't', NULL, 'null', NULL)")
    else:
        path.write_bytes(content)

    async def main() -> None:
        match await LogWriter.open(path, options):
            case Failure(error):
                assert error.kind == "damaged"
            case Success():
                raise AssertionError("it was accepted")

    run(main)
    for thread in threading.enumerate():
        if thread.name.startswith("saga-log"):
            thread.join()


def test_loop_lives_while_a_commit_waits(path: Path, options: LogOptions, query: Query) -> None:
    """FACTS R-43: while a commit waits for a lock the loop lives: here it frees the lock."""
    patient = msgspec.structs.replace(options, busy_timeout_ms=60_000)

    async def main() -> None:
        writer = (await LogWriter.open(path, patient)).unwrap()
        with closing(connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            commits = [asyncio.create_task(writer.commit([opened(n)])) for n in (1, 2, 3)]
            for _ in range(100):
                await asyncio.sleep(0)
            assert writer.pending_records == 3
            other.execute("COMMIT")
        assert await asyncio.gather(*commits) == [Success(None)] * 3
        await writer.stop()

    run(main)
    assert query("SELECT saga_id FROM launcher_saga ORDER BY started_at") == [(1,), (2,), (3,)]


LOCK_HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.readline()
connection.execute("COMMIT")
print("free", flush=True)
"""


def test_lock_of_another_process(path: Path, options: LogOptions, query: Query) -> None:
    """FACTS R-43: commits meet another process's lock, fail visibly, and all go in when it ends."""
    notes: list[str] = []

    async def main() -> None:
        writer = (await LogWriter.open(path, options, announce=notes.append)).unwrap()
        holder = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            LOCK_HOLDER,
            path,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert await holder.stdout.readline() == b"held\n"
        for saga_id in (1, 2):
            match await writer.commit([opened(saga_id)]):
                case Failure(line):
                    assert "locked by another process" in line
                case Success():
                    raise AssertionError("it went in")
        assert writer.pending_records == 2
        holder.stdin.write(b"\n")
        assert await holder.stdout.readline() == b"free\n"
        assert await writer.retry() == Success(None)
        assert writer.pending_records == 0
        await writer.stop()
        await holder.communicate()

    run(main)
    assert query("SELECT saga_id FROM launcher_saga") == [(1,), (2,)]
    assert [note == "" for note in notes] == [False, False, True]


def test_cancelled_commit_is_not_lost(path: Path, options: LogOptions, query: Query) -> None:
    """FACTS R-44: records of a commit that is cancelled before it began go in with the next."""
    patient = msgspec.structs.replace(options, busy_timeout_ms=60_000)

    async def main() -> None:
        writer = (await LogWriter.open(path, patient)).unwrap()
        with closing(connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            first, second = (
                asyncio.create_task(writer.commit([opened(saga_id)])) for saga_id in (1, 2)
            )
            await asyncio.sleep(0)
            second.cancel()
            with pytest.raises(asyncio.CancelledError):
                await second
            other.execute("COMMIT")
        assert await first == Success(None)
        assert await writer.commit([opened(3)]) == Success(None)
        await writer.stop()

    run(main)
    assert query("SELECT saga_id FROM launcher_saga") == [(1,), (2,), (3,)]


def test_nothing_to_write(path: Path, options: LogOptions) -> None:
    """A commit of nothing succeeds without a look at the file, if nothing waits."""

    async def main() -> None:
        writer = (await LogWriter.open(path, options)).unwrap()
        with closing(connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert await writer.commit([]) == Success(None)
            assert await writer.retry() == Success(None)
            assert isinstance(await writer.commit([opened(1)]), Failure)
            assert isinstance(await writer.commit([]), Failure)
        await writer.stop()

    run(main)


def test_stop_tells_what_is_lost(path: Path, options: LogOptions) -> None:
    """FACTS R-44: an end with records that could not be written says how many."""

    async def main() -> None:
        writer = (await LogWriter.open(path, options)).unwrap()
        with closing(connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            await writer.commit([opened(1)])
            match await writer.stop():
                case Failure(line):
                    assert line.startswith("1 record(s) of the saga log are lost")
                case Success():
                    raise AssertionError("nothing was lost")

    run(main)


def test_vacuum_counts_over_all_transactions(
    path: Path, options: LogOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FACTS 1.4: sagas that ended longer ago than the retention go, however many they are."""
    monkeypatch.setattr("saga_shell.log.store.VACUUM_CHUNK", 2)

    async def main() -> None:
        writer = (await LogWriter.open(path, options)).unwrap()
        for saga_id in range(1, 6):
            await writer.commit([opened(saga_id), SagaClosed(saga_id, "completed", None)])
        one_second = 1 / 86_400
        assert await writer.vacuum(2 * one_second) == Success(3)
        assert await writer.vacuum(7) == Success(0)
        assert await writer.vacuum(1e12) == Success(0)
        await writer.stop()

    run(main)
    with open_read_only(path).unwrap() as reader:
        assert [row.saga_id for row in reader.snapshot_recent(9).unwrap()] == [5, 4]


class Said(logging.Handler):
    """Keeps the lines; pytest's own handlers write them to a file, which the loop must not."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the text."""
        self.lines.append(record.getMessage())


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What the writer logs, at every level."""
    logger, handler = logging.getLogger("saga_shell.log.writer"), Said()
    monkeypatch.setattr(logger, "propagate", False)
    monkeypatch.setattr(logger, "level", logging.INFO)
    logger.addHandler(handler)
    yield handler.lines
    logger.removeHandler(handler)


def test_vacuum_runs_at_start_and_daily(path: Path, options: LogOptions, said: list[str]) -> None:
    """DESIGN 7: vacuum runs at once and after each day; one that fails is told and tried again."""
    today = [datetime(2026, 5, 1, tzinfo=UTC)]
    dated = msgspec.structs.replace(options, clock=lambda: today[0])
    nights: list[float] = []

    async def main() -> None:
        writer = (await LogWriter.open(path, dated)).unwrap()
        await writer.commit([opened(1), SagaClosed(1, "completed", None)])
        with closing(connect(path, isolation_level=None, check_same_thread=False)) as other:

            async def night(seconds: float) -> None:
                nights.append(seconds)
                if len(nights) == 1:
                    await asyncio.to_thread(other.execute, "BEGIN IMMEDIATE")
                elif len(nights) == 2:
                    await asyncio.to_thread(other.execute, "COMMIT")
                    today[0] = datetime(2026, 5, 9, tzinfo=UTC)
                elif len(nights) == 3:
                    raise asyncio.CancelledError

            with pytest.raises(asyncio.CancelledError):
                await writer.vacuum_daily(7, night)
        await writer.stop()

    run(main)
    assert nights == [VACUUM_INTERVAL_SECONDS] * 3
    first, second, third = said
    assert first == "removed 0 old saga(s) from the saga log"
    assert second.startswith("old sagas stay for another day: ")
    assert third == "removed 1 old saga(s) from the saga log"
