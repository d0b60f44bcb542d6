"""Taking the socket's path and giving it back."""

import fcntl
import os
import socket
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest
from returns.result import Failure, Success

from saga_shell.ipc import Endpoint, Listener, Occupant, listen, occupant


def taken(path: Path) -> Listener:
    """The listener of a path that is free."""
    result = listen(Endpoint(path))
    assert isinstance(result, Success), result
    return result.unwrap()


def refusal(path: Path, lock_seconds: float = 5.0) -> str:
    """The one line that says why the path can't be had."""
    result = listen(Endpoint(path), lock_seconds)
    assert isinstance(result, Failure), result
    line = result.failure()
    assert str(path) in line
    assert "\n" not in line
    return line


def dead_socket(path: Path) -> None:
    """What a launcher that was killed leaves behind."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
        sock.listen()


def connects(path: Path) -> bool:
    """Whether somebody listens there."""
    with socket.socket(socket.AF_UNIX) as sock:
        return sock.connect_ex(str(path)) == 0


@contextmanager
def locked(path: Path) -> Iterator[IO[str]]:
    """Another process's lock: a second open file description is as good as one."""
    with Path(f"{path}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock


def test_only_the_owner_may_connect_and_the_lock_file_stays(short_dir: Path) -> None:
    """DESIGN 7: mode 0600 from the first moment on; a clean end removes the socket alone."""
    path = short_dir / "s.sock"
    listener = taken(path)
    assert stat.S_IMODE(path.lstat().st_mode) == 0o600
    assert connects(path)
    assert listener.release() == Success(None)
    assert [file.name for file in short_dir.iterdir()] == ["s.sock.lock"]
    assert listener.sock.fileno() == -1


def test_the_socket_of_a_dead_launcher_is_replaced(short_dir: Path) -> None:
    """FACTS 1.5, F-44: a launcher that was killed leaves its socket; the next one takes over."""
    path = short_dir / "s.sock"
    dead_socket(path)
    assert occupant(path) is Occupant.DEAD_SOCKET
    listener = taken(path)
    assert occupant(path) is Occupant.LIVE_SOCKET
    assert listener.release() == Success(None)
    assert occupant(path) is Occupant.NOTHING


def test_a_second_launcher_is_refused_and_the_first_lives_on(short_dir: Path) -> None:
    """DESIGN 6: one line says what runs where and what to do."""
    path = short_dir / "s.sock"
    first = taken(path)
    assert "a launcher is running on" in refusal(path)
    assert connects(path)
    assert first.release() == Success(None)


def test_a_launcher_too_busy_to_accept_is_alive(short_dir: Path) -> None:
    """FACTS 1.5: only a refused connection proves death; a full backlog does not."""
    path = short_dir / "s.sock"
    with socket.socket(socket.AF_UNIX) as busy:
        busy.bind(str(path))
        busy.listen(0)
        waiting: list[tuple[socket.socket, int]] = []
        while not waiting or waiting[-1][1] == 0:
            sock = socket.socket(socket.AF_UNIX)
            sock.setblocking(False)
            waiting.append((sock, sock.connect_ex(str(path))))
        assert "a launcher is running on" in refusal(path)
        for sock, _ in waiting:
            sock.close()


def test_a_race_for_a_dead_socket_has_one_winner(short_dir: Path) -> None:
    """FACTS F-44: probe, removal and bind are under one lock: no live socket is removed."""
    path = short_dir / "s.sock"
    for _ in range(10):
        dead_socket(path)
        with ThreadPoolExecutor(8) as pool:
            results = list(pool.map(lambda _: listen(Endpoint(path)), range(8)))
        winners = [result.unwrap() for result in results if isinstance(result, Success)]
        assert len(winners) == 1
        assert connects(path)
        assert winners[0].release() == Success(None)


@pytest.mark.parametrize("kind", ["file", "directory", "link", "dangling link", "pipe"])
def test_what_is_no_socket_is_left_alone(short_dir: Path, kind: str) -> None:
    """DESIGN 7: a file at the socket's path that is not a dead socket is refused."""
    path = short_dir / "s.sock"
    match kind:
        case "file":
            path.write_text("keep me")
        case "directory":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "link":
            dead_socket(short_dir / "other")
            path.symlink_to(short_dir / "other")
        case _:
            path.symlink_to(short_dir / "nothing")
    before = path.lstat()
    assert "is no socket: remove it" in refusal(path)
    assert path.lstat() == before


def test_a_live_socket_of_another_sort_is_left_alone(short_dir: Path) -> None:
    """DESIGN 7: a datagram socket in use is no dead launcher."""
    path = short_dir / "s.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind(str(path))
        assert "can't listen on" in refusal(path)
        assert path.is_socket()


def test_a_held_lock_is_waited_for(short_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FACTS 1.5: two launchers that start at once take turns."""
    path = short_dir / "s.sock"
    with locked(path) as lock:

        def wait(_seconds: float) -> None:
            fcntl.flock(lock, fcntl.LOCK_UN)

        monkeypatch.setattr("saga_shell.ipc.listener.time.sleep", wait)
        listener = taken(path)
    assert listener.release() == Success(None)


def test_a_lock_held_for_ever_is_named(short_dir: Path) -> None:
    """FACTS 1.5: waiting has an end, and then a line that says what for."""
    path = short_dir / "s.sock"
    with locked(path):
        assert f"another process holds {path}.lock" in refusal(path, lock_seconds=0.05)


def test_a_link_in_place_of_the_lock_file_is_not_followed(short_dir: Path) -> None:
    """FACTS F-44: in a shared directory a planted link must not make us open its target."""
    path = short_dir / "s.sock"
    Path(f"{path}.lock").symlink_to(short_dir / "victim")
    assert "can't listen on" in refusal(path)
    assert not (short_dir / "victim").exists()


def test_an_unfit_directory_is_refused_before_anything_is_made(short_dir: Path) -> None:
    """FACTS F-44: the checks of the directory come first."""
    short_dir.chmod(0o755)
    assert "its mode is 0755" in listen(Endpoint(short_dir / "s.sock")).failure()
    assert list(short_dir.iterdir()) == []


def test_an_error_of_the_system_is_one_line(
    short_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DESIGN 6: whatever the system refuses, the user reads what and where, and no fd leaks."""

    def no_memory(_fd: int, _mode: int) -> None:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr("saga_shell.ipc.listener.os.fchmod", no_memory)
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert "Cannot allocate memory: choose another" in refusal(short_dir / "s.sock")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_the_socket_of_a_successor_is_not_removed(short_dir: Path) -> None:
    """DESIGN 5: at a clean end the file is removed only if it is still ours."""
    path = short_dir / "s.sock"
    first = taken(path)
    path.unlink()
    second = taken(path)
    assert first.release() == Success(None)
    assert connects(path)
    assert second.release() == Success(None)


def test_a_second_release_removes_nothing(short_dir: Path) -> None:
    """DESIGN 5: once the socket is closed its inode may be a successor's: nothing is ours then."""
    path = short_dir / "s.sock"
    first = taken(path)
    assert first.release() == Success(None)
    second = taken(path)
    first._identity = second._identity
    assert first.release() == Success(None)
    assert connects(path)
    assert second.release() == Success(None)


def test_a_socket_that_somebody_removed_is_no_trouble_at_the_end(short_dir: Path) -> None:
    """DESIGN 5: what is gone needs no removal."""
    path = short_dir / "s.sock"
    listener = taken(path)
    path.unlink()
    assert listener.release() == Success(None)


def test_a_directory_that_went_away_is_no_trouble_at_the_end(short_dir: Path) -> None:
    """DESIGN 5: what is gone needs no removal."""
    path = short_dir / "d" / "s.sock"
    listener = taken(path)
    for file in path.parent.iterdir():
        file.unlink()
    path.parent.rmdir()
    assert listener.release() == Success(None)


def test_what_can_not_be_removed_is_said_and_the_socket_closed(
    short_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DESIGN 6: a socket left behind is not left behind in silence."""
    path = short_dir / "s.sock"
    first, second = taken(path), taken(short_dir / "t.sock")
    first._lock_seconds = 0.05
    with locked(path):
        result = first.release()
    assert f"another process holds {path}.lock" in result.failure()

    def denied(_path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", denied)
    assert "t.sock: Permission denied" in second.release().failure()
    monkeypatch.undo()
    assert first.sock.fileno() == second.sock.fileno() == -1
