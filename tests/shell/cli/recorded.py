"""Saga logs as files: of a run in the core, of a play in the real shell, and changed by hand."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from saga_core.agentmux import wire
from saga_core.check.agentmux import SCENARIO
from saga_core.check.logged import LoggedSaga
from saga_shell.log import LogOptions, SagaLog, SagaRows, open_read_only
from saga_shell.log.reader import LOWEST_ID


def empty_log(path: Path) -> Path:
    """A log without sagas, made by the real store."""
    SagaLog.open(path, LogOptions(encode=wire.encode)).unwrap().close().unwrap()
    return path


def save(path: Path, sagas: Sequence[LoggedSaga]) -> Path:
    """A log with the rows that these records leave."""
    empty_log(path)
    with sqlite3.connect(path) as connection:
        for saga in sagas:
            for at, (kind, saga_id, index, words) in saga.records:
                connection.execute(
                    _SQL[kind], (*words, at, saga_id, index)[: _SQL[kind].count("?")]
                )
    connection.close()
    return path


_SQL = {
    "opened": "INSERT INTO launcher_saga (name, input_json, started_at, saga_id, state)"
    " VALUES (?, ?, ?, ?, 'running')",
    "asked": "INSERT INTO launcher_saga_step"
    " (name, target, cmd_json, started_at, saga_id, step_index, state)"
    " VALUES (?, ?, ?, ?, ?, ?, 'pending')",
    "answered": "UPDATE launcher_saga_step SET state = 'succeeded', output_json = ?, ended_at = ?"
    " WHERE saga_id = ? AND step_index = ?",
    "step failed": "UPDATE launcher_saga_step SET state = 'failed', failure_reason = ?,"
    " ended_at = ? WHERE saga_id = ? AND step_index = ?",
    "closed": "UPDATE launcher_saga SET state = ?, failure_reason = ?, ended_at = ?"
    " WHERE saga_id = ?",
}


def change(path: Path, sql: str, *values: object) -> int:
    """Change rows by hand; returns how many."""
    with sqlite3.connect(path) as connection:
        changed = connection.execute(sql, values).rowcount
    connection.close()
    return changed


def rows_of(path: Path) -> list[SagaRows]:
    """All rows of a log."""
    with open_read_only(path).unwrap() as reader:
        return list(reader.page(LOWEST_ID, 1 << 30).unwrap())


SILENT = replace(SCENARIO, log=None)
"""A scenario that doesn't say how its log is read."""
