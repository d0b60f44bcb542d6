"""One launcher for each data directory (FACTS R-48, R-49)."""

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from returns.result import Failure, Success

from saga_shell.log import DataLock, Owner, acquire, is_live, owner_of
from saga_shell.log.lock import Taken
from saga_shell.log.paths import lock_path

HOLDER = """
import sys
from pathlib import Path
from saga_shell.log import acquire
lock = acquire(Path(sys.argv[1])).unwrap()
print("held", flush=True)
sys.stdin.readline()
"""


def refusal(data_dir: Path) -> str:
    """The line with which a data directory is refused."""
    match acquire(data_dir):
        case Failure(line):
            assert "\n" not in line
            return line
        case Success(lock):
            lock.release()
            raise AssertionError("the lock was given twice")


def test_second_launcher_is_refused(tmp_path: Path) -> None:
    """FACTS R-49: a lock that another process holds is one line with its pid; it ends with it."""
    data_dir = tmp_path / "data"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, data_dir], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        assert f"(pid {holder.pid})" in refusal(data_dir)
        assert owner_of(data_dir) == Owner(holder.pid, None)
        holder.send_signal(signal.SIGKILL)
    assert not is_live(data_dir)
    acquire(data_dir).unwrap().release()


def test_lock_in_one_process(tmp_path: Path) -> None:
    """FACTS R-49: the lock holds within one process too, and can be taken again once released."""
    lock = acquire(tmp_path).unwrap()
    assert f"(pid {os.getpid()})" in refusal(tmp_path)
    lock.release()
    acquire(tmp_path).unwrap().release()


def test_looking_leaves_nothing(tmp_path: Path) -> None:
    """FACTS R-48: to look for a live launcher creates nothing and changes nothing."""
    assert not is_live(tmp_path)
    assert list(tmp_path.iterdir()) == []
    acquire(tmp_path).unwrap().release()
    before = lock_path(tmp_path).stat()
    assert not is_live(tmp_path)
    after = lock_path(tmp_path).stat()
    assert (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)


def test_two_who_look_at_once(tmp_path: Path) -> None:
    """FACTS R-48: somebody else who looks is not taken for a launcher."""
    acquire(tmp_path).unwrap().release()
    other = os.open(lock_path(tmp_path), os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_SH)
    assert not is_live(tmp_path)
    os.close(other)


def test_note(tmp_path: Path) -> None:
    """FACTS R-44: a live launcher can leave a line about its log for `diag`, and take it back."""
    lock = acquire(tmp_path).unwrap()
    me = os.getpid()
    assert owner_of(tmp_path) == Owner(me, None)
    lock.note("a long line: the disk is full; 12 record(s) wait in memory")
    assert owner_of(tmp_path) == Owner(
        me, "a long line: the disk is full; 12 record(s) wait in memory"
    )
    lock.note("short")
    assert owner_of(tmp_path) == Owner(me, "short")
    assert lock_path(tmp_path).read_text() == f"{me}\n1\nshort\n"
    lock.note("")
    assert owner_of(tmp_path) == Owner(me, None)
    lock.release()
    assert owner_of(tmp_path) is None


def test_note_on_a_broken_disk(tmp_path: Path) -> None:
    """FACTS R-44: a note that can't be written harms nobody."""
    path = tmp_path / "read only"
    path.touch()
    descriptor = os.open(path, os.O_RDONLY)
    lock = DataLock(Taken(descriptor, 1), path)
    lock.note("never written")
    assert lock.reserve_ids(9) == Failure(f"lock file {path}: Bad file descriptor")
    assert lock.id_floor == 1
    lock.release()
    assert path.read_bytes() == b""


def lose(path: Path) -> None:
    """The directory goes, and the lock file with it."""
    path.unlink()
    path.parent.rmdir()


def replace(path: Path) -> None:
    """Another file takes its place."""
    path.unlink()
    path.touch()


@pytest.mark.parametrize("lost", [lose, replace])
def test_a_lost_lock_is_taken_again(tmp_path: Path, lost: Callable[[Path], None]) -> None:
    """FACTS R-48, R-49: others see the launcher again, and are kept out; the ids are there too."""
    lock = acquire(tmp_path).unwrap()
    assert lock.reserve_ids(4_711) == Success(None)
    lock.note("the disk is full")
    before = len(list(Path("/proc/self/fd").iterdir()))
    lost(lock_path(tmp_path))
    assert owner_of(tmp_path) is None
    for _ in range(2):
        assert lock.regain() == Success(None)
        assert owner_of(tmp_path) == Owner(os.getpid(), "the disk is full")
        assert f"(pid {os.getpid()})" in refusal(tmp_path)
        assert len(list(Path("/proc/self/fd").iterdir())) == before
    lock.release()
    lock = acquire(tmp_path).unwrap()
    assert lock.id_floor == 4_711
    lock.release()


def test_ids_are_not_reserved_in_a_file_that_nobody_reads(tmp_path: Path) -> None:
    """FACTS R-41: what goes into a deleted file is lost, so the lock is taken again before that."""
    lock = acquire(tmp_path).unwrap()
    lose(lock_path(tmp_path))
    assert lock.reserve_ids(9) == Success(None)
    lock.release()
    assert lock_path(tmp_path).read_text() == f"{os.getpid()}\n9\n\n"


def test_a_lock_that_another_took_is_not_taken_back(tmp_path: Path) -> None:
    """FACTS R-49: who lost it waits until the other ends, and goes on above the ids of both."""
    lock = acquire(tmp_path).unwrap()
    lose(lock_path(tmp_path))
    other = acquire(tmp_path).unwrap()
    line = f"another launcher (pid {os.getpid()}) runs on {tmp_path}"
    for outcome in (lock.regain(), lock.reserve_ids(9)):
        assert outcome.failure().startswith(line)
    assert other.reserve_ids(99) == Success(None)
    other.release()
    assert lock.regain() == Success(None)
    assert lock.id_floor == 99
    lock.release()


def test_a_lock_that_can_not_be_taken_again(tmp_path: Path) -> None:
    """DESIGN 6: one line says why."""
    lock = acquire(tmp_path).unwrap()
    lose(lock_path(tmp_path))
    (tmp_path / "db").touch()
    line = f"lock file {lock_path(tmp_path)} can't be used (Not a directory): "
    assert lock.regain().failure().startswith(line)
    lock.release()


def test_a_lock_file_that_goes_while_it_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FACTS R-49: a lock on a file that is deleted in that instant would keep nobody out."""
    flock = fcntl.flock

    def delete_too(descriptor: int, operation: int) -> None:
        flock(descriptor, operation)
        lock_path(tmp_path).unlink()

    monkeypatch.setattr("saga_shell.log.lock.fcntl.flock", delete_too)
    line = f"lock file {lock_path(tmp_path)} was replaced just now: try again"
    assert refusal(tmp_path) == line


def test_ids_are_reserved_for_the_next_run(tmp_path: Path) -> None:
    """FACTS R-41: what was reserved here holds for every later run, notes or not."""
    lock = acquire(tmp_path).unwrap()
    assert lock.id_floor == 1
    lock.note("the disk is full")
    assert lock.reserve_ids(4_711) == Success(None)
    assert owner_of(tmp_path) == Owner(os.getpid(), "the disk is full")
    lock.note("")
    lock.release()
    for _ in range(2):
        lock = acquire(tmp_path).unwrap()
        assert lock.id_floor == 4_711
        assert owner_of(tmp_path) == Owner(os.getpid(), None)
        lock.release()


@pytest.mark.parametrize("content", [b"", b"garbage\xff", b"\n\n", b"x\ny\n\n"])
def test_owner_that_did_not_write_its_pid(tmp_path: Path, content: bytes) -> None:
    """FACTS R-48: a lock whose file says nothing sensible is held all the same."""
    lock = acquire(tmp_path).unwrap()
    lock_path(tmp_path).write_bytes(content)
    assert owner_of(tmp_path) == Owner(None, None)
    assert refusal(tmp_path).startswith(f"another launcher runs on {tmp_path}")
    lock.release()


def test_start_is_not_refused_by_somebody_who_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FACTS R-48: a launcher that starts while `diag` looks waits for that instant to pass."""
    acquire(tmp_path).unwrap().release()
    probe = os.open(lock_path(tmp_path), os.O_RDONLY)
    fcntl.flock(probe, fcntl.LOCK_SH)
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            os.close(probe)

    monkeypatch.setattr("saga_shell.log.lock.time.sleep", wait)
    acquire(tmp_path).unwrap().release()
    assert len(waits) == 3


def test_endless_probe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shared lock that somebody keeps for ever ends in a refusal, not in a start that hangs."""
    acquire(tmp_path).unwrap().release()
    monkeypatch.setattr("saga_shell.log.lock.time.sleep", lambda _: None)
    probe = os.open(lock_path(tmp_path), os.O_RDONLY)
    fcntl.flock(probe, fcntl.LOCK_SH)
    refusal(tmp_path)
    os.close(probe)


def test_unwritable_directory(
    open_directory: Path, unprivileged: Callable[[], AbstractContextManager[None]]
) -> None:
    """DESIGN 7: a data directory in which no lock file can be made is one clear line."""
    open_directory.chmod(0o555)
    with unprivileged():
        assert "can't be made (Permission denied)" in refusal(open_directory)


def test_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that knows no locks is one clear line, and no descriptor is left open."""

    def no_locks(_descriptor: int, _operation: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("saga_shell.log.lock.fcntl.flock", no_locks)
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert "Operation not supported" in refusal(tmp_path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_what_is_no_directory_is_said_to_be_none(tmp_path: Path) -> None:
    """DESIGN 6: a file, a dangling link or something below a file is no matter of permissions."""
    regular, dangling, data_dir = tmp_path / "regular", tmp_path / "dangling", tmp_path / "data"
    regular.touch()
    dangling.symlink_to(tmp_path / "nowhere" / "at" / "all")
    data_dir.mkdir()
    for place in (regular, dangling):
        assert refusal(place) == f"data directory {place} is no directory: check --data-dir"
    below = regular / "below"
    assert (
        refusal(below) == f"directory {below}/db can't be made (Not a directory): check --data-dir"
    )
    (data_dir / "db").touch()
    line = f"{data_dir}/db is no directory, and the saga log belongs there: move it away"
    assert refusal(data_dir) == line


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_a_lock_file_that_is_none(tmp_path: Path, make: Callable[[Path], None]) -> None:
    """DESIGN 6: a pipe or a device is one clear line, and nobody who looks waits at it."""
    path = lock_path(tmp_path)
    path.parent.mkdir()
    make(path)
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert f"lock file {path} can't be used (it is no regular file)" in refusal(tmp_path)
    assert owner_of(tmp_path) is None
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_lock_file_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN 6: so is one whose disk fails, and no descriptor is left open."""

    def fail(*_: object) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("saga_shell.log.lock.os.pread", fail)
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert "can't be used (Input/output error)" in refusal(tmp_path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize("floor", [2**63 - 1, 10**22])
def test_a_lock_file_without_ids_is_named(tmp_path: Path, floor: int) -> None:
    """FACTS R-41: a floor above the last id is the lock file's fault, not the log's; it stays."""
    acquire(tmp_path).unwrap().release()
    path = lock_path(tmp_path)
    path.write_text(f"1\n{floor}\n\n")
    line = refusal(tmp_path)
    assert line.startswith(f"lock file {path} has no saga ids left, its second line says: put ")
    assert path.read_text() == f"1\n{floor}\n\n"
    path.unlink()
    acquire(tmp_path).unwrap().release()
