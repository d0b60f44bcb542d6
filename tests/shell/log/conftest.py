"""A log in a temporary directory, with a clock that ticks one second at each look."""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from returns.result import Success

from saga_shell.log import LogOptions, SagaLog

NOBODY = 65534


@pytest.fixture
def clock() -> Callable[[], datetime]:
    """One second later at each call, from noon of 1 May 2026."""
    times = (datetime(2026, 5, 1, 12, tzinfo=UTC) + timedelta(seconds=n) for n in range(10**9))
    return lambda: next(times)


@pytest.fixture
def options(clock: Callable[[], datetime]) -> LogOptions:
    """A log that gives up on locks at once."""
    return LogOptions(encode=msgspec.json.encode, clock=clock, busy_timeout_ms=20)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the log of a data directory belongs."""
    return tmp_path / "db" / "launcher-sagas.db"


@pytest.fixture
def open_log(path: Path, options: LogOptions) -> Iterator[Callable[..., SagaLog]]:
    """Opens the log, with other options if given; closed at the end as a crash would."""
    logs: list[SagaLog] = []

    def open_one(**changes: Any) -> SagaLog:
        match SagaLog.open(path, msgspec.structs.replace(options, **changes)):
            case Success(log):
                logs.append(log)
                return log
            case refused:
                raise AssertionError(refused)

    yield open_one
    for log in logs:
        log.abandon()


@pytest.fixture
def query(path: Path) -> Callable[..., list[tuple[Any, ...]]]:
    """Runs one statement on the file, over a connection of its own, and commits it."""

    def run(sql: str, *values: object) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            return connection.execute(sql, values).fetchall()
        finally:
            connection.close()

    return run


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """A directory that every user of the machine can look into."""
    directory = Path(tempfile.mkdtemp(prefix="saga-log-test-"))
    directory.chmod(0o755)
    yield directory
    for found, _, _ in os.walk(directory):
        Path(found).chmod(0o755)
    shutil.rmtree(directory)


@pytest.fixture
def unprivileged() -> Callable[[], AbstractContextManager[None]]:
    """A context in which file permissions hold for us too, even if the tests run as root."""

    @contextmanager
    def drop() -> Iterator[None]:
        user = os.geteuid()
        if user == 0:
            os.seteuid(NOBODY)
        try:
            yield
        finally:
            os.seteuid(user)

    return drop
