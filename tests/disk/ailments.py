"""What can befall a live launcher's saga log: how it breaks, how it heals, what is said of it."""

import os
import resource
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.outside import Place, Running

SICK = str(Path(__file__).parent / "sick_launcher.py")
UNBOUNDED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


class Patient:
    """A launcher whose disk a test can break and heal while it runs."""

    def __init__(self, place: Place, *arguments: str) -> None:
        self.place = place
        self.database = place.data_dir / "db" / "launcher-sagas.db"
        self._health = place.directory / "health"
        self._kept = place.directory / "kept"
        place.program = (place.program[0], SICK)
        place.environment["SAGA_DISK"] = str(self._health)
        self.running: Running = place.launch(*arguments)
        self._lock: sqlite3.Connection | None = None

    def disk_is(self, health: str) -> None:
        """What SQLite finds from the next transaction on."""
        self._health.write_text(health)

    def writes_fail(self) -> None:
        """Let the kernel refuse to make the write-ahead log longer: an I/O error."""
        size = self.database.with_name(self.database.name + "-wal").stat().st_size
        resource.prlimit(self.running.process.pid, resource.RLIMIT_FSIZE, (size, UNBOUNDED[1]))

    def writes_work(self) -> None:
        """Take that back."""
        resource.prlimit(self.running.process.pid, resource.RLIMIT_FSIZE, UNBOUNDED)

    def lock(self) -> None:
        """Take the write lock of the database, as a forgotten database shell does."""
        self._lock = sqlite3.connect(self.database, isolation_level=None)
        self._lock.execute("BEGIN IMMEDIATE")

    def unlock(self) -> None:
        """Give it back."""
        assert self._lock is not None, "it was locked"
        self._lock.close()

    def delete_directory(self) -> None:
        """Delete the log's directory underneath the launcher."""
        shutil.rmtree(self.database.parent)

    def empty_wal(self) -> None:
        """Cut off all rows that are not copied into the database yet."""
        os.truncate(self.database.with_name(self.database.name + "-wal"), 0)

    def replace(self) -> None:
        """Move the log away, and put something into its place that is none."""
        self.database.parent.rename(self._kept)
        self.database.parent.mkdir()
        self.database.write_bytes(b"this is no database, it only has the length of one" * 100)

    def put_back(self) -> None:
        """Put the log back into its place: its file last, since the launcher looks for that one.

        Were there none for a moment, it would help itself with a new one.
        """
        for path in sorted(self._kept.iterdir(), key=lambda path: path.name == self.database.name):
            path.replace(self.database.with_name(path.name))


@dataclass(frozen=True)
class Ailment:
    """One way to fail.

    `says` is part of the line that tells of it, `diag_says` of what `diag sagas` answers meanwhile.
    `lasts`: until it is healed; else the launcher helps itself, with a new file.
    """

    name: str
    falls_ill: Callable[[Patient], None]
    heals: Callable[[Patient], None]
    says: str
    diag_says: str = "Warning: the live launcher can't write its log"
    lasts: bool = True


AILMENTS = (
    Ailment("no space", lambda p: p.disk_is("full"), lambda p: p.disk_is(""), "its disk is full"),
    Ailment(
        "read-only", lambda p: p.disk_is("read-only"), lambda p: p.disk_is(""), "readonly database"
    ),
    Ailment("i/o error", Patient.writes_fail, Patient.writes_work, "disk I/O error"),
    Ailment("locked", Patient.lock, Patient.unlock, "is locked by another process"),
    Ailment(
        "directory deleted",
        Patient.delete_directory,
        lambda _: None,
        "the file was moved, replaced or deleted",
        lasts=False,
    ),
    Ailment(
        "-wal emptied",
        Patient.empty_wal,
        lambda _: None,
        "its -wal was cut short, so its last rows may be missing",
        lasts=False,
    ),
    Ailment(
        "replaced",
        Patient.replace,
        Patient.put_back,
        "the file was moved, replaced or deleted",
        diag_says="is damaged (file is not a database)",
    ),
)


def rows_in_order(place: Place) -> list[tuple[int, str, str]]:
    """Every saga and step in the order in which the rows went in."""
    with closing(sqlite3.connect(place.data_dir / "db" / "launcher-sagas.db")) as database:
        return database.execute(
            "select saga_id, name, state from launcher_saga order by rowid"
        ).fetchall()
