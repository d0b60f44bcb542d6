"""A connection that reads a log's file and changes nothing (FACTS R-47).

SQLite needs the `-wal` and `-shm` beside a log in WAL mode, and creates those that are missing.
A launcher that lives has both, and so has one that was killed.
"""

import shutil
import sqlite3
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from saga_shell.log.errors import access_denied
from saga_shell.log.options import BUSY_TIMEOUT_MS

_WAL_MODE_AT = 18
"""Where the file's header says whether a `-wal` belongs to it; 2 says so."""


def connect_read_only(path: Path, resources: ExitStack) -> tuple[sqlite3.Connection, str | None]:
    """Connect, with one view of the log for all that is read; `resources` ends it.

    Also returns one line that says so if the file had to be read in another way than usual.
    Raises `sqlite3.Error` and `OSError`.
    """
    wal, shm = _beside(path, "-wal"), _beside(path, "-shm")
    if not _in_wal_mode(path):
        return _connect(path, "mode=ro", resources), None
    if not wal.exists() or wal.stat().st_size == 0:
        return _connect_at_rest(path, resources, "it has no -wal beside it")
    if not shm.exists():
        return _connect_copy(path, wal, resources)
    try:
        return _connect(path, "mode=ro", resources), None
    except sqlite3.OperationalError as error:
        if not access_denied(error):
            raise
        return _connect_at_rest(
            path, resources, "its -wal can't be read, so its last rows are missing"
        )


def _connect_at_rest(path: Path, resources: ExitStack, why: str) -> tuple[sqlite3.Connection, str]:
    connection = _connect(path, "mode=ro&immutable=1", resources)
    return connection, f"{path} was read as a file at rest: {why}"


def _connect_copy(path: Path, wal: Path, resources: ExitStack) -> tuple[sqlite3.Connection, str]:
    """Rows that are only in the `-wal` would be missing from a file at rest."""
    directory = resources.enter_context(TemporaryDirectory(prefix="saga-log-"))
    for source in (path, wal):
        shutil.copyfile(source, Path(directory, source.name))
    connection = _connect(Path(directory, path.name), "mode=ro", resources)
    return (
        connection,
        f"{path} was read from a temporary copy: it has a -wal, but no -shm beside it",
    )


def _connect(path: Path, query: str, resources: ExitStack) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{query}",
        uri=True,
        isolation_level=None,
        timeout=BUSY_TIMEOUT_MS / 1000,
    )
    resources.callback(connection.close)
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("BEGIN")
    connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return connection


def _in_wal_mode(path: Path) -> bool:
    with path.open("rb") as file:
        header = file.read(_WAL_MODE_AT + 1)
    return header[_WAL_MODE_AT:] == b"\x02"


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
