"""The real launcher, with one addition: its disk is as `SAGA_DISK` says, a file that a test writes.

`full`: no page can be added to the database. `read-only`: the database can't be written. `dead`:
neither can the lock file. An empty or missing file: all is well. SQLite itself finds the fault, and
at each transaction anew. `SAGA_ID_BLOCK`: how many saga ids are reserved at a time.
"""

import atexit
import errno
import os
import resource
import sqlite3
from functools import partial
from pathlib import Path
from typing import Any

from saga_shell.cli.main import main
from saga_shell.launcher import launch
from saga_shell.log import ID_BLOCK, DataLock, LogOptions

HEALTH = Path(os.environ["SAGA_DISK"])
BLOCK = int(os.environ.get("SAGA_ID_BLOCK", ID_BLOCK))
NO_BOUND = 1 << 30

write_lock_file = DataLock._write


def health() -> str:
    """How the disk is."""
    return HEALTH.read_text() if HEALTH.exists() else ""


class SickConnection(sqlite3.Connection):
    """A connection that falls ill or recovers before each transaction."""

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        """Run `sql`; before a transaction begins, look how the disk is."""
        if sql.startswith("BEGIN"):
            self._look()
        return super().execute(sql, *parameters)

    def _look(self) -> None:
        (pages,) = super().execute("PRAGMA page_count").fetchone()
        bound = pages if health() == "full" else NO_BOUND
        super().execute(f"PRAGMA max_page_count = {bound}").fetchall()
        query_only = "ON" if health() in {"read-only", "dead"} else "OFF"
        super().execute(f"PRAGMA query_only = {query_only}")


def write_unless_dead(self: DataLock, id_floor: int) -> None:
    """`DataLock._write`, on a disk that may be dead."""
    if health() == "dead":
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))
    write_lock_file(self, id_floor)


def lift_the_bound() -> None:
    """A disk that breaks is the log's; what measures this process writes its file at the end."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


if __name__ == "__main__":
    atexit.register(lift_the_bound)
    launch.LogOptions = partial(  # type: ignore[assignment, attr-defined]  # the addition
        LogOptions, connection_class=SickConnection, id_block=BLOCK
    )
    DataLock._write = write_unless_dead  # type: ignore[method-assign]  # the addition
    main()
