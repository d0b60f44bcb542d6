"""The files beside the log: what is refused stays as it was, and what is missing is told."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
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
