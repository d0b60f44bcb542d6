"""One launcher per data directory, and how others can tell that it lives (FACTS R-48, R-49).

The lock is the kernel's (`flock`): it ends with its process, however that dies. The file stays,
and holds the owner's pid, the saga ids that are taken, and, while the log can't be written, a line
that says so. It is rewritten in place and stays within one block, so a full disk and a locked
database are no obstacle: that makes it the second place where saga ids are reserved.
"""

import errno
import fcntl
import os
import stat
import time
from contextlib import suppress
from pathlib import Path

from msgspec import Struct
from returns.result import Failure, Success

from saga_shell.log.files import NO_REGULAR_FILE
from saga_shell.log.options import ID_BLOCK, MAX_SAGA_ID
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


class Taken(Struct, frozen=True):
    """A lock file that is ours, and what it says of ids."""

    descriptor: int
    id_floor: int


class DataLock:
    """Held until `release`, or until the process ends.

    `id_floor`: no saga id below it may be given out, whatever the log says (FACTS R-41).
    """

    def __init__(self, taken: Taken, path: Path) -> None:
        self.id_floor = taken.id_floor
        self._descriptor = taken.descriptor
        self._path = path
        self._note = ""

    def note(self, text: str) -> None:
        """Leave one line for `diag`; an empty one takes it back. Never raises for a full disk."""
        self._note = text
        with suppress(OSError):
            self._write(self.id_floor)

    def regain(self) -> Success[None] | Failure[str]:
        """Make sure that the lock keeps others out; the failure says who has it, or what is wrong.

        Its file may have gone with its directory. The kernel's lock on the lost one means nothing
        to whoever starts now, so it is taken again, with all that the file said.
        """
        try:
            if _is_at(self._path, self._descriptor):
                return Success(None)
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            return Failure(_unusable(self._path, error))
        match _take_file(self._path):
            case Failure(line):
                return Failure(line)
            case Success(taken):
                self._change_to(taken)
                return Success(None)

    def _change_to(self, taken: Taken) -> None:
        os.close(self._descriptor)
        self._descriptor = taken.descriptor
        self.id_floor = max(self.id_floor, taken.id_floor)
        self.note(self._note)

    def reserve_ids(self, bound: int) -> Success[None] | Failure[str]:
        """Let every later run begin at `bound` or above; the failure says why that can't be."""
        regained = self.regain()
        if isinstance(regained, Failure):
            return regained
        try:
            self._write(bound)
            os.fdatasync(self._descriptor)
        except OSError as error:
            return Failure(f"lock file {self._path}: {error.strerror}")
        self.id_floor = bound
        return Success(None)

    def _write(self, id_floor: int) -> None:
        content = f"{os.getpid()}\n{id_floor}\n{self._note}\n".encode()
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
    except OSError as error:
        return Failure(_no_place(data_dir, path.parent, error))
    match _take_file(path):
        case Failure(line):
            return Failure(line)
        case Success(taken):
            lock = DataLock(taken, path)
            lock.note("")
            return Success(lock)


def _take_file(path: Path) -> Success[Taken] | Failure[str]:
    try:
        descriptor = _open_regular(path, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        return Failure(_unusable(path, error))
    try:
        if not _take(descriptor):
            refused = _refusal(path.parent.parent, _read(descriptor))
        elif not _is_at(path, descriptor):
            refused = f"lock file {path} was replaced just now: try again"
        elif (floor := _id_floor(descriptor)) <= MAX_SAGA_ID - ID_BLOCK:
            return Success(Taken(descriptor, floor))
        else:
            refused = _used_up(path)
    except OSError as error:
        refused = _unusable(path, error)
    os.close(descriptor)
    return Failure(refused)


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether that file, and no other, stands there."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _open_regular(path: Path, flags: int) -> int:
    """Open a file; a pipe or a device, at which one may wait for ever, is an `OSError`."""
    descriptor = os.open(path, flags | os.O_NONBLOCK, 0o600)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, NO_REGULAR_FILE)


def owner_of(data_dir: Path) -> Owner | None:
    """The launcher that lives on this data directory, if any. Creates and changes nothing."""
    try:
        descriptor = _open_regular(lock_path(data_dir), os.O_RDONLY)
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
    pid, _, note = _lines(descriptor)
    return Owner(int(pid) if pid.isdecimal() else None, note or None)


def _id_floor(descriptor: int) -> int:
    _, floor, _ = _lines(descriptor)
    return int(floor) if floor.isdecimal() else 1


def _lines(descriptor: int) -> tuple[str, str, str]:
    text = os.pread(descriptor, _LONGEST_NOTE, 0).decode(errors="replace")
    pid, floor, note, *_ = [*text.split("\n"), "", "", ""]
    return pid, floor, note


def _refusal(data_dir: Path, owner: Owner) -> str:
    pid = "" if owner.pid is None else f" (pid {owner.pid})"
    return (
        f"another launcher{pid} runs on {data_dir}: "
        "end it first, or use another directory with --data-dir"
    )


def _used_up(path: Path) -> str:
    return (
        f"lock file {path} has no saga ids left, its second line says: put a number above the ids "
        "in use there, or delete the file if the saga log is whole"
    )


def _no_place(data_dir: Path, directory: Path, error: OSError) -> str:
    in_the_way = isinstance(error, FileExistsError)
    if in_the_way and data_dir.is_dir():
        return f"{directory} is no directory, and the saga log belongs there: move it away"
    if in_the_way or (isinstance(error, NotADirectoryError) and data_dir.is_file()):
        return f"data directory {data_dir} is no directory: check --data-dir"
    return f"directory {directory} can't be made ({error.strerror}): check --data-dir"


def _unusable(path: Path, error: OSError) -> str:
    return (
        f"lock file {path} can't be used ({error.strerror}): "
        "check the file, its directory and their permissions"
    )
