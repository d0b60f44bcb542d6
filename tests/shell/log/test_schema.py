"""The file itself: tables, version, and what happens to files that are not as they should be."""

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

import pytest
from returns.result import Failure, Success

from saga_core.engine import SagaClosed, SagaOpened
from saga_shell.log import SCHEMA_VERSION, LogError, LogOptions, SagaLog

ORIGINAL_DDL = """
CREATE TABLE launcher_saga (
  saga_id INTEGER PRIMARY KEY, name TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN
    ('running','completed','failed','compensating','failed_compensation')),
  started_at TEXT NOT NULL, ended_at TEXT, input_json TEXT NOT NULL, failure_reason TEXT);
CREATE TABLE launcher_saga_step (
  saga_id INTEGER NOT NULL, step_index INTEGER NOT NULL, name TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('pending','succeeded','failed','compensated')),
  cmd_json TEXT, target TEXT, started_at TEXT NOT NULL, ended_at TEXT, output_json TEXT,
  failure_reason TEXT, PRIMARY KEY (saga_id, step_index),
  FOREIGN KEY (saga_id) REFERENCES launcher_saga(saga_id) ON DELETE CASCADE);
CREATE INDEX idx_launcher_saga_state ON launcher_saga(state);
CREATE INDEX idx_launcher_saga_step_state ON launcher_saga_step(saga_id, state);
INSERT INTO launcher_saga VALUES
  (7, 'pool_respawn_on_promote', 'running', '2026-04-01T00:00:00.123456789+00:00', NULL,
   'null', NULL);
INSERT INTO launcher_saga_step VALUES
  (7, 0, 'issue_cmd_host_spawn_pool_window', 'pending', '{}', 'host',
   '2026-04-01T00:00:00+00:00', NULL, NULL, NULL);
"""

Query = Callable[..., list[tuple[Any, ...]]]


def make_file(path: Path, script: str) -> None:
    """A database as somebody else made it."""
    path.parent.mkdir(exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


def refusal(path: Path, options: LogOptions) -> LogError:
    """The error of a file that is refused at start."""
    match SagaLog.open(path, options):
        case Failure(error):
            assert "\n" not in error.message
            assert str(path) in error.message
            return error
        case Success(log):
            log.abandon()
            raise AssertionError("the file was accepted")


def test_tables_indexes_and_pragmas(open_log: Callable[..., SagaLog], query: Query) -> None:
    """FACTS 4.1: columns, indexes and pragmas have their names and values, in WAL mode."""
    log = open_log()
    columns = query("SELECT name FROM pragma_table_info('launcher_saga')")
    assert [name for (name,) in columns] == [
        "saga_id",
        "name",
        "state",
        "started_at",
        "ended_at",
        "input_json",
        "failure_reason",
    ]
    columns = query("SELECT name FROM pragma_table_info('launcher_saga_step')")
    assert [name for (name,) in columns] == [
        "saga_id",
        "step_index",
        "name",
        "state",
        "cmd_json",
        "target",
        "started_at",
        "ended_at",
        "output_json",
        "failure_reason",
    ]
    indexes = query("SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
    assert sorted(name for (name,) in indexes) == [
        "idx_launcher_saga_ended",
        "idx_launcher_saga_state",
        "idx_launcher_saga_step_state",
    ]
    pragmas = ("journal_mode", "busy_timeout", "synchronous", "temp_store", "foreign_keys")
    values = [log._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in pragmas]
    assert values == ["wal", 20, 2, 2, 1]
    assert query("PRAGMA user_version") == [(SCHEMA_VERSION,)]


def test_synchronous_normal(open_log: Callable[..., SagaLog]) -> None:
    """DESIGN 6: `synchronous` is what the option says."""
    log = open_log(synchronous="normal")
    assert log._connection.execute("PRAGMA synchronous").fetchone() == (1,)


@pytest.mark.parametrize(
    ("table", "values"),
    [
        ("launcher_saga", "(1, 'n', 'ended', 't', NULL, 'null', NULL)"),
        ("launcher_saga", "(1, 'n', 'running', 't', NULL, NULL, NULL)"),
        ("launcher_saga_step", "(1, 0, 'n', 'running', NULL, NULL, 't', NULL, NULL, NULL)"),
        ("launcher_saga_counter", "(2, 5)"),
    ],
)
def test_checks(open_log: Callable[..., SagaLog], query: Query, table: str, values: str) -> None:
    """FACTS 4.1: the file itself refuses unknown states and missing texts, whoever writes."""
    open_log()
    with pytest.raises(sqlite3.IntegrityError):
        query(f"INSERT INTO {table} VALUES {values}")


def test_reopening_keeps_everything(open_log: Callable[..., SagaLog], query: Query) -> None:
    """FACTS 8: opening an existing log again changes no row."""
    log = open_log()
    log.commit([log.batch([SagaOpened(1, "n", "null"), SagaClosed(1, "completed", None)])])
    before = query("SELECT * FROM launcher_saga")
    log.close()
    open_log().close()
    assert query("SELECT * FROM launcher_saga") == before


def test_directory_is_private(open_log: Callable[..., SagaLog], path: Path) -> None:
    """DESIGN 5: a `db` directory that the log creates is open to its user only."""
    open_log()
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_file_of_the_original_is_adopted(
    open_log: Callable[..., SagaLog], path: Path, query: Query
) -> None:
    """FACTS R-45: a file without a version that has our tables is taken over, rows and all."""
    make_file(path, ORIGINAL_DDL)
    log = open_log()
    start = log.start().unwrap()
    assert [saga.saga_id for saga in start.unresolved] == [7]
    assert start.unresolved[0].pending_steps == (0,)
    assert start.next_saga_id == 8
    assert query("PRAGMA user_version") == [(SCHEMA_VERSION,)]


def test_indexes_of_the_original_are_made_anew(
    open_log: Callable[..., SagaLog], path: Path, query: Query
) -> None:
    """FACTS 4.1: indexes of the same names leave out what nobody looks for, in old files too."""
    open_log().close()
    indexes = "SELECT name, sql FROM sqlite_master WHERE type = 'index' ORDER BY name"
    ours = query(indexes)
    path.unlink()
    make_file(path, ORIGINAL_DDL)
    assert query(indexes) != ours
    open_log().close()
    assert query(indexes) == ours
    open_log().close()
    assert query(indexes) == ours
    assert query("PRAGMA integrity_check") == [("ok",)]


def test_file_of_version_1_without_a_seal(
    open_log: Callable[..., SagaLog], path: Path, query: Query
) -> None:
    """FACTS R-45: a file of an earlier build of version 1 is used on, and gets what it lacks."""
    make_file(
        path,
        f"""{ORIGINAL_DDL} CREATE TABLE launcher_saga_counter (
        singleton INTEGER PRIMARY KEY CHECK (singleton = 1), next_saga_id INTEGER NOT NULL);
        INSERT INTO launcher_saga_counter VALUES (1, 50); PRAGMA user_version = 1;""",
    )
    log = open_log()
    assert [saga.saga_id for saga in log.start().unwrap().unresolved] == [7]
    assert log.next_saga_id == 50
    assert log.commit([log.batch([SagaClosed(7, "completed", None)])]) == Success(())
    log.close()
    assert query("SELECT state FROM launcher_saga") == [("completed",)]
    assert query("SELECT count(*) FROM launcher_saga_seal") == [(1,)]


def test_the_original_reads_and_writes_our_file(
    open_log: Callable[..., SagaLog], path: Path
) -> None:
    """FACTS 4.1, 4.3: the original's own statements work on a file of ours."""
    log = open_log()
    log.commit([log.batch([SagaOpened(1, "n", "null")])])
    log.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as original:
        original.executescript(
            ORIGINAL_DDL.partition("INSERT")[0]
            .replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS")
            .replace("CREATE INDEX", "CREATE INDEX IF NOT EXISTS")
        )
        original.execute(
            "UPDATE launcher_saga SET state = 'failed', ended_at = 't' WHERE state IN"
            " ('running', 'compensating', 'failed')"
        )
        recent = (
            "SELECT saga_id, state, (SELECT count(*) FROM launcher_saga_step t"
            " WHERE t.saga_id = s.saga_id AND t.state IN ('succeeded', 'compensated'))"
            " FROM launcher_saga s ORDER BY COALESCE(ended_at, started_at) DESC, saga_id DESC"
        )
        assert original.execute(recent).fetchall() == [(1, "failed", 0)]
    assert open_log().start().unwrap().outcomes[0].state == "failed"


def test_interrupted_creation_is_completed(
    open_log: Callable[..., SagaLog], path: Path, query: Query
) -> None:
    """FACTS R-45: a file without a version in which only the first table stands is completed."""
    make_file(path, ORIGINAL_DDL.split("CREATE TABLE launcher_saga_step", maxsplit=1)[0])
    open_log()
    assert query("SELECT count(*) FROM launcher_saga_step") == [(0,)]


def test_newer_file_is_refused_untouched(path: Path, options: LogOptions) -> None:
    """FACTS R-45: a file of a later version is an error of its own kind and keeps every byte."""
    make_file(path, f"{ORIGINAL_DDL} PRAGMA user_version = {SCHEMA_VERSION + 1};")
    before = path.read_bytes()
    error = refusal(path, options)
    assert error.kind == "newer"
    assert f"version {SCHEMA_VERSION + 1}" in error.message
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("script", "fault"),
    [
        (ORIGINAL_DDL.replace("input_json TEXT", "input TEXT"), "input, input_json"),
        (ORIGINAL_DDL.replace("name TEXT NOT NULL", "name BLOB NOT NULL"), "name"),
        (ORIGINAL_DDL.replace("started_at TEXT NOT NULL", "started_at TEXT"), "started_at"),
        (ORIGINAL_DDL.replace("ON DELETE CASCADE", ""), "reference"),
        ("CREATE TABLE notes (text TEXT)", "other tables"),
        (f"{ORIGINAL_DDL} PRAGMA user_version = 1;", "missing"),
        ("PRAGMA user_version = 1;", "no tables"),
    ],
)
def test_wrong_tables_are_refused(path: Path, options: LogOptions, script: str, fault: str) -> None:
    """FACTS R-45: other columns, a lost reference or a foreign file is an error that says which."""
    make_file(path, script)
    error = refusal(path, options)
    assert error.kind == "damaged"
    assert fault in error.message


def test_garbage_is_refused(path: Path, options: LogOptions) -> None:
    """FACTS F-35: a file that is no database is an error value, not a fresh log."""
    path.parent.mkdir()
    path.write_bytes(b"not a database at all, but long enough to look like a header" * 100)
    assert refusal(path, options).kind == "damaged"


def test_locked_file_is_refused(
    open_log: Callable[..., SagaLog], path: Path, options: LogOptions
) -> None:
    """DESIGN 7: a file that another process keeps locked is an error of its own kind."""
    open_log().close()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert refusal(path, options).kind == "locked"


def test_unwritable_directory_is_refused(
    open_directory: Path,
    options: LogOptions,
    unprivileged: Callable[[], AbstractContextManager[None]],
) -> None:
    """FACTS R-44: a data directory that can't be written is an error value at start."""
    open_directory.chmod(0o555)
    with unprivileged():
        error = refusal(open_directory / "db" / "launcher-sagas.db", options)
    assert error.kind == "inaccessible"
    assert "permission" in error.message.lower()


def test_unwritable_file_is_refused(
    open_directory: Path,
    options: LogOptions,
    unprivileged: Callable[[], AbstractContextManager[None]],
) -> None:
    """FACTS R-44: a log that can only be read is an error value at start."""
    path = open_directory / "launcher-sagas.db"
    SagaLog.open(path, options).unwrap().close()
    path.chmod(0o444)
    open_directory.chmod(0o555)
    with unprivileged():
        assert refusal(path, options).kind == "inaccessible"


def test_file_instead_of_a_directory(tmp_path: Path, options: LogOptions) -> None:
    """A file where the `db` directory belongs is one clear line."""
    (tmp_path / "db").write_text("")
    assert refusal(tmp_path / "db" / "launcher-sagas.db", options).kind == "inaccessible"
