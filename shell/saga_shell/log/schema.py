"""The tables of the saga log (FACTS 4.1), their version, and the check of a file that exists.

`user_version` 0 with our tables is a file of the original launcher, which kept no version: it is
adopted after the check. The counter (FACTS R-41) and the seal are ours.
"""

import sqlite3
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Struct
from returns.result import Failure, Success

from saga_shell.log.errors import LogError, damaged, newer

SCHEMA_VERSION = 1
"""`PRAGMA user_version` of the files that this module writes."""

SAGA_TABLE = "launcher_saga"
STEP_TABLE = "launcher_saga_step"
COUNTER_TABLE = "launcher_saga_counter"
SEAL_TABLE = "launcher_saga_seal"


def _one_of(states: tuple[str, ...]) -> str:
    """A check that each row passes by few comparisons; `IN` would build a set at each of them."""
    return " OR ".join(f"state = '{state}'" for state in states)


_SAGA_STATES = ("running", "completed", "failed", "compensating", "failed_compensation")
_STEP_STATES = ("pending", "succeeded", "failed", "compensated")

_TABLES_SQL = (
    f"""CREATE TABLE IF NOT EXISTS launcher_saga (
        saga_id INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        state TEXT NOT NULL CHECK ({_one_of(_SAGA_STATES)}),
        started_at TEXT NOT NULL,
        ended_at TEXT,
        input_json TEXT NOT NULL,
        failure_reason TEXT
    )""",
    f"""CREATE TABLE IF NOT EXISTS launcher_saga_step (
        saga_id INTEGER NOT NULL REFERENCES launcher_saga(saga_id) ON DELETE CASCADE,
        step_index INTEGER NOT NULL,
        name TEXT NOT NULL,
        state TEXT NOT NULL CHECK ({_one_of(_STEP_STATES)}),
        cmd_json TEXT,
        target TEXT,
        started_at TEXT NOT NULL,
        ended_at TEXT,
        output_json TEXT,
        failure_reason TEXT,
        PRIMARY KEY (saga_id, step_index)
    )""",
    """CREATE TABLE IF NOT EXISTS launcher_saga_counter (
        singleton INTEGER PRIMARY KEY CHECK (singleton = 1),
        next_saga_id INTEGER NOT NULL
    )""",
    """CREATE TABLE IF NOT EXISTS launcher_saga_seal (
        singleton INTEGER PRIMARY KEY CHECK (singleton = 1),
        modified_ns INTEGER NOT NULL
    )""",
)

_INDEXES_SQL = {
    "idx_launcher_saga_state": "launcher_saga(state) WHERE state <> 'completed'",
    "idx_launcher_saga_step_state": "launcher_saga_step(saga_id, state) WHERE state = 'pending'",
    "idx_launcher_saga_ended": "launcher_saga(coalesce(ended_at, started_at))"
    " WHERE state NOT IN ('running', 'compensating')",
}
"""Those that FACTS 4.1 names, without the rows that nobody looks for by them, and one by time.

Nearly all of a log are completed sagas and succeeded steps: left out, they cost no write and no
space. The third finds the last sagas that ended, and those past their retention, however long the
history is. A query uses an index only if it repeats the words of its `WHERE`.
"""


def create_missing(connection: sqlite3.Connection) -> None:
    """Give the file the tables and indexes that it lacks, and our version.

    Indexes that have our names and are made otherwise, as the original's are, are made anew.
    Tables stay as they are: their columns are ours, and how a check is written changes nothing.
    """
    for statement in _TABLES_SQL:
        connection.execute(statement)
    made = dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index'"))
    for name, definition in _INDEXES_SQL.items():
        statement = f"CREATE INDEX {name} ON {definition}"
        if made.get(name) != statement:
            connection.execute(f"DROP INDEX IF EXISTS {name}")
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


class _Column(NamedTuple):
    """What the log relies on; a key column is as good as NOT NULL."""

    type: str
    required: bool
    key_position: int


_SAGA_COLUMNS = {
    "saga_id": _Column("INTEGER", True, 1),
    "name": _Column("TEXT", True, 0),
    "state": _Column("TEXT", True, 0),
    "started_at": _Column("TEXT", True, 0),
    "ended_at": _Column("TEXT", False, 0),
    "input_json": _Column("TEXT", True, 0),
    "failure_reason": _Column("TEXT", False, 0),
}

_STEP_COLUMNS = {
    "saga_id": _Column("INTEGER", True, 1),
    "step_index": _Column("INTEGER", True, 2),
    "name": _Column("TEXT", True, 0),
    "state": _Column("TEXT", True, 0),
    "cmd_json": _Column("TEXT", False, 0),
    "target": _Column("TEXT", False, 0),
    "started_at": _Column("TEXT", True, 0),
    "ended_at": _Column("TEXT", False, 0),
    "output_json": _Column("TEXT", False, 0),
    "failure_reason": _Column("TEXT", False, 0),
}

_COUNTER_COLUMNS = {
    "singleton": _Column("INTEGER", True, 1),
    "next_saga_id": _Column("INTEGER", True, 0),
}

_SEAL_COLUMNS = {
    "singleton": _Column("INTEGER", True, 1),
    "modified_ns": _Column("INTEGER", True, 0),
}

_TABLES = {
    SAGA_TABLE: _SAGA_COLUMNS,
    STEP_TABLE: _STEP_COLUMNS,
    COUNTER_TABLE: _COUNTER_COLUMNS,
    SEAL_TABLE: _SEAL_COLUMNS,
}

_ALWAYS_THERE = {SAGA_TABLE, STEP_TABLE, COUNTER_TABLE}
"""The seal was added later, and is only looked at where it is there."""

_STEPS_REFERENCE = (SAGA_TABLE, "saga_id", "CASCADE")
"""Without it vacuum would leave steps behind that belong to no saga."""


class Survey(Struct, frozen=True):
    """What kind of file it is: its version, which tables it has, whether a `-wal` belongs to it."""

    version: int
    tables: frozenset[str]
    in_wal_mode: bool

    @property
    def blank(self) -> bool:
        """A file in which nothing was ever created."""
        return not self.tables

    @property
    def is_original(self) -> bool:
        """A log of the original launcher, which kept no version and a `-wal` only while it ran."""
        return self.version == 0 and not self.blank


def survey(connection: sqlite3.Connection, path: Path) -> Success[Survey] | Failure[LogError]:
    """Look at the file; fail unless it is blank or a saga log that this version can use.

    Raises `sqlite3.Error` where the file can't be read.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    tables = frozenset(str(name) for (name,) in rows)
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    found = Survey(int(version), tables, mode == "wal")
    if found.version > SCHEMA_VERSION:
        return Failure(newer(path, found.version, SCHEMA_VERSION))
    fault = _fault(connection, found)
    return Success(found) if fault is None else Failure(damaged(path, fault))


def _fault(connection: sqlite3.Connection, found: Survey) -> str | None:
    if found.blank:
        return None if found.version == 0 else "it has a version, but no tables"
    if SAGA_TABLE not in found.tables:
        return "it holds other tables, but no sagas"
    if found.version > 0 and not found.tables.issuperset(_ALWAYS_THERE):
        return "some of its tables are missing"
    faults = (_table_fault(connection, table) for table in _TABLES if table in found.tables)
    return next((fault for fault in faults if fault is not None), None)


def _table_fault(connection: sqlite3.Connection, table: str) -> str | None:
    wanted, actual = _TABLES[table], _columns(connection, table)
    wrong = sorted(name for name in {*wanted, *actual} if wanted.get(name) != actual.get(name))
    if wrong:
        return f"table {table} has other columns than expected: {', '.join(wrong)}"
    if table == STEP_TABLE and _STEPS_REFERENCE not in _references(connection, table):
        return f"table {table} lost its reference to {SAGA_TABLE}"
    return None


def _columns(connection: sqlite3.Connection, table: str) -> dict[str, _Column]:
    rows = connection.execute(
        'SELECT name, upper(type), "notnull" OR pk > 0, pk FROM pragma_table_info(?)', (table,)
    )
    typed = (msgspec.convert(row, tuple[str, str, int, int]) for row in rows)
    return {name: _Column(kind, bool(needed), key) for name, kind, needed, key in typed}


def _references(connection: sqlite3.Connection, table: str) -> set[tuple[str, str, str]]:
    rows = connection.execute(
        'SELECT "table", "from", on_delete FROM pragma_foreign_key_list(?)', (table,)
    )
    return {msgspec.convert(row, tuple[str, str, str]) for row in rows}
