"""A disk that fails: records wait in order, none is lost, none goes in twice (FACTS R-44)."""

import logging
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
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
from saga_shell.log import ID_BLOCK, LogError, LogOptions, SagaLog
from saga_shell.log.backlog import CHUNK_RECORDS, Backlog

Query = Callable[..., list[tuple[Any, ...]]]


def opened(saga_id: int) -> SagaOpened:
    """A saga without input."""
    return SagaOpened(saga_id, "n", "null")


@pytest.fixture
def notes() -> list[str]:
    """What the backlog announced."""
    return []


@pytest.fixture
def backlog(path: Path, options: LogOptions, notes: list[str]) -> Iterator[Backlog]:
    """The backlog of a log that gives up on locks at once."""
    made = Backlog(SagaLog.open(path, options).unwrap(), options, notes.append)
    yield made
    made._log.abandon()


def hand_over(backlog: Backlog, *records: LogRecord) -> Success[None] | Failure[str]:
    """What the writer does for each batch."""
    backlog.take(records)
    return backlog.flush()


def failed(outcome: Success[None] | Failure[str]) -> str:
    """The line of a failure."""
    match outcome:
        case Failure(line):
            assert "\n" not in line
            return line
        case Success():
            raise AssertionError("it succeeded")


@contextmanager
def full_disk(backlog: Backlog) -> Iterator[None]:
    """No room for another page."""
    connection = backlog._log._connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    yield
    connection.execute("PRAGMA max_page_count = 1000000")


def test_full_disk(backlog: Backlog, query: Query, notes: list[str]) -> None:
    """FACTS R-44: on a full disk records wait, visibly; with room again all go in, in order."""
    with full_disk(backlog):
        line = failed(hand_over(backlog, SagaOpened(1, "n", "x" * 50_000)))
        assert "disk is full" in line
        failed(hand_over(backlog, opened(2), SagaClosed(2, "completed", None)))
        assert backlog.pending_records == 3
        assert [note.partition("; ")[2] for note in notes] == [
            "1 record(s) wait in memory",
            "3 record(s) wait in memory",
        ]
    assert hand_over(backlog, opened(3)) == Success(None)
    assert backlog.pending_records == 0
    assert backlog.refused == 0
    assert notes[-1] == ""
    assert query("SELECT saga_id, state, started_at FROM launcher_saga") == [
        (1, "running", "2026-05-01T12:00:00+00:00"),
        (2, "completed", "2026-05-01T12:00:01+00:00"),
        (3, "running", "2026-05-01T12:00:02+00:00"),
    ]


def test_locked_by_another_process(backlog: Backlog, path: Path, query: Query) -> None:
    """FACTS R-43: records outlast a lock that another process holds too long."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert "locked by another process" in failed(hand_over(backlog, opened(1)))
    assert backlog.flush() == Success(None)
    assert query("SELECT saga_id FROM launcher_saga") == [(1,)]


def test_short_patience_while_degraded(path: Path, options: LogOptions) -> None:
    """FACTS R-43: only the first commit waits long for a lock; sagas don't wait with the rest."""
    patient = msgspec.structs.replace(options, busy_timeout_ms=300)
    backlog = Backlog(SagaLog.open(path, patient).unwrap(), patient, lambda _: None)

    def patience() -> int:
        (milliseconds,) = backlog._log._connection.execute("PRAGMA busy_timeout").fetchone()
        return int(milliseconds)

    assert patience() == 300
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        failed(hand_over(backlog, opened(1)))
    assert patience() == 100
    assert backlog.flush() == Success(None)
    assert patience() == 300
    backlog.finish()


def test_read_only(backlog: Backlog, query: Query) -> None:
    """FACTS R-44: a log that can't be written any more fails with one line, and heals."""
    backlog._log._connection.execute("PRAGMA query_only = ON")
    assert "can't be used" in failed(hand_over(backlog, opened(1)))
    assert backlog.flush() == Success(None)
    assert query("SELECT saga_id FROM launcher_saga") == [(1,)]


def test_broken_connection_is_replaced(backlog: Backlog, path: Path, query: Query) -> None:
    """FACTS R-44: a connection that is of no more use is opened anew at the next commit."""
    hand_over(backlog, opened(1))
    with closing(sqlite3.connect(path)) as other:
        other.execute("SELECT * FROM launcher_saga").fetchall()
        backlog._log._connection.close()
        assert "can't be used (Cannot operate" in failed(hand_over(backlog, opened(2)))
    assert hand_over(backlog, opened(3)) == Success(None)
    assert query("SELECT saga_id FROM launcher_saga") == [(1,), (2,), (3,)]


def test_deleted_directory(backlog: Backlog, path: Path, query: Query) -> None:
    """FACTS R-41, R-44: rows never go into a deleted file; a new one goes on with the ids."""
    hand_over(backlog, opened(1))
    shutil.rmtree(path.parent)
    assert "moved, replaced or deleted" in failed(hand_over(backlog, opened(2)))
    assert hand_over(backlog, opened(3)) == Success(None)
    assert query("SELECT saga_id FROM launcher_saga") == [(2,), (3,)]
    assert hand_over(backlog, SagaClosed(1, "completed", None)) == Success(None)
    assert backlog.refused == 1
    assert backlog.finish() == Success(None)
    assert query("SELECT next_saga_id FROM launcher_saga_counter") == [(4,)]


def test_ids_outlast_a_deleted_directory(backlog: Backlog, path: Path, query: Query) -> None:
    """FACTS R-41: the counter of a log that is created anew lies above the ids in use."""
    hand_over(backlog, opened(5000))
    shutil.rmtree(path.parent)
    failed(hand_over(backlog, SagaClosed(5000, "completed", None)))
    assert backlog.flush() == Success(None)
    assert query("SELECT next_saga_id > 5001 FROM launcher_saga_counter") == [(1,)]


def test_deleted_wal(backlog: Backlog, path: Path, query: Query) -> None:
    """FACTS R-44: if only the `-wal` is deleted, the rows that were in it are saved too."""
    hand_over(backlog, opened(1))
    path.with_name(f"{path.name}-wal").unlink()
    failed(hand_over(backlog, opened(2)))
    assert backlog.flush() == Success(None)
    assert query("SELECT saga_id FROM launcher_saga") == [(1,), (2,)]


def test_unusable_file_in_its_place(backlog: Backlog, path: Path, query: Query) -> None:
    """FACTS R-44: a garbage file in the log's place is an error at each try, until it is gone."""
    path.parent.rename(path.parent.with_name("kept"))
    path.parent.mkdir()
    path.write_bytes(b"garbage " * 1000)
    assert "moved, replaced" in failed(hand_over(backlog, opened(1)))
    assert "damaged" in failed(hand_over(backlog, opened(2)))
    assert backlog.pending_records == 2
    path.unlink()
    assert backlog.flush() == Success(None)
    assert query("SELECT saga_id FROM launcher_saga") == [(1,), (2,)]


def test_refused_record_is_counted_and_told(
    backlog: Backlog, query: Query, caplog: pytest.LogCaptureFixture
) -> None:
    """FACTS R-37: a record that the rows don't allow is one line, and blocks nobody for ever."""
    hand_over(backlog, opened(1), opened(1), opened(2))
    assert backlog.refused == 1
    assert backlog.pending_records == 0
    assert query("SELECT saga_id FROM launcher_saga") == [(1,), (2,)]
    (entry,) = caplog.records
    assert entry.levelno == logging.ERROR
    assert "SagaOpened of saga 1" in entry.getMessage()


def test_a_failed_checkpoint_is_told(
    backlog: Backlog, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """DESIGN 5: one line says that rows are not copied into the file yet, and that none is lost."""
    error = LogError("full", "saga log F can't be written, its disk is full: free some space")
    monkeypatch.setattr(SagaLog, "checkpoint", lambda _: Failure(error))
    backlog.checkpoint()
    (entry,) = caplog.records
    assert entry.levelno == logging.WARNING
    assert entry.getMessage() == f"{error.message} (the rows are safe in its -wal)"


def test_refusal_is_counted_once(backlog: Backlog) -> None:
    """FACTS R-37: a refused record whose transaction failed is counted when it succeeds, once."""
    backlog._log._connection.execute("PRAGMA query_only = ON")
    backlog.take([SagaClosed(5, "completed", None)])
    failed(backlog.flush())
    assert backlog.refused == 0
    assert backlog.flush() == Success(None)
    assert backlog.refused == 1


def test_long_backlog_goes_in_by_chunks(backlog: Backlog, query: Query) -> None:
    """A long backlog is no single huge transaction; batches stay whole; order stays."""
    sizes = (3, CHUNK_RECORDS + 5, CHUNK_RECORDS - 1, 1, 2)
    ids = iter(range(1, sum(sizes) + 1))
    for size in sizes:
        backlog.take([opened(next(ids)) for _ in range(size)])
    begins: list[str] = []
    backlog._log._connection.set_trace_callback(
        lambda sql: begins.append(sql) if sql.startswith("BEGIN") else None
    )
    assert backlog.flush() == Success(None)
    assert len(begins) == 4
    assert query("SELECT count(*), max(saga_id) FROM launcher_saga") == [(sum(sizes), sum(sizes))]


def test_finish_tells_what_is_lost(backlog: Backlog, path: Path, query: Query) -> None:
    """FACTS R-44: records that can't be written to the very end are counted in the last line."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        backlog.take([opened(1), opened(2)])
        line = failed(backlog.finish())
    assert line.startswith("2 record(s) of the saga log are lost: ")
    assert query("SELECT next_saga_id FROM launcher_saga_counter") == [(1 + ID_BLOCK,)]


def test_finish_without_the_counter(
    backlog: Backlog, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """With all rows in the file an end is clean, even if the counter can't be set; it is told."""
    hand_over(backlog, opened(1))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert backlog.finish() == Success(None)
    assert "ids will jump" in caplog.text


def test_finish_with_a_deleted_file(backlog: Backlog, path: Path) -> None:
    """An end whose file is gone already creates none."""
    shutil.rmtree(path.parent)
    assert backlog.finish() == Success(None)
    assert not path.parent.exists()


Point = Literal["begin", "row", "before commit", "after commit"]
CODES = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)


class Fault(msgspec.Struct, frozen=True):
    """Which statement of a transaction fails, and how."""

    point: Point
    code: int


def faulty_connection(faults: list[Fault]) -> type[sqlite3.Connection]:
    """Connections whose transactions meet the next of `faults`, as long as there are any."""

    class Faulty(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            point = faults[0].point if faults else None
            if (
                (point == "begin" and sql.startswith("BEGIN"))
                or (point == "row" and sql.startswith(("INSERT", "UPDATE")))
                or (point == "before commit" and sql == "COMMIT")
            ):
                self.fail()
            cursor = super().execute(sql, *values)
            if point == "after commit" and sql == "COMMIT":
                self.fail()
            return cursor

        def fail(self) -> None:
            error = sqlite3.OperationalError("injected")
            error.sqlite_errorcode = faults.pop(0).code
            raise error

    return Faulty


AUDIT = """
CREATE TABLE audit (change TEXT);
CREATE TRIGGER a AFTER INSERT ON launcher_saga
  BEGIN INSERT INTO audit VALUES ('opened ' || new.saga_id); END;
CREATE TRIGGER b AFTER UPDATE ON launcher_saga
  BEGIN INSERT INTO audit VALUES (new.state || ' ' || new.saga_id); END;
CREATE TRIGGER c AFTER INSERT ON launcher_saga_step
  BEGIN INSERT INTO audit VALUES ('step ' || new.saga_id || ' ' || new.step_index); END;
CREATE TRIGGER d AFTER UPDATE ON launcher_saga_step
  BEGIN INSERT INTO audit VALUES (new.state || ' ' || new.saga_id || ' ' || new.step_index); END;
"""


def change_of(record: LogRecord) -> str:
    """What the triggers write for `record`."""
    match record:
        case SagaOpened(saga_id=saga_id):
            return f"opened {saga_id}"
        case StepOpened(saga_id=saga_id, step_index=index):
            return f"step {saga_id} {index}"
        case StepSucceeded(saga_id=saga_id, step_index=index):
            return f"succeeded {saga_id} {index}"
        case StepFailed(saga_id=saga_id, step_index=index):
            return f"failed {saga_id} {index}"
        case SagaClosed(saga_id=saga_id, state=state):
            return f"{state} {saga_id}"


def life(saga_id: int, ends_well: bool) -> list[LogRecord]:
    """All records of one saga with two steps."""
    command = ReapPanes(label="main", saga_id=saga_id)
    reaped = PanesReaped(label="main", version=1, saga_id=saga_id)
    answer = StepSucceeded(saga_id, 1, reaped) if ends_well else StepFailed(saga_id, 1, "why")
    closed = SagaClosed(saga_id, *(("completed", None) if ends_well else ("failed", "why")))
    first, second = (StepOpened(saga_id, index, "reap", "host", command) for index in (0, 1))
    return [opened(saga_id), first, StepSucceeded(saga_id, 0, reaped), second, answer, closed]


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[list[LogRecord], list[Fault]]]:
    """Batches from interleaved lives of sagas, each with the faults that its commit meets."""
    lives = [life(n, draw(st.booleans())) for n in range(1, draw(st.integers(1, 5)) + 1)]
    records: list[LogRecord] = []
    while any(lives):
        records.append(draw(st.sampled_from([rest for rest in lives if rest])).pop(0))
    faults = st.builds(
        Fault,
        st.sampled_from(["begin", "row", "before commit", "after commit"]),
        st.sampled_from(CODES),
    )
    history = []
    while records:
        size = draw(st.integers(1, 8))
        history.append((records[:size], draw(st.lists(faults, max_size=2))))
        del records[:size]
    return history


@settings(max_examples=80, deadline=None)
@given(histories())
def test_no_row_is_lost_doubled_or_out_of_order(
    history: list[tuple[list[LogRecord], list[Fault]]],
) -> None:
    """FACTS R-44: whatever fails in between, each record changes its row once, in its saga's order.

    A commit may also fail after it reached the disk, and then must not be taken for a duplicate.
    """
    faults: list[Fault] = []
    with TemporaryDirectory() as directory:
        path = Path(directory) / "log.db"
        plain = LogOptions(msgspec.json.encode, synchronous="normal", busy_timeout_ms=0)
        SagaLog.open(path, plain).unwrap().close()
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(AUDIT)
        faulty = msgspec.structs.replace(plain, connection_class=faulty_connection(faults))
        backlog = Backlog(SagaLog.open(path, faulty).unwrap(), faulty, lambda _: None)
        for records, expected_faults in history:
            faults.extend(expected_faults)
            outcome = hand_over(backlog, *records)
            assert isinstance(outcome, Success) == (backlog.pending_records == 0)
        faults.clear()
        assert backlog.finish() == Success(None)
        assert backlog.refused == 0
        with closing(sqlite3.connect(path)) as connection:
            changes = [change for (change,) in connection.execute("SELECT * FROM audit")]
    wanted = [(record.saga_id, change_of(record)) for records, _ in history for record in records]
    assert len(changes) == len(wanted)
    for saga_id in {saga_id for saga_id, _ in wanted}:
        own = [change for one, change in wanted if one == saga_id]
        assert [change for change in changes if change in own] == own
