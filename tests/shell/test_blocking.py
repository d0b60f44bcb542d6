"""The guard of these tests sees a call that blocks the loop, and leaves threads alone."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from blockbuster import BlockingError
from coverage import Coverage

import saga_shell
from saga_shell.launcher.event_log import EventLog
from saga_shell.log import acquire, current_path, open_read_only, owner_of


def take(data_dir: Path) -> None:
    """Make a directory and lock a file."""
    acquire(data_dir).unwrap().release()


def look(data_dir: Path) -> None:
    """Open a file."""
    owner_of(data_dir)


def query(data_dir: Path) -> None:
    """Open a database."""
    open_read_only(current_path(data_dir))


def join(data_dir: Path) -> None:
    """Wait for a thread."""
    EventLog(data_dir / "events").close()


BLOCKING = [(take, "os.mkdir"), (look, "os.open"), (query, "os.stat"), (join, "lock.acquire")]


@pytest.mark.parametrize(("call", "named"), BLOCKING)
def test_a_blocking_call_on_the_loop_is_seen(
    call: Callable[[Path], None],
    named: str,
    tmp_path: Path,
    nothing_blocks_the_loop: list[str],
) -> None:
    """DESIGN 5: directories, files, databases and threads may not be waited for on the loop."""

    async def main() -> None:
        call(tmp_path)

    with pytest.raises(BlockingError, match=named):
        asyncio.run(main())
    assert len(nothing_blocks_the_loop) == 1
    nothing_blocks_the_loop.clear()


@pytest.mark.parametrize(("call", "named"), BLOCKING)
def test_a_thread_may_block(call: Callable[[Path], None], named: str, tmp_path: Path) -> None:
    """The same calls are fine on a thread beside the loop."""
    del named

    async def main() -> None:
        await asyncio.to_thread(call, tmp_path)

    asyncio.run(main())


def test_a_measurement_of_the_tests_may_wait(
    monkeypatch: pytest.MonkeyPatch, nothing_blocks_the_loop: list[str]
) -> None:
    """The lock of coverage, which the thread of another line may hold, is none of the shell's."""
    lock = threading.Lock()
    collector = SimpleNamespace(data_lock=lock)
    with pytest.raises(BlockingError):
        asyncio.run(wait_for(lock))
    nothing_blocks_the_loop.clear()
    monkeypatch.setattr(Coverage, "current", lambda: SimpleNamespace(_collector=collector))
    asyncio.run(wait_for(lock))


async def wait_for(lock: threading.Lock) -> None:
    """Take a lock that another thread gives back soon, in a line of the shell's."""
    lock.acquire()
    giving_back = threading.Timer(0.1, lock.release)
    giving_back.start()
    exec(compile("lock.acquire()", saga_shell.__file__, "exec"), {"lock": lock})
    lock.release()
