"""Whether a log's file is whole, without a look at all of it at every start (FACTS R-46).

A clean end seals the file: it writes a moment into it, and then makes that moment the time of the
file's last change. While the two agree, nobody has written to the file since, so its pages are
what SQLite left. Every other file (after a crash, a copy, somebody's hand) is checked page by
page, unless it is too large for that.

A disk that turns bytes over by itself leaves no trace in a file's time. Such damage, like any in a
large file, is found when its pages are read: those at which the launcher goes on writing at the
start, the others by whoever asks for them.
"""

import os
import sqlite3
import time
from contextlib import suppress
from pathlib import Path

from saga_shell.log.schema import SAGA_TABLE, SEAL_TABLE, STEP_TABLE

QUICK_CHECK_LIMIT = 64 * 1024 * 1024
"""Up to this many bytes a file without a seal is checked whole; that takes about 0.2 s."""

_EDGES = (
    (SAGA_TABLE, "SELECT * FROM launcher_saga ORDER BY saga_id DESC LIMIT 1"),
    (STEP_TABLE, "SELECT * FROM launcher_saga_step ORDER BY rowid DESC LIMIT 1"),
    (STEP_TABLE, "SELECT max(saga_id) FROM launcher_saga_step"),
)
"""Where new rows go, in both tables and in the key of the steps."""


def fault_in(connection: sqlite3.Connection, path: Path, tables: frozenset[str]) -> str | None:
    """What SQLite finds wrong with the pages of a log that has these `tables`.

    Raises `sqlite3.DatabaseError` for a page that can't be read at all.
    """
    status = path.stat()
    sealed = SEAL_TABLE in tables and _seal_of(connection) == status.st_mtime_ns
    if sealed or status.st_size > QUICK_CHECK_LIMIT:
        return None
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    return None if verdict == "ok" else str(verdict)


def read_edges(connection: sqlite3.Connection, tables: frozenset[str]) -> None:
    """Read the pages that the next rows go to, in those `tables` that there are.

    Raises `sqlite3.DatabaseError` if one is broken.
    """
    for table, query in _EDGES:
        if table in tables:
            connection.execute(query).fetchall()


def write_seal(connection: sqlite3.Connection) -> int:
    """Write the present moment into the file, as part of the last transaction; return it."""
    moment = time.time_ns()
    connection.execute(
        "INSERT INTO launcher_saga_seal (singleton, modified_ns) VALUES (1, ?)"
        " ON CONFLICT (singleton) DO UPDATE SET modified_ns = excluded.modified_ns",
        (moment,),
    )
    return moment


def close_seal(path: Path, moment: int) -> None:
    """Make `moment` the file's time. Where that fails, the next start takes the longer look."""
    with suppress(OSError):
        os.utime(path, ns=(moment, moment))


def _seal_of(connection: sqlite3.Connection) -> int | None:
    row = connection.execute("SELECT modified_ns FROM launcher_saga_seal").fetchone()
    return None if row is None else int(row[0])
