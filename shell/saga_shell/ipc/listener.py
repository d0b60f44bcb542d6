"""Taking the socket's path, once per machine and path, and giving it back (FACTS 1.5, F-44)."""

import fcntl
import os
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum, auto
from pathlib import Path
from typing import NamedTuple, TypeVar

from returns.result import Failure, Success

from saga_shell.ipc.endpoint import Endpoint, prepare
from saga_shell.ipc.peer import own_uid

A = TypeVar("A")

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


Identity = tuple[int, int]
"""Device and inode of a file. While a socket is open, no other file gets those of its own."""


class Taken(NamedTuple):
    """A listening socket, and which file is its own; None if that went at once."""

    sock: socket.socket
    identity: Identity | None


class Listener:
    """A listening socket and the file that belongs to it. Its methods block: call them on a thread.

    `sock` is another one after `listen_anew` or closed after `release`.
    """

    def __init__(self, endpoint: Endpoint, taken: Taken, lock_seconds: float) -> None:
        self.sock, self._identity = taken
        self.path = endpoint.path
        self._endpoint = endpoint
        self._lock_seconds = lock_seconds
        self._turn = threading.Lock()

    def is_in_place(self) -> bool:
        """Whether the path still leads to this socket, so that peers can connect."""
        try:
            return self._identity is not None and _identity(self.path) == self._identity
        except OSError:
            return False

    def listen_anew(self) -> Success[bool] | Failure[str]:
        """Take the path again, by the rules of `listen`, unless it leads here; whether it did not.

        What another process has there is left alone, and the failure says what that is. A peer
        that waits to be accepted is hung up on: accept all of them before.
        """
        with self._turn:
            if self.sock.fileno() < 0:
                return Success(False)
            match _alone_at(self._endpoint, self._lock_seconds, self._take_unless_in_place):
                case Failure() as refused:
                    return refused
                case Success(Taken() as taken):
                    self.sock.close()
                    self.sock, self._identity = taken
                    return Success(True)
                case Success():
                    return Success(False)

    def release(self) -> Success[None] | Failure[str]:
        """Stop listening; remove the socket's file if it is still ours. The lock file stays.

        A second call does nothing.
        """
        with self._turn:
            if self.sock.fileno() < 0:
                # From the close on, a successor's file may have got the inode that was ours.
                return Success(None)
            try:
                return self._remove()
            except FileNotFoundError:
                # The whole directory went, and the socket with it.
                return Success(None)
            except OSError as error:
                return Failure(f"can't remove socket {self.path}: {error.strerror}")
            finally:
                self.sock.close()

    def _remove(self) -> Success[None] | Failure[str]:
        with _lock(self.path, self._lock_seconds) as locked:
            if not locked:
                return Failure(f"{_busy(self.path)}; its file is left behind")
            if _identity(self.path) == self._identity:
                self.path.unlink()
        return Success(None)

    def _take_unless_in_place(self, path: Path) -> Success[Taken | None] | Failure[str]:
        return Success(None) if self.is_in_place() else _take(path)


def listen(
    endpoint: Endpoint, lock_seconds: float = LOCK_SECONDS
) -> Success[Listener] | Failure[str]:
    """Take the endpoint and listen there; a socket that a dead launcher left is replaced.

    The failure is one line for the user: the directory is unfit, the path is too long, a launcher
    lives there, or the file there is no socket. Blocks for some milliseconds, while another
    process holds the lock for up to `lock_seconds`: call it before the loop runs, or on a thread.
    """
    match _alone_at(endpoint, lock_seconds, _take):
        case Failure() as refused:
            return refused
        case Success(taken):
            return Success(Listener(endpoint, taken, lock_seconds))


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


def _alone_at(
    endpoint: Endpoint,
    lock_seconds: float,
    take: Callable[[Path], Success[A] | Failure[str]],
) -> Success[A] | Failure[str]:
    """What `take` gives, called where it is fit to listen, with the lock held."""
    path = endpoint.path
    match prepare(endpoint, own_uid()):
        case Failure() as unfit:
            return unfit
        case Success():
            pass
    try:
        with _lock(path, lock_seconds) as locked:
            if not locked:
                return Failure(_busy(path))
            return take(path)
    except OSError as error:
        return Failure(
            f"can't listen on {path}: {error.strerror}: choose another path with --socket"
        )


def _take(path: Path) -> Success[Taken] | Failure[str]:
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
    return Success(_bound(path))


def _bound(path: Path) -> Taken:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        # The file that `bind` creates takes its mode from here: only the owner may connect.
        os.fchmod(sock.fileno(), 0o600)
        sock.bind(str(path))
        sock.listen(BACKLOG)
        return Taken(sock, _identity(path))
    except OSError:
        sock.close()
        raise


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


def _identity(path: Path) -> Identity | None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
