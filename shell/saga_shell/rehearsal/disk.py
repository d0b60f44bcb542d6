"""The disk under a saga log: it works, or it takes nothing more, or its process is gone."""

import sqlite3
from typing import Any, Literal

DiskState = Literal["works", "full", "gone"]


class Disk:
    """Refuses at the one place where every write begins; what is written stays as it is.

    While it is `full` no transaction begins. Once it is `gone` nothing is done any more, not even
    what a process does when it ends well: that is what a file sees of a process that is killed. It
    never loses power, so nothing has to be forced out of the kernel's memory.
    """

    def __init__(self) -> None:
        self.state: DiskState = "works"

    def connection_class(self) -> type[sqlite3.Connection]:
        """What SQLite connections to this disk are made of."""
        disk = self

        class Connection(sqlite3.Connection):
            def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
                if disk.state == "gone" or (disk.state == "full" and sql.startswith("BEGIN")):
                    raise _full()
                if sql.startswith(_SYNCHRONOUS):
                    sql = f"{_SYNCHRONOUS} = OFF"
                return super().execute(sql, parameters)

        return Connection


_SYNCHRONOUS = "PRAGMA synchronous"


def _full() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    return error
