"""The files of a log: the database, and the `-wal` and `-shm` that SQLite keeps beside it."""

import sqlite3
from contextlib import ExitStack, closing, suppress
from pathlib import Path

NO_REGULAR_FILE = "it is no regular file"


def is_special(path: Path) -> bool:
    """Whether a directory, a pipe or a device stands there, at which one may wait for ever."""
    return path.exists() and not path.is_file()


def close_untouched(connection: sqlite3.Connection, path: Path) -> None:
    """Close what was opened in vain, and leave the files at `path` as they are.

    The last connection to close would copy the `-wal` into the file, which may be none of its own:
    one that reads and changes nothing outlasts it.
    """
    with ExitStack() as stack:
        with suppress(sqlite3.Error):
            address = f"{path.absolute().as_uri()}?mode=ro"
            reader = stack.enter_context(closing(sqlite3.connect(address, uri=True, timeout=0)))
            reader.execute("SELECT count(*) FROM sqlite_master").fetchone()
        connection.close()
