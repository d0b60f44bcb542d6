"""Reading a log: whatever state the file is in, and without leaving a trace (FACTS F-37, R-47)."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

import pytest
from returns.result import Failure, Success

from saga_core.agentmux.commands import ReapPanes
from saga_core.agentmux.events import PanesReaped
from saga_core.engine import (
    LogRecord,
    SagaClosed,
    SagaOpened,
    StepFailed,
    StepOpened,
    StepSucceeded,
)
from saga_shell.log import (
    SCHEMA_VERSION,
    LogError,
    LogOptions,
    SagaLog,
    SagaRow,
    StepRow,
    open_read_only,
    steps_progressed,
)

OpenLog = Callable[..., SagaLog]
Query = Callable[..., list[tuple[Any, ...]]]


def commit(log: SagaLog, *records: LogRecord) -> None:
    """Write records that the rows must allow."""
    assert log.commit([log.batch(records)]) == Success(())


def opened(saga_id: int) -> SagaOpened:
    """A saga without input."""
    return SagaOpened(saga_id, "n", "null")


def traces(path: Path) -> dict[str, bytes]:
    """Every file beside the log and its content; a `-shm` holds locks and no more."""
    return {
        file.name: b"" if file.name.endswith("-shm") else file.read_bytes()
        for file in path.parent.iterdir()
    }


def ids(path: Path) -> list[int]:
    """The ids that a reader finds; it must leave no trace."""
    before = traces(path)
    with open_read_only(path).unwrap() as reader:
        found = [row.saga_id for row in reader.snapshot_recent(100).unwrap()]
    assert traces(path) == before
    return found


def notice(path: Path) -> str | None:
    """What the reader says about how it read."""
    with open_read_only(path).unwrap() as reader:
        return reader.notice


def refusal(path: Path) -> LogError:
    """The error of a file that is refused, without a trace."""
    before = traces(path) if path.parent.exists() else {}
    match open_read_only(path):
        case Failure(error):
            assert "\n" not in error.message
            assert str(path) in error.message
            assert before == (traces(path) if path.parent.exists() else {})
            return error
        case Success(reader):
            reader.close()
            raise AssertionError("the file was accepted")


def test_rows_come_out_as_they_are(open_log: OpenLog, path: Path) -> None:
    """FACTS 4.3: one saga with its steps by index, each field under its name."""
    log = open_log()
    command = ReapPanes(label="main", saga_id=5)
    commit(
        log, SagaOpened(5, "window_cleanup_cascade", "{}"), StepOpened(5, 0, "a", "host", command)
    )
    commit(log, StepSucceeded(5, 0, PanesReaped(label="main", version=2, saga_id=5)))
    commit(log, StepOpened(5, 1, "b", "srv", command))
    commit(log, StepFailed(5, 1, "why"), SagaClosed(5, "failed", "why"))
    with open_read_only(path).unwrap() as reader:
        saga = reader.saga(5).unwrap()
        steps = reader.steps(5).unwrap()
    times = [f"2026-05-01T12:00:0{n}+00:00" for n in range(4)]
    assert saga == SagaRow(5, "window_cleanup_cascade", "failed", times[0], times[3], "{}", "why")
    sent = '{"cmd":"reap_panes","label":"main","saga_id":5}'
    answer = '{"event":"panes_reaped","label":"main","version":2,"saga_id":5}'
    assert steps == (
        StepRow(0, "a", "succeeded", "host", sent, answer, times[0], times[1], None),
        StepRow(1, "b", "failed", "srv", sent, None, times[2], times[3], "why"),
    )
    assert steps_progressed(steps) == 1


@pytest.mark.parametrize("unknown", [6, 2**63 - 1, 2**64, 10**40])
def test_unknown_saga(open_log: OpenLog, path: Path, unknown: int) -> None:
    """An id that the log doesn't have, however large, is None and has no steps."""
    commit(open_log(), opened(5))
    with open_read_only(path).unwrap() as reader:
        assert reader.saga(unknown) == Success(None)
        assert reader.steps(unknown) == Success(())


def test_newest_first(open_log: OpenLog, path: Path) -> None:
    """FACTS 4.3: by the end, or the start of those that run, then by id; limit and state hold."""
    log = open_log()
    commit(log, *(opened(n) for n in range(1, 5)))
    commit(log, SagaClosed(2, "completed", None))
    commit(log, opened(5), SagaClosed(1, "failed", "x"))
    with open_read_only(path).unwrap() as reader:

        def found(limit: int, state: str | None = None) -> list[int]:
            return [row.saga_id for row in reader.snapshot_recent(limit, state).unwrap()]

        assert found(10) == [5, 1, 2, 4, 3]
        assert found(2) == [5, 1]
        assert found(10**40) == [5, 1, 2, 4, 3]
        assert found(0) == []
        assert found(10, "running") == [5, 4, 3]
        assert found(1, "completed") == [2]
        assert found(10, "compensating") == []


def test_beside_a_live_writer(open_log: OpenLog, path: Path) -> None:
    """FACTS F-37: a reader beside a writer sees what is committed, blocks nobody, has one view."""
    log = open_log()
    commit(log, opened(1))
    assert ids(path) == [1]
    assert notice(path) is None
    with open_read_only(path).unwrap() as reader:
        commit(log, opened(2), SagaClosed(1, "completed", None))
        saga = reader.saga(1).unwrap()
        assert saga is not None
        assert saga.state == "running"
        assert reader.saga(2) == Success(None)
    assert ids(path) == [2, 1]


def test_beside_an_open_transaction(open_log: OpenLog, path: Path) -> None:
    """FACTS F-37: a writer in mid-transaction neither delays a reader nor shows it half a batch."""
    commit(open_log(), opened(1))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("DELETE FROM launcher_saga")
        assert ids(path) == [1]


def test_reader_can_not_write(open_log: OpenLog, path: Path) -> None:
    """FACTS F-37: the reader's connection refuses every change."""
    commit(open_log(), opened(1))
    with open_read_only(path).unwrap() as reader:
        assert reader._connection is not None
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader._connection.execute("DELETE FROM launcher_saga")


def test_after_a_clean_end(open_log: OpenLog, path: Path) -> None:
    """FACTS R-47: a clean end leaves one whole file, which is read without a word or a trace."""
    log = open_log()
    commit(log, opened(1))
    log.close()
    assert list(traces(path)) == [path.name]
    assert ids(path) == [1]
    assert notice(path) is None


def test_after_a_crash(open_log: OpenLog, path: Path, tmp_path: Path) -> None:
    """FACTS R-47: what a killed launcher left in its `-wal` is read, and left there."""
    commit(open_log(), opened(1))
    crashed = tmp_path / "crashed"
    shutil.copytree(path.parent, crashed)
    assert ids(crashed / path.name) == [1]
    assert notice(crashed / path.name) is None


def test_copied_without_its_wal(open_log: OpenLog, path: Path, tmp_path: Path) -> None:
    """FACTS R-47: a copy of the database alone is read as far as it goes, and that is told."""
    log = open_log()
    commit(log, opened(1))
    log.close()
    commit(open_log(), opened(2))
    (tmp_path / "copy").mkdir()
    copy = tmp_path / "copy" / "a ? and a #.db"
    shutil.copyfile(path, copy)
    assert ids(copy) == [1]
    assert "at rest" in (notice(copy) or "")


@pytest.mark.parametrize("name", ["launcher-sagas.db", "a ? and a #.db"])
def test_copied_with_its_wal_only(open_log: OpenLog, path: Path, tmp_path: Path, name: str) -> None:
    """FACTS R-47: a copy that has its `-wal` but no `-shm` shows all rows, and gets no file."""
    commit(open_log(), opened(1), opened(2))
    (tmp_path / "copy").mkdir()
    copy = tmp_path / "copy" / name
    for suffix in ("", "-wal"):
        shutil.copyfile(f"{path}{suffix}", f"{copy}{suffix}")
    assert ids(copy) == [2, 1]
    assert "temporary copy" in (notice(copy) or "")


def test_read_only_directory(
    open_directory: Path,
    options: LogOptions,
    unprivileged: Callable[[], AbstractContextManager[None]],
) -> None:
    """FACTS R-47: a log at rest, of a crash or with a `-wal` only is read where none can write."""
    path = open_directory / "launcher-sagas.db"
    log = SagaLog.open(path, options).unwrap()
    commit(log, opened(1))
    for name, suffixes in (("crash", ("", "-wal", "-shm")), ("wal", ("", "-wal"))):
        (open_directory / name).mkdir()
        for suffix in suffixes:
            shutil.copyfile(f"{path}{suffix}", open_directory / name / f"{path.name}{suffix}")
        (open_directory / name).chmod(0o555)
    log.close()
    open_directory.chmod(0o555)
    with unprivileged():
        assert ids(open_directory / "crash" / path.name) == [1]
        assert ids(open_directory / "wal" / path.name) == [1]
        for file in (path, open_directory / "crash" / path.name):
            assert open_read_only(file).unwrap().snapshot_recent(1).unwrap()[0].saga_id == 1


def test_unreadable_side_files(
    open_directory: Path,
    options: LogOptions,
    unprivileged: Callable[[], AbstractContextManager[None]],
) -> None:
    """FACTS R-47: if the side files can't be read, the file at rest is shown, and that is told."""
    path = open_directory / "launcher-sagas.db"
    log = SagaLog.open(path, options).unwrap()
    commit(log, opened(1))
    log.close()
    log = SagaLog.open(path, options).unwrap()
    commit(log, opened(2))
    for suffix in ("-wal", "-shm"):
        Path(f"{path}{suffix}").chmod(0o000)
    with unprivileged(), open_read_only(path).unwrap() as reader:
        assert [row.saga_id for row in reader.snapshot_recent(9).unwrap()] == [1]
        assert "its last rows are missing" in (reader.notice or "")
    log.abandon()


def test_unreadable_file(
    open_directory: Path,
    options: LogOptions,
    unprivileged: Callable[[], AbstractContextManager[None]],
) -> None:
    """A log that we may not read is one clear line."""
    path = open_directory / "launcher-sagas.db"
    SagaLog.open(path, options).unwrap().close()
    path.chmod(0o000)
    with unprivileged():
        match open_read_only(path):
            case Failure(error):
                assert error.kind == "inaccessible"
            case Success():
                raise AssertionError("it was read")


def test_missing_file(path: Path) -> None:
    """A missing log is an error of its own kind, and is not created."""
    assert refusal(path).kind == "missing"
    path.parent.mkdir()
    assert refusal(path).kind == "missing"


@pytest.mark.parametrize("content", [b"", None])
def test_blank_file(path: Path, content: bytes | None) -> None:
    """A launcher that has just created its log has no sagas yet: an empty list, not an error."""
    path.parent.mkdir()
    if content is None:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
    else:
        path.write_bytes(content)
    assert ids(path) == []
    with open_read_only(path).unwrap() as reader:
        assert reader.saga(1) == Success(None)


def test_newer_file(open_log: OpenLog, path: Path, query: Query) -> None:
    """FACTS R-45: a file of a later version is refused with one line."""
    open_log().close()
    query(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    assert refusal(path).kind == "newer"


def test_garbage(path: Path) -> None:
    """FACTS R-46: a file that is no database is refused with one line."""
    path.parent.mkdir()
    path.write_bytes(b"no database " * 1000)
    assert refusal(path).kind == "damaged"


def test_wrong_columns(open_log: OpenLog, path: Path, query: Query) -> None:
    """FACTS R-45: a file with other columns is refused with one line."""
    open_log().close()
    query("ALTER TABLE launcher_saga DROP COLUMN failure_reason")
    assert refusal(path).kind == "damaged"


def test_older_file_without_the_counter(path: Path) -> None:
    """FACTS R-45: a file of the original, without version and counter, is read as it is."""
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            """CREATE TABLE launcher_saga (saga_id INTEGER PRIMARY KEY, name TEXT NOT NULL,
            state TEXT NOT NULL, started_at TEXT NOT NULL, ended_at TEXT,
            input_json TEXT NOT NULL, failure_reason TEXT);
            INSERT INTO launcher_saga VALUES (3, 'n', 'failed', 't', 't', 'null', 'x');"""
        )
    assert ids(path) == [3]


def test_broken_steps_are_an_error_of_their_own(
    open_log: OpenLog, path: Path, query: Query
) -> None:
    """FACTS F-37: steps that can't be read are an error, not "no steps"; the saga still shows."""
    log = open_log()
    commit(log, opened(1), StepOpened(1, 0, "a", "host", ReapPanes(label="main", saga_id=1)))
    log.close()
    ((page,),) = query("SELECT rootpage FROM sqlite_master WHERE name = 'launcher_saga_step'")
    content = bytearray(path.read_bytes())
    content[(page - 1) * 4096 : page * 4096] = b"\xff" * 4096
    path.write_bytes(content)
    assert ids(path) == [1]
    with open_read_only(path).unwrap() as reader:
        match reader.steps(1):
            case Failure(error):
                assert error.kind == "damaged"
            case Success(steps):
                raise AssertionError(steps)


def test_row_of_a_wrong_type(open_log: OpenLog, path: Path, query: Query) -> None:
    """FACTS R-45: a foreign hand's row that is no text is an error, not a crash."""
    commit(open_log(), opened(1))
    query("UPDATE launcher_saga SET started_at = x'00ff'")
    with open_read_only(path).unwrap() as reader:
        for outcome in (reader.snapshot_recent(5), reader.saga(1)):
            match outcome:
                case Failure(error):
                    assert error.kind == "damaged"
                case Success(rows):
                    raise AssertionError(rows)


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_exclusive_lock(
    open_log: OpenLog, path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """A log that another process keeps for itself alone is one clear line."""
    monkeypatch.setattr("saga_shell.log.readonly.BUSY_TIMEOUT_MS", 20)
    open_log().close()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(f"PRAGMA journal_mode = {mode}")
        other.execute("DELETE FROM launcher_saga")
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        assert refusal(path).kind == "locked"
