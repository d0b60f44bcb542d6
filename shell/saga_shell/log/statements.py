"""Log records as guarded changes of rows (FACTS R-07, R-37)."""

import sqlite3
from collections.abc import Callable
from typing import Any

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

Value = int | str | None
Values = tuple[Value, ...]


class Batch(Struct):
    """Records that came together, with the time that goes into their rows.

    `attempted`: a commit of them failed before. Such a commit may have reached the disk all the
    same, so a row that says exactly this already is fine.
    """

    at: str
    records: tuple[LogRecord, ...]
    attempted: bool = False


class Change(Struct, frozen=True):
    """What a kind of record does to a row.

    `sql` changes one row, if it may. `applied_sql` finds the row that it would have left. Both
    take the same values. `many_sql` changes many rows: `{rows}` stands for a `row` of the same
    values for each of them. It may raise where `sql` changes nothing. `alike_sql` changes the rows
    of many sagas that end alike: all values but the last are theirs together, and `{whose}` stands
    for what their ids, the last value of each, must be.
    """

    sql: str
    applied_sql: str
    expected: str
    many_sql: str
    row: str = "(?, ?, ?, ?)"
    alike_sql: str | None = None


_OPEN_SAGA = Change(
    "INSERT INTO launcher_saga (saga_id, name, started_at, input_json, state)"
    " VALUES (?, ?, ?, ?, 'running')",
    "SELECT 1 FROM launcher_saga WHERE saga_id = ? AND name = ?"
    " AND started_at = ? AND input_json = ?",
    "no such saga yet",
    "INSERT INTO launcher_saga (saga_id, name, started_at, input_json, state) VALUES {rows}",
    "(?, ?, ?, ?, 'running')",
)

_OPEN_STEP = Change(
    "INSERT INTO launcher_saga_step"
    " (step_index, name, cmd_json, target, started_at, saga_id, state)"
    " SELECT ?, ?, ?, ?, ?, saga_id, 'pending' FROM launcher_saga"
    " WHERE saga_id = ? AND state = 'running'",
    "SELECT 1 FROM launcher_saga_step WHERE step_index = ? AND name = ? AND cmd_json = ?"
    " AND target = ? AND started_at = ? AND saga_id = ?",
    "a running saga",
    "INSERT INTO launcher_saga_step"
    " (step_index, name, cmd_json, target, started_at, saga_id, state) VALUES {rows}",
    # A saga that isn't running has no id here, and the column refuses that.
    "(?, ?, ?, ?, ?,"
    " (SELECT saga_id FROM launcher_saga WHERE saga_id = ? AND state = 'running'), 'pending')",
)

_FINISH_STEP = Change(
    "UPDATE launcher_saga_step SET output_json = ?, ended_at = ?, state = 'succeeded'"
    " WHERE saga_id = ? AND step_index = ? AND state = 'pending'"
    " AND EXISTS (SELECT 1 FROM launcher_saga WHERE saga_id = launcher_saga_step.saga_id"
    " AND state IN ('running', 'compensating'))",
    "SELECT 1 FROM launcher_saga_step WHERE output_json = ? AND ended_at = ?"
    " AND saga_id = ? AND step_index = ? AND state = 'succeeded'",
    "a pending step of a running saga",
    "UPDATE launcher_saga_step SET output_json = column1, ended_at = column2, state = 'succeeded'"
    " FROM (VALUES {rows}) WHERE saga_id = column3 AND step_index = column4 AND +state = 'pending'"
    " AND EXISTS (SELECT 1 FROM launcher_saga WHERE saga_id = launcher_saga_step.saga_id"
    " AND state IN ('running', 'compensating'))",
)


def _ending(sql: str, applied_sql: str, expected: str, many_sql: str) -> Change:
    """A change of the saga that `{whose}` says in `sql`: of one, or of many that end alike."""
    return Change(sql.format(whose="= ?"), applied_sql, expected, many_sql, alike_sql=sql)


_FAIL_STEP = _ending(
    "UPDATE launcher_saga_step SET failure_reason = ?, ended_at = ?, state = 'failed'"
    " WHERE step_index = ? AND saga_id {whose} AND +state = 'pending'"
    " AND EXISTS (SELECT 1 FROM launcher_saga WHERE saga_id = launcher_saga_step.saga_id"
    " AND state IN ('running', 'compensating'))",
    "SELECT 1 FROM launcher_saga_step WHERE failure_reason = ? AND ended_at = ?"
    " AND step_index = ? AND saga_id = ? AND state = 'failed'",
    "a pending step of a running saga",
    "UPDATE launcher_saga_step SET failure_reason = column1, ended_at = column2, state = 'failed'"
    " FROM (VALUES {rows}) WHERE step_index = column3 AND saga_id = column4 AND +state = 'pending'"
    " AND EXISTS (SELECT 1 FROM launcher_saga WHERE saga_id = launcher_saga_step.saga_id"
    " AND state IN ('running', 'compensating'))",
)

_CLOSE_SAGA = _ending(
    "UPDATE launcher_saga SET state = ?, ended_at = ?, failure_reason = ?"
    " WHERE saga_id {whose} AND +state = 'running'",
    "SELECT 1 FROM launcher_saga WHERE state = ? AND ended_at = ? AND failure_reason IS ?"
    " AND saga_id = ?",
    "a running saga",
    "UPDATE launcher_saga SET state = column1, ended_at = column2, failure_reason = column3"
    " FROM (VALUES {rows}) WHERE saga_id = column4 AND +state = 'running'",
)

_RECOVER_SAGA = _ending(
    "UPDATE launcher_saga SET state = ?, ended_at = ?, failure_reason ="
    " CASE WHEN coalesce(failure_reason, '') = '' THEN ''"
    " ELSE failure_reason || ' | recovered: ' END || ?"
    " WHERE saga_id {whose} AND +state IN ('running', 'compensating')",
    "SELECT 1 FROM launcher_saga WHERE state = ? AND ended_at = ?"
    " AND instr(failure_reason, ?) > 0 AND saga_id = ?",
    "a running or compensating saga",
    "UPDATE launcher_saga SET state = column1, ended_at = column2, failure_reason ="
    " CASE WHEN coalesce(failure_reason, '') = '' THEN ''"
    " ELSE failure_reason || ' | recovered: ' END || column3"
    " FROM (VALUES {rows}) WHERE saga_id = column4 AND +state IN ('running', 'compensating')",
)
"""Keeps a reason that was there before (FACTS F-36)."""

CHANGES = (_OPEN_SAGA, _FINISH_STEP, _FAIL_STEP, _OPEN_STEP, _CLOSE_SAGA, _RECOVER_SAGA)
"""In the order in which a saga's hop makes them: an answer first, then what comes of it."""

OPEN_SAGA, FINISH_STEP, FAIL_STEP, OPEN_STEP, CLOSE_SAGA, RECOVER_SAGA = range(len(CHANGES))

NOT_WRITABLE = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    OverflowError,
    TypeError,
    ValueError,
)
"""What a record of wrong content makes SQLite or the encoder raise."""


def _of_opened(record: SagaOpened, at: str, _: Encode) -> tuple[int, Values, Values]:
    return OPEN_SAGA, (), (record.saga_id, record.name, at, record.input_json)


def _of_step_opened(record: StepOpened, at: str, encode: Encode) -> tuple[int, Values, Values]:
    message = encode(record.command).decode()
    step_index, name, target = record.step_index, record.name, record.target
    return OPEN_STEP, (), (step_index, name, message, target, at, record.saga_id)


def _of_succeeded(record: StepSucceeded, at: str, encode: Encode) -> tuple[int, Values, Values]:
    message = encode(record.output).decode()
    return FINISH_STEP, (), (message, at, record.saga_id, record.step_index)


def _of_step_failed(record: StepFailed, at: str, _: Encode) -> tuple[int, Values, Values]:
    return FAIL_STEP, (record.reason, at, record.step_index), (record.saga_id,)


def _of_closed(record: SagaClosed, at: str, _: Encode) -> tuple[int, Values, Values]:
    kind = RECOVER_SAGA if record.state == "failed_compensation" else CLOSE_SAGA
    return kind, (record.state, at, record.reason), (record.saga_id,)


VALUES_OF: dict[type[LogRecord], Callable[[Any, str, Encode], tuple[int, Values, Values]]] = {
    SagaOpened: _of_opened,
    StepOpened: _of_step_opened,
    StepSucceeded: _of_succeeded,
    StepFailed: _of_step_failed,
    SagaClosed: _of_closed,
}
"""Which of `CHANGES` a record makes, with which values: how its saga ends, and all others.

Each takes a record, the time, and what encodes a message. It raises some of `NOT_WRITABLE` if that
has no encoding.
"""


def apply(
    connection: sqlite3.Connection, batch: Batch, record: LogRecord, encode: Encode
) -> str | None:
    """Change the row; return None, or why the record was refused, in one line.

    SQLite undoes a statement that breaks a constraint and keeps the transaction, so a record that
    the rows don't allow is refused alone, and those after it go in. Raises the other
    `sqlite3.Error`s: then nothing of the transaction is in the log.
    """
    try:
        kind, alike, own = VALUES_OF[type(record)](record, batch.at, encode)
        change, values = CHANGES[kind], (*alike, *own)
        if batch.attempted and connection.execute(change.applied_sql, values).fetchone():
            return None
        changed = connection.execute(change.sql, values).rowcount
    except NOT_WRITABLE as error:
        if not connection.in_transaction:
            raise
        return f"{_describe(record)}: {' '.join(str(error).split())}"
    return None if changed == 1 else f"{_describe(record)}: it needs {change.expected}"


def _describe(record: LogRecord) -> str:
    step = getattr(record, "step_index", None)
    where = f"saga {record.saga_id}" if step is None else f"saga {record.saga_id}, step {step}"
    return f"{type(record).__name__} of {where}"
