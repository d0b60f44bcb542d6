"""Nothing in the shell may block the loop: every test here fails if something does (DESIGN 5)."""

import os
from collections.abc import Iterator
from io import BufferedWriter, TextIOWrapper

import pytest
from blockbuster import blockbuster
from blockbuster.blockbuster import BlockBuster, BlockBusterFunction
from coverage import Coverage

WATCHED = ["saga_core", "saga_shell"]

TESTS_OWN = ["saga_shell.rehearsal.clock"]
"""What runs a test's loop: its frame is below those of the test itself, which may block."""

FURTHER_CALLS = ("os.open", "io.open", "os.fsync", "os.fdatasync", "fcntl.flock", "sqlite3.connect")
"""What blockbuster doesn't look at by itself: there a file is touched before it is read."""

ALLOWED = (
    # Starting a child is a fork, which only the loop's thread can do; it opens /dev/null for it.
    ("asyncio/base_events.py", "subprocess_exec"),
    # Listing /proc waits for no disk: the kernel makes it up.
    ("saga_shell/host/session.py", "members"),
    # A rehearsal does the log's work on its loop, so that each is the same as the last.
    ("rehearsal/clock.py", "_do"),
    # A traceback shows source lines: that is a bug being reported.
    ("linecache.py", "updatecache"),
    # Tests of a failing log lock its file and read its rows themselves, while their loop runs.
    ("launcher/test_runner_log_failure.py", "locked"),
    ("launcher/parts.py", "rows"),
    # Two tests of the socket take its path themselves, while their loop runs.
    ("tests/shell/ipc/conftest.py", "taken"),
    ("ipc/test_server.py", "test_a_server_that_never_started_gives_the_path_back"),
)


@pytest.fixture(autouse=True)
def nothing_blocks_the_loop() -> Iterator[list[str]]:
    """A blocking call on a thread whose loop runs is stopped there, and fails the test at its end.

    At its end too, since the loop reports an exception in a callback and goes on. The value is
    the list of such calls.
    """
    found: list[str] = []

    class Noted(blockbuster.BlockingError):
        def __init__(self, function: str) -> None:
            super().__init__(function)
            found.append(function)

    guard = watchful()
    guard.activate()
    # A patch of its own: the test's one may replace a watched call, and has to end before this.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blockbuster, "BlockingError", Noted)
        yield found
    guard.deactivate()
    assert not found, f"the loop was blocked by {found}"


def watchful() -> BlockBuster:
    """What looks at each call that can block, not active yet."""
    guard = BlockBuster(WATCHED, excluded_modules=TESTS_OWN)
    for name in FURTHER_CALLS:
        guard.functions[name] = BlockBusterFunction(
            None, name, scanned_modules=WATCHED, excluded_modules=TESTS_OWN
        )
    for function in guard.functions.values():
        for filename, caller in ALLOWED:
            function.can_block_in(filename, caller)
    for name in ("io.TextIOWrapper.write", "io.BufferedWriter.write"):
        _allow_the_log_of_pytest(guard.functions[name])
    _allow_a_measurement(guard.functions["threading.Lock.acquire"])
    return guard


def _allow_the_log_of_pytest(write: BlockBusterFunction) -> None:
    """Pytest keeps a log file, which is /dev/null if nobody asked for one."""
    harmless = write.can_block_predicate

    def allowed(file: TextIOWrapper | BufferedWriter, *arguments: object) -> bool:
        return getattr(file, "name", None) == os.devnull or harmless(file, *arguments)

    write.can_block_predicate = allowed


def _allow_a_measurement(acquire: BlockBusterFunction) -> None:
    """Coverage's lock, which another thread may hold, is taken wherever a line runs."""
    harmless = acquire.can_block_predicate

    def allowed(lock: object, *arguments: object) -> bool:
        return lock is _lock_of_coverage() or harmless(lock, *arguments)

    acquire.can_block_predicate = allowed


def _lock_of_coverage() -> object:
    measurement = Coverage.current()
    return measurement and getattr(measurement._collector, "data_lock", None)
