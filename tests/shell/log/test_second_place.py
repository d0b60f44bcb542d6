"""Saga ids in an outage: reserved in a second place while the file can't keep them (FACTS R-41)."""

import asyncio
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from returns.result import Failure, Success

from saga_core.engine import SagaOpened
from saga_shell.log import LogOptions, LogWriter, SagaLog
from saga_shell.log.backlog import Backlog
from saga_shell.log.options import MAX_SAGA_ID

BLOCK = 10


class SecondPlace:
    """Where ids are reserved, while it `works`."""

    def __init__(self) -> None:
        self.works = True
        self.bounds: list[int] = []

    def reserve(self, bound: int) -> Success[None] | Failure[str]:
        """Keep `bound`, or say why not."""
        if not self.works:
            return Failure("lock file l: Read-only file system")
        self.bounds.append(bound)
        return Success(None)


@pytest.fixture
def second() -> SecondPlace:
    """One that works."""
    return SecondPlace()


@pytest.fixture
def backlog(path: Path, options: LogOptions, second: SecondPlace) -> Backlog:
    """A log with blocks of ten ids."""
    options = msgspec.structs.replace(options, id_block=BLOCK)
    log = SagaLog.open(path, options).unwrap()
    return Backlog(log, options, lambda _: None, second.reserve)


def open_in_vain(backlog: Backlog, path: Path, saga_id: int) -> None:
    """Open a saga while another process holds the file's write lock."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        backlog.take([SagaOpened(saga_id, "n", "null")])
        assert isinstance(backlog.flush(), Failure)


def test_the_second_place_repeats_what_the_file_reserves(
    backlog: Backlog, second: SecondPlace
) -> None:
    """FACTS R-41: at the start and once a block: whichever of the two is lost, ids go on."""
    backlog.begin()
    assert second.bounds == [1 + BLOCK]
    for saga_id in range(1, 30):
        backlog.take([SagaOpened(saga_id, "n", "null")])
        assert backlog.flush() == Success(None)
        assert second.bounds[-1] == backlog._log.ids_below
        assert backlog.secure_ids(saga_id) == Success(None)
    assert second.bounds == [11, 17, 23, 29, 35]
    backlog.finish()


def test_a_clean_end_gives_back_what_was_not_used(backlog: Backlog, second: SecondPlace) -> None:
    """DESIGN 7: a run that ended cleanly leaves no gap, wherever ids are reserved."""
    backlog.take([SagaOpened(3, "n", "null")])
    assert backlog.flush() == Success(None)
    assert backlog.finish() == Success(None)
    assert second.bounds == [1 + BLOCK, 4]


def test_a_second_place_that_fails_is_told_once_a_block(
    backlog: Backlog, second: SecondPlace, caplog: pytest.LogCaptureFixture
) -> None:
    """FACTS R-41: the file has its own counter, so sagas go on; the lines say what is at stake."""
    second.works = False
    backlog.begin()
    for saga_id in range(1, 9):
        backlog.take([SagaOpened(saga_id, "n", "null")])
        assert backlog.flush() == Success(None)
    assert backlog.finish() == Success(None)
    why = "lock file l: Read-only file system"
    lost = f"saga ids would be used twice if saga log {backlog.path} were lost: {why}"
    jump = f"saga ids will jump at the next start: {why}"
    assert [entry.getMessage() for entry in caplog.records] == [lost, lost, jump]


def test_an_outage_reserves_at_once_and_then_by_blocks(
    backlog: Backlog, second: SecondPlace, path: Path
) -> None:
    """Once at its beginning, since the file may be gone for good, and whenever a block is used."""
    open_in_vain(backlog, path, 1)
    assert second.bounds == [2 + BLOCK]
    for saga_id in range(2, 30):
        assert backlog.secure_ids(saga_id) == Success(None)
        assert backlog.ids_below > saga_id
    assert second.bounds == [12, 23, 34]
    backlog._log.abandon()


def test_without_a_second_place_the_block_is_all(
    backlog: Backlog, second: SecondPlace, path: Path
) -> None:
    """FACTS R-41: one line says why no further id may be shown; those of the block are safe."""
    second.works = False
    open_in_vain(backlog, path, 1)
    assert backlog.secure_ids(BLOCK) == Success(None)
    match backlog.secure_ids(BLOCK + 1):
        case Failure(line):
            assert line.startswith(f"saga ids from {BLOCK + 1} on could be used twice, because")
            assert "(lock file l: Read-only file system): make the disk writable" in line
            assert "\n" not in line
        case Success():
            raise AssertionError("it was promised")
    second.works = True
    assert backlog.secure_ids(BLOCK + 1) == Success(None)
    backlog._log.abandon()


def test_a_deleted_file_is_made_anew_at_once(
    backlog: Backlog, second: SecondPlace, path: Path
) -> None:
    """FACTS R-41: its counter went with it; a crash in the next moment finds the new one's."""
    second.works = False
    shutil.rmtree(path.parent)
    backlog.take([SagaOpened(5, "n", "null")])
    assert isinstance(backlog.flush(), Failure)
    assert backlog.ids_below > 5
    backlog._log.abandon()
    again = SagaLog.open(path, backlog._options).unwrap()
    assert again.next_saga_id > 5
    again.abandon()


def test_the_last_ids_of_all(backlog: Backlog, second: SecondPlace) -> None:
    """No bound is above what SQLite holds."""
    assert backlog.secure_ids(MAX_SAGA_ID - 1) == Success(None)
    assert second.bounds == [MAX_SAGA_ID]
    backlog._log.abandon()


def test_the_next_run_begins_above_what_the_file_knows_nothing_of(
    path: Path, options: LogOptions, second: SecondPlace
) -> None:
    """FACTS R-18: the file went with its counter in the outage, and then the process died."""

    async def main() -> None:
        match await LogWriter.open(path, options, reserve=second.reserve):
            case Success(log):
                shutil.rmtree(path.parent)
                path.parent.write_text("no directory: nothing can be written here")
                records = [SagaOpened(1, "n", "null")]
                assert isinstance(await log.commit(records), Failure)
                assert await log.secure_ids(records) == Success(None)
                far = [SagaOpened(second.bounds[-1] + 5, "n", "null")]
                log.defer(far)
                assert await log.secure_ids(far) == Success(None)
                # What a crash leaves: nothing of the log is written any more.
                log._executor.shutdown()
                path.parent.unlink()
            case refused:
                raise AssertionError(refused)
        match await LogWriter.open(path, options, id_floor=second.bounds[-1]):
            case Success(log):
                assert log.take_start().next_saga_id > far[0].saga_id
                await log.stop()
            case refused:
                raise AssertionError(refused)

    asyncio.run(main())


def test_a_log_that_stands_alone(path: Path, options: LogOptions) -> None:
    """Without a second place nothing is promised beyond the block."""
    options = msgspec.structs.replace(options, id_block=BLOCK)
    backlog = Backlog(SagaLog.open(path, options).unwrap(), options, lambda _: None)
    open_in_vain(backlog, path, 1)
    assert isinstance(backlog.secure_ids(BLOCK + 1), Failure)
    backlog._log.abandon()
