"""Taking the socket's path, once per machine and path, and giving it back (FACTS 1.5, F-44)."""

import fcntl
import os
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum, auto
from pathlib import Path

from returns.result import Failure, Success

from saga_shell.ipc.endpoint import Endpoint, prepare
from saga_shell.ipc.peer import own_uid

BACKLOG = 1_024
"""Peers that may wait to be accepted; the system may allow fewer."""

LOCK_SECONDS = 5.0
"""How long another process may hold the lock, which it needs for milliseconds."""

LOCK_RETRY_SECONDS = 0.02
PROBE_SECONDS = 1.0


class Occupant(Enum):
    """What is at a socket's path."""

    NOTHING = auto()
    DEAD_SOCKET = auto()
    LIVE_SOCKET = auto()
    OTHER = auto()


class Listener:
    """A listening socket and the file that belongs to it."""

    def __init__(self, sock: socket.socket, path: Path, lock_seconds: float) -> None:
        self.sock = sock
        self.path = path
        self._lock_seconds = lock_seconds
        self._identity = _identity(path)

    def release(self) -> Success[None] | Failure[str]:
        """Stop listening; remove the socket's file if it is still ours. The lock file stays.

        Takes a lock, so call it on a thread, not on the loop. A second call does nothing.
        """
        if self.sock.fileno() < 0:
            # From the close on, a successor's file may have got the inode that was ours.
            return Success(None)
        try:
            with _lock(self.path, self._lock_seconds) as locked:
                if not locked:
                    return Failure(f"{_busy(self.path)}; its file is left behind")
                if _identity(self.path) == self._identity:
                    self.path.unlink()
            return Success(None)
        except FileNotFoundError:
            # The whole directory went, and the socket with it.
            return Success(None)
        except OSError as error:
            return Failure(f"can't remove socket {self.path}: {error.strerror}")
        finally:
            self.sock.close()


def listen(
    endpoint: Endpoint, lock_seconds: float = LOCK_SECONDS
) -> Success[Listener] | Failure[str]:
    """Take the endpoint and listen there; a socket that a dead launcher left is replaced.

    The failure is one line for the user: the directory is unfit, the path is too long, a launcher
    lives there, or the file there is no socket. Blocks for some milliseconds, while another
    process holds the lock for up to `lock_seconds`: call it before the loop runs, or on a thread.
    """
    match prepare(endpoint, own_uid()):
        case Failure(problem):
            return Failure(problem)
        case Success(ready):
            return _listen(ready.path, lock_seconds)


def occupant(path: Path) -> Occupant:
    """What is at `path`. A launcher that lives there sees a connection come and go.

    Raises `OSError` if `path` can't be looked at.
    """
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return Occupant.NOTHING
    if not stat.S_ISSOCK(mode):
        return Occupant.OTHER
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(PROBE_SECONDS)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return Occupant.DEAD_SOCKET
        except (BlockingIOError, TimeoutError):
            # Its backlog is full: it is too busy to answer, but it lives.
            return Occupant.LIVE_SOCKET
    return Occupant.LIVE_SOCKET


def _listen(path: Path, lock_seconds: float) -> Success[Listener] | Failure[str]:
    try:
        with _lock(path, lock_seconds) as locked:
            if not locked:
                return Failure(_busy(path))
            return _take(path, lock_seconds)
    except OSError as error:
        return Failure(
            f"can't listen on {path}: {error.strerror}: choose another path with --socket"
        )


def _take(path: Path, lock_seconds: float) -> Success[Listener] | Failure[str]:
    match occupant(path):
        case Occupant.LIVE_SOCKET:
            return Failure(
                f"a launcher is running on {path}: stop it, or use another --data-dir or --socket"
            )
        case Occupant.OTHER:
            return Failure(
                f"{path} exists and is no socket: remove it, or choose another path with --socket"
            )
        case Occupant.DEAD_SOCKET:
            path.unlink(missing_ok=True)
        case Occupant.NOTHING:
            pass
    return Success(Listener(_bound(path), path, lock_seconds))


def _bound(path: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        # The file that `bind` creates takes its mode from here: only the owner may connect.
        os.fchmod(sock.fileno(), 0o600)
        sock.bind(str(path))
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


@contextmanager
def _lock(path: Path, seconds: float) -> Iterator[bool]:
    """Hold the lock file of `path`. Yields whether it was free within `seconds`."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    lock = os.open(f"{path}.lock", flags, 0o600)
    try:
        yield _flock(lock, seconds)
    finally:
        os.close(lock)


def _flock(lock: int, seconds: float) -> bool:
    give_up = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= give_up:
                return False
            time.sleep(LOCK_RETRY_SECONDS)
        else:
            return True


def _busy(path: Path) -> str:
    return f"another process holds {path}.lock: end it, or choose another path with --socket"


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
