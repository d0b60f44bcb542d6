"""The limits of the log: the same rows through `sqlite3`, with nothing around it.

Rows go in by `executemany`, each hop of a group in one transaction. The bare tables have the
columns of the saga log and their primary keys. With the log's own tables, whose checks, indexes
and foreign key FACTS 4.1 asks for, one sees what those cost by themselves.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from saga_core.agentmux import WindowCleanup
from saga_shell.bench.figures import Timing, timing
from saga_shell.bench.story import groups, label_of
from saga_shell.log import Synchronous
from saga_shell.log.schema import create_missing

_BARE_TABLES = (
    """CREATE TABLE launcher_saga (saga_id INTEGER PRIMARY KEY, name TEXT, state TEXT,
        started_at TEXT, ended_at TEXT, input_json TEXT, failure_reason TEXT)""",
    """CREATE TABLE launcher_saga_step (saga_id INTEGER, step_index INTEGER, name TEXT,
        state TEXT, cmd_json TEXT, target TEXT, started_at TEXT, ended_at TEXT, output_json TEXT,
        failure_reason TEXT, PRIMARY KEY (saga_id, step_index))""",
)


AT = "2026-01-01T00:00:00.000000+00:00"

_OPEN_SAGA = (
    "INSERT INTO launcher_saga (saga_id, name, state, started_at, input_json)"
    " VALUES (?, ?, 'running', ?, ?)"
)
_OPEN_STEP = (
    "INSERT INTO launcher_saga_step"
    " (saga_id, step_index, name, state, cmd_json, target, started_at)"
    " VALUES (?, ?, ?, 'pending', ?, 'host', ?)"
)
_FINISH_STEP = (
    "UPDATE launcher_saga_step SET state = 'succeeded', output_json = ?, ended_at = ?"
    " WHERE saga_id = ? AND step_index = ?"
)
_FAIL_STEP = (
    "UPDATE launcher_saga_step SET state = 'failed', failure_reason = ?, ended_at = ?"
    " WHERE saga_id = ? AND step_index = ?"
)
_END_SAGA = "UPDATE launcher_saga SET state = ?, failure_reason = ?, ended_at = ? WHERE saga_id = ?"


def sagas_per_second(
    path: Path,
    sagas: int,
    in_flight: int,
    synchronous: Synchronous = "full",
    *,
    own_tables: bool = False,
) -> float:
    """Two-step sagas through a new file at `path`, `in_flight` of them together: R or W."""
    with raw_log(path, synchronous, own_tables=own_tables) as connection:
        begin = time.perf_counter()
        for group in groups(sagas, in_flight):
            _whole(connection, group)
        return sagas / (time.perf_counter() - begin)


def one_by_one(path: Path, sagas: int) -> Timing:
    """R, with the latencies of its sagas."""
    latencies = []
    with raw_log(path, "full", own_tables=False) as connection:
        for group in groups(sagas, 1):
            begin = time.perf_counter()
            _whole(connection, group)
            latencies.append(time.perf_counter() - begin)
    return timing(sagas, sum(latencies), latencies)


def recovery_seconds(path: Path, sagas: int, reason: str) -> float:
    """What a recovery writes: every saga of a log that has only unresolved ones is failed."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = FULL")
        begin = time.perf_counter()
        found = connection.execute(
            "SELECT saga_id FROM launcher_saga WHERE state = 'running'"
        ).fetchall()
        assert len(found) == sagas, "the log holds unresolved sagas only"
        with _transaction(connection):
            connection.executemany(_FAIL_STEP, [(reason, AT, saga_id, 0) for (saga_id,) in found])
            rows = [("failed_compensation", reason, AT, saga_id) for (saga_id,) in found]
            connection.executemany(_END_SAGA, rows)
        return time.perf_counter() - begin


@contextmanager
def raw_log(
    path: Path, synchronous: Synchronous, *, own_tables: bool
) -> Iterator[sqlite3.Connection]:
    """A new file in WAL mode."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute(f"PRAGMA foreign_keys = {'ON' if own_tables else 'OFF'}")
        if own_tables:
            create_missing(connection)
        else:
            _create_bare(connection)
        yield connection


def _create_bare(connection: sqlite3.Connection) -> None:
    for statement in _BARE_TABLES:
        connection.execute(statement)


def _whole(connection: sqlite3.Connection, group: range) -> None:
    _open(connection, group)
    _move_on(connection, group)
    _end(connection, group)


def _open(connection: sqlite3.Connection, group: range) -> None:
    sagas = [
        (saga_id, WindowCleanup.NAME, AT, f'{{"closed_label":"{label_of(saga_id)}"}}')
        for saga_id in group
    ]
    with _transaction(connection):
        connection.executemany(_OPEN_SAGA, sagas)
        connection.executemany(_OPEN_STEP, _steps(group, 0, "reap_panes"))


def _move_on(connection: sqlite3.Connection, group: range) -> None:
    with _transaction(connection):
        connection.executemany(_FINISH_STEP, _answers(group, 0, "panes_reaped"))
        connection.executemany(_OPEN_STEP, _steps(group, 1, "drain_pool_if_last"))


def _end(connection: sqlite3.Connection, group: range) -> None:
    with _transaction(connection):
        connection.executemany(_FINISH_STEP, _answers(group, 1, "pool_not_last"))
        connection.executemany(_END_SAGA, [("completed", None, AT, saga_id) for saga_id in group])


def _steps(group: range, index: int, tag: str) -> list[tuple[int, int, str, str, str]]:
    name = f"issue_cmd_host_{tag}"
    return [(saga_id, index, name, _message("cmd", tag, saga_id), AT) for saga_id in group]


def _answers(group: range, index: int, tag: str) -> list[tuple[str, str, int, int]]:
    return [(_message("event", tag, saga_id), AT, saga_id, index) for saga_id in group]


def _message(family: str, tag: str, saga_id: int) -> str:
    return f'{{"{family}":"{tag}","label":"{label_of(saga_id)}","saga_id":{saga_id}}}'


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    yield
    connection.execute("COMMIT")
