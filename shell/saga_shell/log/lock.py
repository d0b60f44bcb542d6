"""One launcher per data directory, and how others can tell that it lives (FACTS R-48, R-49).

The lock is the kernel's (`flock`): it ends with its process, however that dies. The file stays,
and holds the owner's pid and, while the log can't be written, a line that says so.
"""

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path

from msgspec import Struct
from returns.result import Failure, Success

from saga_shell.log.paths import lock_path

_PROBE_WAITS = 50
_PROBE_WAIT_SECONDS = 0.01
_LONGEST_NOTE = 4096


class Owner(Struct, frozen=True):
    """The live launcher of a data directory; `pid` is None for the instant before it is written.

    `note` is what the launcher has to say about its log, such as that it can't be written.
    """

    pid: int | None
    note: str | None


class DataLock:
    """Held until `release`, or until the process ends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def note(self, text: str) -> None:
        """Leave one line for `diag`; an empty one takes it back. Never raises for a full disk."""
        content = f"{os.getpid()}\n{text}\n".encode()
        with suppress(OSError):
            os.pwrite(self._descriptor, content, 0)
            os.ftruncate(self._descriptor, len(content))

    def release(self) -> None:
        """Give the data directory free; the file stays."""
        os.close(self._descriptor)


def acquire(data_dir: Path) -> Success[DataLock] | Failure[str]:
    """Take the data directory for this process, creating what is missing of it."""
    path = lock_path(data_dir)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        return Failure(_unusable(path, error))
    try:
        taken = _take(descriptor)
    except OSError as error:
        os.close(descriptor)
        return Failure(_unusable(path, error))
    if not taken:
        owner = _read(descriptor)
        os.close(descriptor)
        return Failure(_refusal(data_dir, owner))
    lock = DataLock(descriptor)
    lock.note("")
    return Success(lock)


def owner_of(data_dir: Path) -> Owner | None:
    """The launcher that lives on this data directory, if any. Creates and changes nothing."""
    try:
        descriptor = os.open(lock_path(data_dir), os.O_RDONLY)
    except OSError:
        return None
    try:
        return None if _try(descriptor, fcntl.LOCK_SH) else _read(descriptor)
    finally:
        os.close(descriptor)


def is_live(data_dir: Path) -> bool:
    """Whether a launcher lives on this data directory."""
    return owner_of(data_dir) is not None


def _take(descriptor: int) -> bool:
    """Take the lock unless a launcher has it; a probe of `owner_of` is waited for."""
    for _ in range(_PROBE_WAITS):
        if _try(descriptor, fcntl.LOCK_EX):
            return True
        if not _try(descriptor, fcntl.LOCK_SH):
            return False
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        time.sleep(_PROBE_WAIT_SECONDS)
    return False


def _try(descriptor: int, operation: int) -> bool:
    try:
        fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(descriptor: int) -> Owner:
    text = os.pread(descriptor, _LONGEST_NOTE, 0).decode(errors="replace")
    pid, note, *_ = [*text.split("\n"), ""]
    return Owner(int(pid) if pid.isdecimal() else None, note or None)


def _refusal(data_dir: Path, owner: Owner) -> str:
    pid = "" if owner.pid is None else f" (pid {owner.pid})"
    return (
        f"another launcher{pid} runs on {data_dir}: "
        "end it first, or use another directory with --data-dir"
    )


def _unusable(path: Path, error: OSError) -> str:
    return f"lock file {path} can't be used ({error.strerror}): check the directory's permissions"
