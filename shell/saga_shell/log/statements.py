"""One log record as one guarded change of one row (FACTS R-07, R-37).

SQLite undoes a statement that breaks a constraint and keeps the transaction, so a record that the
rows don't allow is refused alone: it is counted and reported, and those after it go in.
"""

import sqlite3
from collections.abc import Callable
from typing import assert_never

from msgspec import Struct

from saga_core.engine import (
    BusEvent,
    Command,
    LogRecord,
    SagaClosed,
    SagaOpened,
    StepFailed,
    StepOpened,
    StepSucceeded,
)

Encode = Callable[[Command | BusEvent], bytes]
"""The compact wire bytes of a message."""


class Batch(Struct):
    """Records that came together, with the time that goes into their rows.

    `attempted`: a commit of them failed before. Such a commit may have reached the disk all the
    same, so a row that says exactly this already is fine.
    """

    at: str
    records: tuple[LogRecord, ...]
    attempted: bool = False


class _Change(Struct, frozen=True):
    """`sql` changes one row if it may; `applied_sql` finds the row that it would have left."""

    sql: str
    applied_sql: str
    expected: str


_OPEN_SAGA = _Change(
    "INSERT INTO launcher_saga (saga_id, name, state, started_at, input_json)"
    " VALUES (:saga_id, :name, 'running', :at, :input_json)",
    "SELECT 1 FROM launcher_saga WHERE saga_id = :saga_id AND name = :name"
    " AND started_at = :at AND input_json = :input_json",
    "no such saga yet",
)

_OPEN_STEP = _Change(
    "INSERT INTO launcher_saga_step"
    " (saga_id, step_index, name, state, cmd_json, target, started_at)"
    " SELECT :saga_id, :step_index, :name, 'pending', :message, :target, :at"
    " WHERE EXISTS (SELECT 1 FROM launcher_saga WHERE saga_id = :saga_id AND state = 'running')",
    "SELECT 1 FROM launcher_saga_step WHERE saga_id = :saga_id AND step_index = :step_index"
    " AND name = :name AND cmd_json = :message AND target = :target AND started_at = :at",
    "a running saga",
)

_FINISH_STEP = _Change(
    "UPDATE launcher_saga_step SET state = 'succeeded', output_json = :message, ended_at = :at"
    " WHERE saga_id = :saga_id AND step_index = :step_index AND state = 'pending'"
    " AND EXISTS (SELECT 1 FROM launcher_saga WHERE saga_id = :saga_id"
    " AND state IN ('running', 'compensating'))",
    "SELECT 1 FROM launcher_saga_step WHERE saga_id = :saga_id AND step_index = :step_index"
    " AND state = 'succeeded' AND output_json = :message AND ended_at = :at",
    "a pending step of a running saga",
)

_FAIL_STEP = _Change(
    "UPDATE launcher_saga_step SET state = 'failed', failure_reason = :reason, ended_at = :at"
    " WHERE saga_id = :saga_id AND step_index = :step_index AND state = 'pending'"
    " AND EXISTS (SELECT 1 FROM launcher_saga WHERE saga_id = :saga_id"
    " AND state IN ('running', 'compensating'))",
    "SELECT 1 FROM launcher_saga_step WHERE saga_id = :saga_id AND step_index = :step_index"
    " AND state = 'failed' AND failure_reason = :reason AND ended_at = :at",
    "a pending step of a running saga",
)

_SAGA_ENDED = (
    "SELECT 1 FROM launcher_saga WHERE saga_id = :saga_id AND state = :state AND ended_at = :at"
)

_CLOSE_SAGA = _Change(
    "UPDATE launcher_saga SET state = :state, ended_at = :at, failure_reason = :reason"
    " WHERE saga_id = :saga_id AND state = 'running'",
    _SAGA_ENDED,
    "a running saga",
)

_RECOVER_SAGA = _Change(
    "UPDATE launcher_saga SET state = :state, ended_at = :at, failure_reason ="
    " CASE WHEN coalesce(failure_reason, '') = '' THEN :reason"
    " ELSE failure_reason || ' | recovered: ' || :reason END"
    " WHERE saga_id = :saga_id AND state IN ('running', 'compensating')",
    _SAGA_ENDED,
    "a running or compensating saga",
)
"""Keeps a reason that was there before (FACTS F-36)."""

_NOT_WRITABLE = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    OverflowError,
    TypeError,
    ValueError,
)
"""What a record of wrong content makes SQLite or the encoder raise."""

_Values = dict[str, int | str | None]


def apply(
    connection: sqlite3.Connection, batch: Batch, record: LogRecord, encode: Encode
) -> str | None:
    """Change the row; return None, or why the record was refused, in one line.

    Raises the other `sqlite3.Error`s: then nothing of the transaction is in the log.
    """
    try:
        change, values = _change(record, batch.at, encode)
        if batch.attempted and connection.execute(change.applied_sql, values).fetchone():
            return None
        changed = connection.execute(change.sql, values).rowcount
    except _NOT_WRITABLE as error:
        if not connection.in_transaction:
            raise
        return f"{_describe(record)}: {' '.join(str(error).split())}"
    return None if changed == 1 else f"{_describe(record)}: it needs {change.expected}"


def _change(record: LogRecord, at: str, encode: Encode) -> tuple[_Change, _Values]:
    values: _Values = {"saga_id": record.saga_id, "at": at}
    match record:
        case SagaOpened(name=name, input_json=input_json):
            return _OPEN_SAGA, {**values, "name": name, "input_json": input_json}
        case StepOpened(step_index=index, name=name, target=target, command=command):
            message = encode(command).decode()
            step: _Values = {"step_index": index, "name": name, "target": target}
            return _OPEN_STEP, {**values, **step, "message": message}
        case StepSucceeded(step_index=index, output=output):
            return _FINISH_STEP, {**values, "step_index": index, "message": encode(output).decode()}
        case StepFailed(step_index=index, reason=reason):
            return _FAIL_STEP, {**values, "step_index": index, "reason": reason}
        case SagaClosed(state=state, reason=reason):
            change = _RECOVER_SAGA if state == "failed_compensation" else _CLOSE_SAGA
            return change, {**values, "state": state, "reason": reason}
        case _:
            assert_never(record)


def _describe(record: LogRecord) -> str:
    step = getattr(record, "step_index", None)
    where = f"saga {record.saga_id}" if step is None else f"saga {record.saga_id}, step {step}"
    return f"{type(record).__name__} of {where}"
