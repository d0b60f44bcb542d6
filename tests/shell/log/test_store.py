"""Records become rows, guarded by what the rows say; old rows go; a start learns what it must."""

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from returns.result import Failure, Success

from saga_core.agentmux.commands import Ping, ReapPanes
from saga_core.agentmux.events import PanesReaped
from saga_core.engine import (
    BusEvent,
    Command,
    LogRecord,
    SagaClosed,
    SagaOpened,
    SagaOutcome,
    StepFailed,
    StepOpened,
    StepSucceeded,
    UnresolvedSaga,
)
from saga_shell.log import SagaLog, stamp, store
from saga_shell.log.store import VACUUM_CHUNK

OpenLog = Callable[..., SagaLog]
Query = Callable[..., list[tuple[Any, ...]]]

REAP = "issue_cmd_host_reap_panes"


def opened(saga_id: int) -> SagaOpened:
    """A saga as it begins."""
    return SagaOpened(saga_id, "window_cleanup_cascade", '{"closed_label":"main"}')


def step(saga_id: int, index: int = 0, target: str = "host") -> StepOpened:
    """A step as it begins."""
    return StepOpened(saga_id, index, REAP, target, ReapPanes(label="main", saga_id=saga_id))


def answered(saga_id: int, index: int = 0) -> StepSucceeded:
    """The answer to that step."""
    return StepSucceeded(saga_id, index, PanesReaped(label="main", version=9, saga_id=saga_id))


def commit(log: SagaLog, *records: LogRecord) -> tuple[str, ...]:
    """One batch; returns what was refused."""
    return log.commit([log.batch(records)]).unwrap()


def test_full_round_trip(open_log: OpenLog, query: Query) -> None:
    """FACTS R-42: a completed saga's rows hold input, the sent command, its answer, the times."""
    log = open_log()
    assert commit(log, opened(43), step(43)) == ()
    assert commit(log, answered(43)) == ()
    assert commit(log, SagaClosed(43, "completed", None)) == ()
    assert query("SELECT * FROM launcher_saga") == [
        (
            43,
            "window_cleanup_cascade",
            "completed",
            "2026-05-01T12:00:00+00:00",
            "2026-05-01T12:00:02+00:00",
            '{"closed_label":"main"}',
            None,
        )
    ]
    assert query("SELECT * FROM launcher_saga_step") == [
        (
            43,
            0,
            REAP,
            "succeeded",
            '{"cmd":"reap_panes","label":"main","saga_id":43}',
            "host",
            "2026-05-01T12:00:00+00:00",
            "2026-05-01T12:00:01+00:00",
            '{"event":"panes_reaped","label":"main","version":9,"saga_id":43}',
            None,
        )
    ]


def test_failure_is_stored(open_log: OpenLog, query: Query) -> None:
    """FACTS R-08: a failed saga and its failed step hold the reason and the time."""
    log = open_log()
    commit(log, opened(1), step(1))
    commit(log, StepFailed(1, 0, "saga timeout"), SagaClosed(1, "failed", "saga timeout"))
    ended = "2026-05-01T12:00:01+00:00"
    failed = [("failed", "saga timeout", ended)]
    assert query("SELECT state, failure_reason, ended_at FROM launcher_saga") == failed
    assert query("SELECT state, failure_reason, ended_at FROM launcher_saga_step") == failed


@pytest.mark.parametrize("target", ["launcher_self", "host", "srv"])
def test_target_tokens(open_log: OpenLog, query: Query, target: str) -> None:
    """FACTS 4.1: the three target tokens reach the file as they are."""
    commit(open_log(), opened(1), step(1, target=target))
    assert query("SELECT target FROM launcher_saga_step") == [(target,)]


def test_second_end_changes_nothing(open_log: OpenLog, query: Query) -> None:
    """FACTS R-37: a saga that ended once can't end again, as anything, and the attempt is told."""
    log = open_log()
    commit(log, opened(1), SagaClosed(1, "completed", None))
    before = query("SELECT * FROM launcher_saga")
    for second in (
        SagaClosed(1, "failed", "late"),
        SagaClosed(1, "completed", None),
        SagaClosed(1, "failed_compensation", "x"),
    ):
        (line,) = commit(log, second)
        assert "saga 1" in line
    assert query("SELECT * FROM launcher_saga") == before


def test_end_of_an_unknown_saga_is_refused(open_log: OpenLog) -> None:
    """FACTS R-37: ending a saga that has no row is no silent success."""
    assert commit(open_log(), SagaClosed(9, "completed", None)) == (
        "SagaClosed of saga 9: it needs a running saga",
    )


@pytest.mark.parametrize("second", [answered(1), StepFailed(1, 0, "late")])
def test_second_answer_changes_nothing(open_log: OpenLog, query: Query, second: LogRecord) -> None:
    """FACTS R-37: a step that has its answer keeps it."""
    log = open_log()
    commit(log, opened(1), step(1), answered(1))
    before = query("SELECT * FROM launcher_saga_step")
    assert commit(log, second) == (
        f"{type(second).__name__} of saga 1, step 0: it needs a pending step of a running saga",
    )
    assert query("SELECT * FROM launcher_saga_step") == before


@pytest.mark.parametrize("late", [answered(1), StepFailed(1, 0, "late"), step(1, 1)])
def test_nothing_moves_under_an_ended_saga(
    open_log: OpenLog, query: Query, late: LogRecord
) -> None:
    """FACTS R-07: once a saga ended, its steps stay as they are and no step is added."""
    log = open_log()
    commit(log, opened(1), step(1), SagaClosed(1, "failed", "saga timeout"))
    before = query("SELECT * FROM launcher_saga_step")
    assert len(commit(log, late)) == 1
    assert query("SELECT * FROM launcher_saga_step") == before


def test_duplicate_id_is_refused(open_log: OpenLog, query: Query) -> None:
    """FACTS F-18: a second saga of one id doesn't overwrite the first, which is running."""
    log = open_log()
    commit(log, opened(1), step(1))
    (line,) = commit(log, SagaOpened(1, "other", "null"))
    assert "UNIQUE" in line
    assert query("SELECT name, state FROM launcher_saga") == [("window_cleanup_cascade", "running")]
    assert query("SELECT count(*) FROM launcher_saga_step") == [(1,)]


def test_duplicate_step_is_refused(open_log: OpenLog, query: Query) -> None:
    """FACTS 4.3: one step index exists once for each saga."""
    log = open_log()
    commit(log, opened(1), step(1))
    assert "UNIQUE" in commit(log, step(1, target="srv"))[0]
    assert query("SELECT target FROM launcher_saga_step") == [("host",)]


def test_step_without_a_saga_is_refused(open_log: OpenLog, query: Query) -> None:
    """FACTS F-18: a step whose saga has no row is refused; no orphan comes into being."""
    assert len(commit(open_log(), step(5))) == 1
    assert query("SELECT count(*) FROM launcher_saga_step") == [(0,)]


def test_refused_record_harms_no_other(open_log: OpenLog, query: Query) -> None:
    """FACTS R-37: in one batch a record that the rows don't allow leaves those around it alone."""
    log = open_log()
    refusals = commit(log, opened(1), opened(1), opened(2), step(9), step(2))
    assert len(refusals) == 2
    assert query("SELECT saga_id FROM launcher_saga ORDER BY saga_id") == [(1,), (2,)]
    assert query("SELECT saga_id FROM launcher_saga_step") == [(2,)]


class UnencodableError(ValueError):
    """What an encoder says of a message that no peer could read."""


def refuse_pings(message: Command | BusEvent) -> bytes:
    """An encoder that meets a message that no peer could read."""
    if isinstance(message, Ping):
        raise UnencodableError("no such\nmessage")
    return b"{}"


@pytest.mark.parametrize(
    "record",
    [
        StepOpened(1, 1, "issue_cmd_host_ping", "host", Ping(nonce=1)),
        StepFailed(1, 0, "\udcff"),
        SagaOpened(2**64 - 1, "n", "null"),
    ],
)
def test_record_that_no_row_can_hold_is_refused(
    open_log: OpenLog, query: Query, record: LogRecord
) -> None:
    """A message without an encoding, a text without UTF-8 or a too large id can't stop the log."""
    log = open_log(encode=refuse_pings)
    (line,) = commit(log, opened(1), step(1), record, SagaClosed(1, "completed", None))
    assert "\n" not in line
    assert query("SELECT state FROM launcher_saga") == [("completed",)]


def test_times_are_rfc_3339_in_utc(open_log: OpenLog, query: Query) -> None:
    """FACTS 4.1: whatever the clock's zone, rows hold UTC with `+00:00`; texts compare as times."""
    zone = timezone(timedelta(hours=2))
    log = open_log(clock=lambda: datetime(2026, 5, 1, 1, 30, 0, 250_000, tzinfo=zone))
    commit(log, opened(1))
    assert query("SELECT started_at FROM launcher_saga") == [("2026-04-30T23:30:00.250000+00:00",)]
    moments = [datetime(2026, 5, 1, tzinfo=UTC) + timedelta(microseconds=n) for n in (0, 1, 10**6)]
    assert sorted(map(stamp, reversed(moments))) == [stamp(moment) for moment in moments]


def test_unresolved_are_running_and_compensating(open_log: OpenLog, query: Query) -> None:
    """FACTS R-38: a start finds those in flight with their pending steps; who failed did so."""
    log = open_log()
    commit(log, *(opened(n) for n in range(1, 6)), step(2), answered(2), step(2, 1), step(4))
    commit(log, SagaClosed(1, "failed", "saga timeout"), SagaClosed(3, "completed", None))
    query("UPDATE launcher_saga SET state = 'compensating' WHERE saga_id = 4")
    commit(log, SagaClosed(5, "failed_compensation", "died"))
    name = "window_cleanup_cascade"
    assert log.start().unwrap().unresolved == (
        UnresolvedSaga(2, name, "running", (1,)),
        UnresolvedSaga(4, name, "compensating", (0,)),
    )


def test_recovery_ends_steps_and_sagas(open_log: OpenLog, query: Query) -> None:
    """FACTS R-40, F-36: what was in flight fails with its steps; an earlier reason is kept."""
    log = open_log()
    commit(log, opened(1), step(1), opened(2), step(2))
    query("UPDATE launcher_saga SET state = 'compensating', failure_reason = 'old'")
    query("UPDATE launcher_saga SET state = 'running', failure_reason = '' WHERE saga_id = 1")
    for saga_id in (1, 2):
        records = StepFailed(saga_id, 0, "new"), SagaClosed(saga_id, "failed_compensation", "new")
        assert commit(log, *records) == ()
    assert query("SELECT state, failure_reason FROM launcher_saga ORDER BY saga_id") == [
        ("failed_compensation", "new"),
        ("failed_compensation", "old | recovered: new"),
    ]
    assert query("SELECT DISTINCT state, failure_reason FROM launcher_saga_step") == [
        ("failed", "new")
    ]
    assert log.start().unwrap().unresolved == ()


def test_recovery_leaves_a_clean_failure_alone(open_log: OpenLog, query: Query) -> None:
    """FACTS R-38: a saga that failed cleanly keeps its state, reason and time."""
    log = open_log()
    commit(log, opened(1), SagaClosed(1, "failed", "saga timeout"))
    before = query("SELECT * FROM launcher_saga")
    assert len(commit(log, SagaClosed(1, "failed_compensation", "x"))) == 1
    assert query("SELECT * FROM launcher_saga") == before


def test_outcomes_are_the_last_ones_oldest_first(open_log: OpenLog) -> None:
    """DESIGN 4: a start learns how the last sagas ended, by the time of their ends, then ids."""
    log = open_log()
    commit(log, *(opened(n) for n in range(1, 6)))
    commit(log, SagaClosed(4, "completed", None))
    commit(log, SagaClosed(3, "failed", "why"), SagaClosed(2, "failed_compensation", "dead"))
    commit(log, SagaClosed(1, "completed", None))
    name = "window_cleanup_cascade"
    assert log.start(3).unwrap().outcomes == (
        SagaOutcome(2, name, "failed_compensation", "dead"),
        SagaOutcome(3, name, "failed", "why"),
        SagaOutcome(1, name, "completed", None),
    )
    assert len(log.start().unwrap().outcomes) == 4


def test_row_of_a_wrong_type_is_damage(open_log: OpenLog, query: Query) -> None:
    """FACTS R-45: a foreign hand's row that can't be read is an error at start, not a crash."""
    log = open_log()
    commit(log, opened(1))
    query("UPDATE launcher_saga SET name = x'00ff'")
    match log.start():
        case Failure(error):
            assert error.kind == "damaged"
        case Success(start):
            raise AssertionError(start)


def test_vacuum_removes_old_ended_sagas(open_log: OpenLog, query: Query) -> None:
    """FACTS 4.3: vacuum removes sagas that ended before the cutoff, with their steps; no other."""
    log = open_log()
    commit(log, *(opened(n) for n in range(1, 7)), *(step(n) for n in range(1, 7)))
    query("UPDATE launcher_saga SET started_at = '1999-01-01T00:00:00+00:00'")
    query("UPDATE launcher_saga SET state = 'compensating' WHERE saga_id = 6")
    commit(log, SagaClosed(1, "completed", None), SagaClosed(2, "failed", "x"))
    commit(log, SagaClosed(3, "failed_compensation", "x"))
    cutoff = datetime(2026, 5, 1, 12, 0, 2, 500_000, tzinfo=UTC)
    commit(log, SagaClosed(4, "completed", None))
    assert log.vacuum_older_than(cutoff).unwrap() == 3
    assert query("SELECT saga_id FROM launcher_saga ORDER BY 1") == [(4,), (5,), (6,)]
    assert query("SELECT saga_id FROM launcher_saga_step ORDER BY 1") == [(4,), (5,), (6,)]
    assert log.vacuum_older_than(cutoff).unwrap() == 0


def test_vacuum_goes_in_small_transactions(open_log: OpenLog) -> None:
    """A large vacuum is cut up, so that commits get in between; the oldest ids go first."""
    log = open_log()
    many = range(1, VACUUM_CHUNK + 4)
    commit(log, *(opened(n) for n in many), *(SagaClosed(n, "completed", None) for n in many))
    later = datetime(2030, 1, 1, tzinfo=UTC)
    assert log.vacuum_older_than(later).unwrap() == VACUUM_CHUNK
    assert [outcome.saga_id for outcome in log.start().unwrap().outcomes] == list(many)[-3:]
    assert log.vacuum_older_than(later).unwrap() == 3


def test_failed_transaction_leaves_nothing(open_log: OpenLog, query: Query) -> None:
    """FACTS R-44: when the disk is full in the middle of a batch, no row of it is in the file."""
    log = open_log()
    (pages,) = log._connection.execute("PRAGMA page_count").fetchone()
    log._connection.execute(f"PRAGMA max_page_count = {pages}")
    batch = log.batch([opened(1), SagaOpened(2, "n", "x" * 100_000), opened(3)])
    match log.commit([batch]):
        case Failure(error):
            assert error.kind == "full"
        case Success():
            raise AssertionError("there was room")
    assert query("SELECT count(*) FROM launcher_saga") == [(0,)]
    log._connection.execute("PRAGMA max_page_count = 1000000")
    assert log.commit([batch]) == Success(())
    assert query("SELECT count(*) FROM launcher_saga") == [(3,)]


class StepsFail(sqlite3.Connection):
    """Fails with an I/O error after which SQLite itself would keep the transaction."""

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        """Let sagas in and fail their steps."""
        if sql.startswith("INSERT INTO launcher_saga_step "):
            error = sqlite3.OperationalError("injected")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR
            raise error
        return super().execute(sql, *values)


def test_half_a_batch_is_taken_back(open_log: OpenLog, query: Query) -> None:
    """FACTS R-44: an error between two rows of a batch takes the first one back."""
    log = open_log(connection_class=StepsFail)
    assert isinstance(log.commit([log.batch([opened(1), step(1)])]), Failure)
    assert query("SELECT count(*) FROM launcher_saga") == [(0,)]


def test_foreign_trigger_that_ends_the_transaction(open_log: OpenLog, query: Query) -> None:
    """FACTS R-45: if the file itself ends the transaction, the commit fails, all of it."""
    log = open_log()
    query(
        "CREATE TRIGGER fault BEFORE INSERT ON launcher_saga WHEN new.saga_id = 2"
        " BEGIN SELECT raise(ROLLBACK, 'no'); END"
    )
    assert isinstance(log.commit([log.batch([opened(1), opened(2), opened(3)])]), Failure)
    assert query("SELECT count(*) FROM launcher_saga") == [(0,)]


def test_a_checkpoint_that_fails_loses_nothing(open_log: OpenLog, query: Query) -> None:
    """FACTS R-44: what it would have copied is safe in the `-wal`, and read from there."""
    log = open_log()
    assert commit(log, opened(1)) == ()
    log.abandon()
    assert log.checkpoint().failure().kind == "inaccessible"
    assert query("SELECT saga_id FROM launcher_saga") == [(1,)]


def test_short_commits_after_a_long_one_copy_again(
    open_log: OpenLog, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DESIGN 5: after a checkpoint that was put off, the `-wal` stays as short as ever."""
    monkeypatch.setattr(store, "LONG_COMMIT_RECORDS", 999)
    monkeypatch.setattr(store, "CHECKPOINT_PAGES", 20)
    log = open_log()
    assert commit(log, *(opened(n) for n in range(1, 1_001))) == ()
    due = log.checkpoint_is_due
    assert log.checkpoint() == Success(None)
    assert (due, log.checkpoint_is_due) == (True, False)
    wal = path.with_name(f"{path.name}-wal")
    long = wal.stat().st_size
    for first in range(1_001, 9_000, 500):
        assert commit(log, *(opened(n) for n in range(first, first + 500))) == ()
    assert wal.stat().st_size <= long
