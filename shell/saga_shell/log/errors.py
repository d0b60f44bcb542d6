"""What can be wrong with the saga log, as values that carry one clear line."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeVar

import msgspec
from msgspec import Struct
from returns.result import Failure, Success

T = TypeVar("T")

LogErrorKind = Literal["missing", "damaged", "newer", "locked", "full", "inaccessible"]
"""`damaged`: no saga log, or a broken one. `inaccessible`: permissions, I/O errors, moved away."""


class LogError(Struct, frozen=True):
    """Why the log can't be used; `message` says what, where and what to do, in one line."""

    kind: LogErrorKind
    message: str


def missing(path: Path) -> LogError:
    """There is no such file."""
    return LogError("missing", f"no saga log at {path}")


def damaged(path: Path, detail: str) -> LogError:
    """The file is no saga log, or a broken one (FACTS R-45)."""
    return LogError(
        "damaged",
        f"saga log {path} is damaged ({_one_line(detail)}): "
        "move it away, with the -wal and -shm beside it, to start with an empty log or with a "
        "good copy in its place",
    )


def orphaned(path: Path) -> LogError:
    """Rows are left, but not the file that they belong to (FACTS R-45)."""
    return LogError(
        "damaged",
        f"saga log {path} is missing or empty, but rows are left in the -wal beside it: "
        "put the file back, or move the -wal away to start with an empty log",
    )


def newer(path: Path, version: int, known: int) -> LogError:
    """The file was written by a later version of this program (FACTS R-45)."""
    return LogError(
        "newer",
        f"saga log {path} has version {version}, this launcher knows up to {known}: "
        "use the launcher that wrote it, or another data directory",
    )


def locked(path: Path) -> LogError:
    """Another process kept the file locked for longer than we wait."""
    return LogError(
        "locked",
        f"saga log {path} is locked by another process: end that process "
        "(a database shell or a backup?), then try again",
    )


def full(path: Path) -> LogError:
    """No room for more rows."""
    return LogError("full", f"saga log {path} can't be written, its disk is full: free some space")


def inaccessible(path: Path, detail: str) -> LogError:
    """The operating system doesn't let us use the file."""
    return LogError(
        "inaccessible",
        f"saga log {path} can't be used ({_one_line(detail)}): "
        "check the file, its directory and their permissions",
    )


def left_without_wal(path: Path) -> str:
    """The last run did not end cleanly, and what it left has no `-wal`: one line."""
    return (
        f"saga log {path} has no -wal beside it, though its last run did not end cleanly: "
        "if somebody removed that, its last rows are missing"
    )


def attempt(
    path: Path, work: Callable[[], Success[T] | Failure[LogError]]
) -> Success[T] | Failure[LogError]:
    """Run `work`, which uses the log at `path`; what SQLite or the system raise is a value."""
    try:
        return work()
    except sqlite3.Error as error:
        return Failure(_explain(path, error))
    except msgspec.ValidationError as error:
        return Failure(damaged(path, str(error)))
    except OSError as error:
        return Failure(inaccessible(path, error.strerror or str(error)))


def access_denied(error: sqlite3.Error) -> bool:
    """Whether permissions are what SQLite complains of."""
    return _primary_code(error) in _DENIED_CODES


_BY_CODE: dict[int | None, Callable[[Path], LogError]] = {
    sqlite3.SQLITE_BUSY: locked,
    sqlite3.SQLITE_LOCKED: locked,
    sqlite3.SQLITE_FULL: full,
}

_DENIED_CODES = frozenset(
    {
        sqlite3.SQLITE_AUTH,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
    }
)

_SYSTEM_CODES = _DENIED_CODES | {
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_NOLFS,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PROTOCOL,
}


def _explain(path: Path, error: sqlite3.Error) -> LogError:
    code = _primary_code(error)
    if code in _BY_CODE:
        return _BY_CODE[code](path)
    if code in _SYSTEM_CODES or isinstance(error, sqlite3.ProgrammingError):
        return inaccessible(path, str(error))
    return damaged(path, str(error))


def _primary_code(error: sqlite3.Error) -> int | None:
    """SQLite's error class; errors that the Python binding raises itself have none."""
    extended: int | None = getattr(error, "sqlite_errorcode", None)
    return None if extended is None else extended & 0xFF


def _one_line(detail: str) -> str:
    return " ".join(detail.split())
