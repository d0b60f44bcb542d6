"""The real launcher, with one addition: its disk is as `SAGA_DISK` says, a file that a test writes.

`full`: no page can be added to the database. `read-only`: nothing can be written. An empty or
missing file: all is well. SQLite itself finds the fault, and at each transaction anew.
"""

import os
import sqlite3
from functools import partial
from pathlib import Path
from typing import Any

from saga_shell.cli.main import main
from saga_shell.launcher import launch
from saga_shell.log import LogOptions

HEALTH = Path(os.environ["SAGA_DISK"])
NO_BOUND = 1 << 30


class SickConnection(sqlite3.Connection):
    """A connection that falls ill or recovers before each transaction."""

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        """Run `sql`; before a transaction begins, look how the disk is."""
        if sql.startswith("BEGIN"):
            self._look()
        return super().execute(sql, *parameters)

    def _look(self) -> None:
        health = HEALTH.read_text() if HEALTH.exists() else ""
        (pages,) = super().execute("PRAGMA page_count").fetchone()
        bound = pages if health == "full" else NO_BOUND
        super().execute(f"PRAGMA max_page_count = {bound}").fetchall()
        super().execute(f"PRAGMA query_only = {'ON' if health == 'read-only' else 'OFF'}")


if __name__ == "__main__":
    launch.LogOptions = partial(  # type: ignore[assignment, attr-defined]  # the addition
        LogOptions, connection_class=SickConnection
    )
    main()
