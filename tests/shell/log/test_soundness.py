"""A damaged file is found at the start; a file that a clean end sealed isn't read whole."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from returns.result import Failure, Success

from saga_core.engine import SagaOpened
from saga_shell.log import LogOptions, SagaLog

OpenLog = Callable[..., SagaLog]
Query = Callable[..., list[tuple[Any, ...]]]

CHECK = "PRAGMA quick_check(1)"


@pytest.fixture
def checked(path: Path, options: LogOptions) -> Callable[[], bool]:
    """Opens the log, ends cleanly again, and says whether the file was checked page by page."""

    def look() -> bool:
        statements: list[str] = []

        class Listening(sqlite3.Connection):
            def execute(self, sql: str, *rest: Any) -> sqlite3.Cursor:
                statements.append(sql)
                return super().execute(sql, *rest)

        listening = msgspec.structs.replace(options, connection_class=Listening)
        SagaLog.open(path, listening).unwrap().close()
        return CHECK in statements

    return look


def break_page(path: Path, query: Query, name: str) -> None:
    """Overwrite the first page of a table or an index."""
    ((page,),) = query("SELECT rootpage FROM sqlite_master WHERE name = ?", name)
    content = bytearray(path.read_bytes())
    content[(page - 1) * 4096 : page * 4096] = b"\xff" * 4096
    path.write_bytes(content)


def kind_of_refusal(path: Path, options: LogOptions) -> str:
    """Why the file is refused at start."""
    match SagaLog.open(path, options):
        case Failure(error):
            return error.kind
        case Success(log):
            log.abandon()
            raise AssertionError("the file was accepted")


def test_a_clean_end_seals_the_file(open_log: OpenLog, checked: Callable[[], bool]) -> None:
    """FACTS R-46: after a clean end a start doesn't read the whole history."""
    open_log().close()
    assert not checked()
    assert not checked()


def test_a_crash_leaves_no_seal(
    open_log: OpenLog, path: Path, tmp_path: Path, checked: Callable[[], bool]
) -> None:
    """FACTS R-46: what a killed launcher left is checked, though it was sealed once."""
    open_log().close()
    log = open_log()
    log.commit([log.batch([SagaOpened(1, "n", "null")])])
    shutil.copytree(path.parent, tmp_path / "crashed", copy_function=shutil.copy2)
    log.abandon()
    shutil.rmtree(path.parent)
    (tmp_path / "crashed").rename(path.parent)
    assert checked()
    assert not checked()


def test_a_copy_of_another_time_is_checked(
    open_log: OpenLog, path: Path, checked: Callable[[], bool]
) -> None:
    """FACTS R-46: a file put in place by hand is checked; one moved with its time is not."""
    open_log().close()
    shutil.copy2(path, path.with_name("kept"))
    path.with_name("kept").rename(path)
    assert not checked()
    path.write_bytes(path.read_bytes())
    assert checked()


def test_a_file_that_somebody_else_wrote_to_is_checked(
    open_log: OpenLog, query: Query, checked: Callable[[], bool]
) -> None:
    """FACTS R-46: another program's rows break the seal."""
    open_log().close()
    query("INSERT INTO launcher_saga VALUES (1, 'n', 'failed', 't', 't', 'null', NULL)")
    assert checked()


def test_no_seal_while_somebody_reads(
    open_log: OpenLog, path: Path, checked: Callable[[], bool]
) -> None:
    """An end beside a reader leaves a `-wal`, so it is not called clean."""
    log = open_log()
    log.commit([log.batch([SagaOpened(1, "n", "null")])])
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM launcher_saga").fetchall()
        log.close()
    assert checked()


def test_large_file_is_not_checked_page_by_page(
    open_log: OpenLog, checked: Callable[[], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log over the limit opens without a look at each page, so that a start stays quick."""
    open_log().abandon()
    monkeypatch.setattr("saga_shell.log.soundness.QUICK_CHECK_LIMIT", 0)
    assert not checked()


@pytest.mark.parametrize("name", ["launcher_saga", "launcher_saga_step", "idx_launcher_saga_ended"])
def test_broken_pages_are_refused(
    open_log: OpenLog, path: Path, options: LogOptions, query: Query, name: str
) -> None:
    """FACTS R-46: a file whose header is fine and whose pages are not is refused at start."""
    open_log().close()
    break_page(path, query, name)
    assert kind_of_refusal(path, options) == "damaged"


@pytest.mark.parametrize(
    "name",
    ["launcher_saga", "launcher_saga_step", "sqlite_autoindex_launcher_saga_step_1"],
)
def test_broken_pages_without_a_trace(
    open_log: OpenLog, path: Path, options: LogOptions, query: Query, name: str
) -> None:
    """FACTS R-46: damage that the file's time doesn't show is found where rows would go next."""
    open_log().close()
    status = path.stat()
    break_page(path, query, name)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    before = path.read_bytes()
    assert kind_of_refusal(path, options) == "damaged"
    assert path.read_bytes() == before


def test_a_time_that_can_not_be_set(
    open_log: OpenLog, checked: Callable[[], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the system refuses the file's time, the end is as clean, and the next start longer."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError

    with monkeypatch.context() as patched:
        patched.setattr(os, "utime", refuse)
        assert open_log().close() == Success(None)
    assert checked()
