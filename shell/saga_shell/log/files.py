"""The files of a log: the database, and the `-wal` and `-shm` that SQLite keeps beside it."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from pathlib import Path

NO_REGULAR_FILE = "it is no regular file"


def is_special(path: Path) -> bool:
    """Whether a directory, a pipe or a device stands there, at which one may wait for ever."""
    return path.exists() and not path.is_file()


def has_wal(path: Path) -> bool:
    """Whether a `-wal` with something in it stands beside the file. Raises `OSError`."""
    return _size(_status(_wal_of(path))) > 0


def is_orphaned(path: Path) -> bool:
    """Whether only the `-wal` holds anything: SQLite would delete it. Raises `OSError`."""
    return _size(_status(path)) == 0 and has_wal(path)


class Files:
    """The file and the `-wal` that an open log writes into: whether they are there, and whole.

    `is_cut`: the `-wal` has lost what SQLite still counts on, and would copy without it.
    """

    def __init__(self, path: Path) -> None:
        self.is_cut = False
        self._path = path
        self._wal = _wal_of(path)
        self._identities = (_identity(_status(self._path)), _identity(_status(self._wal)))
        self._wal_size = 0
        self.grew()

    def grew(self) -> None:
        """Remember how long the `-wal` is; we never make it shorter."""
        self._wal_size = _size(_status(self._wal))

    def fault(self, is_rewound: Callable[[], bool]) -> str | None:
        """What somebody did to them. SQLite notices nothing: it goes on, into deleted files too.

        An empty `-wal` is none if SQLite says `is_rewound`: another program had all of it copied.
        """
        file, wal = _status(self._path), _status(self._wal)
        if (_identity(file), _identity(wal)) != self._identities:
            return "the file was moved, replaced or deleted"
        if _size(file) == 0:
            return "the file was emptied"
        size = _size(wal)
        if size < self._wal_size and (size > 0 or not is_rewound()):
            self.is_cut = True
            return "its -wal was cut short, so its last rows may be missing"
        self._wal_size = size
        return None


def _wal_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _identity(status: os.stat_result | None) -> tuple[int, int] | None:
    return None if status is None else (status.st_dev, status.st_ino)


def _size(status: os.stat_result | None) -> int:
    return 0 if status is None else status.st_size


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
