"""The files beside the log: what is refused stays as it was, and what is missing is told."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from returns.result import Failure, Success

from saga_core.engine import SagaOpened
from saga_shell.log import LogError, LogOptions, SagaLog, open_read_only

OpenLog = Callable[..., SagaLog]
Query = Callable[..., list[tuple[Any, ...]]]

SUFFIXES = ("", "-wal", "-shm")

KILLED = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA journal_mode = WAL")
connection.executescript(sys.argv[2])
os.kill(os.getpid(), signal.SIGKILL)
"""


def kill_after(path: Path, script: str) -> None:
    """Run SQL on the file, and die: what it did is in the `-wal`."""
    subprocess.run([sys.executable, "-c", KILLED, path, script], check=False)
    assert beside(path, "-wal").stat().st_size > 0


def beside(path: Path, suffix: str) -> Path:
    """The file with that suffix."""
    return path.with_name(path.name + suffix)


def open_saga(log: SagaLog, saga_id: int) -> None:
    """One commit."""
    assert log.commit([log.batch([SagaOpened(saga_id, "n", "null")])]) == Success(())


def refusal(path: Path, options: LogOptions) -> LogError:
    """Why the log can't be opened."""
    match SagaLog.open(path, options):
        case Failure(error):
            assert "\n" not in error.message
            return error
        case Success(log):
            log.abandon()
            raise AssertionError("it was accepted")


def contents(path: Path) -> list[bytes]:
    """The database and its `-wal`, byte by byte."""
    return [path.read_bytes(), beside(path, "-wal").read_bytes()]


STALE = [
    "PRAGMA user_version = 99",
    "PRAGMA writable_schema = ON; UPDATE sqlite_master SET rootpage = 999",
    "DROP TABLE launcher_saga_step",
]
"""What a `-wal` may lay over a file that is none of its own."""


@pytest.mark.parametrize("script", STALE)
def test_a_refused_file_stays_as_it_was(
    open_log: OpenLog, path: Path, options: LogOptions, script: str
) -> None:
    """RELIABILITY 7: nothing of a `-wal` goes into a file that is refused because of it."""
    open_log().close()
    kill_after(path, script)
    before = contents(path)
    refusal(path, options)
    assert contents(path) == before


def test_the_line_about_a_damaged_file_can_be_followed(
    open_log: OpenLog, path: Path, options: LogOptions, tmp_path: Path
) -> None:
    """RELIABILITY 7: a good copy is only good without the `-wal` of the file that it replaces."""
    log = open_log()
    log.commit([log.batch([SagaOpened(7, "n", "null")])])
    log.close()
    shutil.copyfile(path, tmp_path / "copy")
    kill_after(path, STALE[1])
    line = refusal(path, options).message
    assert f"{path} is damaged (" in line
    assert line.endswith(
        "move it away, with the -wal and -shm beside it, to start with an empty log or with a "
        "good copy in its place"
    )
    for suffix in SUFFIXES:
        beside(path, suffix).rename(tmp_path / f"away{suffix}")
    shutil.copyfile(tmp_path / "copy", path)
    assert [saga.saga_id for saga in open_log().start().unwrap().unresolved] == [7]


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir])
def test_what_is_no_regular_file(
    path: Path, options: LogOptions, make: Callable[[Path], None]
) -> None:
    """DESIGN 6: a pipe or a directory in the log's place is one clear line, nobody waits at it."""
    path.parent.mkdir()
    make(path)
    line = f"saga log {path} can't be used (it is no regular file)"
    assert refusal(path, options).message.startswith(line)
    assert open_read_only(path).failure().message.startswith(line)


def cut_by(size: int) -> Callable[[int], int]:
    """So many bytes less."""
    return lambda length: length - size


@pytest.mark.parametrize("left", [cut_by(1), cut_by(4_096), lambda _: 1, lambda _: 0])
def test_a_wal_that_is_cut_short(
    open_log: OpenLog, path: Path, query: Query, left: Callable[[int], int]
) -> None:
    """FACTS R-44: no row goes behind the cut, nothing of the rest is copied without its end."""
    log = open_log()
    open_saga(log, 1)
    log.checkpoint().unwrap()
    open_saga(log, 2)
    wal = beside(path, "-wal")
    os.truncate(wal, left(wal.stat().st_size))
    before = contents(path)
    for outcome in (
        log.commit([log.batch([SagaOpened(3, "n", "null")])]),
        log.vacuum_older_than(datetime.max.replace(tzinfo=UTC)),
        log.checkpoint(),
        log.close(),
    ):
        assert "its -wal was cut short, so its last rows may be" in outcome.failure().message
    assert contents(path) == before
    again = open_log()
    open_saga(again, 3)
    again.close()
    assert query("PRAGMA integrity_check") == [("ok",)]
    ids = [saga_id for (saga_id,) in query("SELECT saga_id FROM launcher_saga")]
    assert ids in ([1, 3], [1, 2, 3])


def test_what_another_program_copied_is_not_missing(open_log: OpenLog, query: Query) -> None:
    """A backup that empties the `-wal` after it put all of it into the file is no damage."""
    log = open_log()
    for saga_id in range(1, 4):
        open_saga(log, saga_id)
        assert query("PRAGMA wal_checkpoint(TRUNCATE)") == [(0, 0, 0)]
    assert log.close() == Success(None)
    assert query("SELECT count(*) FROM launcher_saga") == [(3,)]


def test_a_log_that_is_emptied(open_log: OpenLog, path: Path) -> None:
    """FACTS R-44: rows that go on into an empty file would be read by nobody."""
    log = open_log()
    os.truncate(path, 0)
    failed = log.commit([log.batch([SagaOpened(1, "n", "null")])])
    assert "the file was emptied" in failed.failure().message


@pytest.mark.parametrize("lose", [Path.unlink, lambda path: os.truncate(path, 0)])
def test_a_wal_without_its_file_is_refused(
    open_log: OpenLog, path: Path, options: LogOptions, lose: Callable[[Path], None]
) -> None:
    """RELIABILITY 7: rows are in it; SQLite would delete it, at a look already."""
    open_log().close()
    kill_after(path, "CREATE TABLE more (rows)")
    lose(path)
    wal = beside(path, "-wal")
    kept = wal.read_bytes()
    line = (
        f"saga log {path} is missing or empty, but rows are left in the -wal beside it: "
        "put the file back, or move the -wal away to start with an empty log"
    )
    damaged = LogError("damaged", line)
    assert refusal(path, options) == damaged
    assert open_read_only(path) == Failure(damaged)
    assert wal.read_bytes() == kept
    wal.unlink()
    assert open_log().start().unwrap().unresolved == ()


NO_WAL = "has no -wal beside it, though its last run did not end cleanly"


@pytest.mark.parametrize("lose", [Path.unlink, lambda path: os.truncate(path, 0)])
def test_a_lost_wal_is_told(open_log: OpenLog, path: Path, lose: Callable[[Path], None]) -> None:
    """FACTS R-45: after a clean end the file needs no `-wal`; after any other one was there."""
    log = open_log()
    assert log.notice is None
    log.close()
    log = open_log()
    assert log.notice is None
    log.abandon()
    kill_after(path, "CREATE TABLE more (rows)")
    log = open_log()
    assert log.notice is None
    log.close()
    kill_after(path, "CREATE TABLE still_more (rows)")
    lose(beside(path, "-wal"))
    notice = open_log().notice
    assert notice is not None
    assert NO_WAL in notice


def test_a_log_whose_wal_was_all_there_is(open_log: OpenLog, path: Path) -> None:
    """FACTS R-45: nothing was copied into the file yet, so that it looks like a new one."""
    path.parent.mkdir()
    kill_after(path, "CREATE TABLE launcher_saga (saga_id)")
    beside(path, "-wal").unlink()
    notice = open_log().notice
    assert notice is not None
    assert NO_WAL in notice


def test_the_original_launcher_left_no_wal(open_log: OpenLog, path: Path, query: Query) -> None:
    """FACTS 4.1: its files stay in WAL mode, and a clean end removes their `-wal`."""
    open_log().close()
    query("PRAGMA user_version = 0")
    query("PRAGMA journal_mode = WAL")
    assert not beside(path, "-wal").exists()
    assert open_log().notice is None
