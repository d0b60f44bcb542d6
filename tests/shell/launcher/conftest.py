"""Places with short names, and a loop that reports no exception of its own."""

import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.shell.launcher.launches import Place


@pytest.fixture
def short_dir() -> Iterator[Path]:
    """A directory whose path is short enough for a socket's address."""
    with tempfile.TemporaryDirectory(prefix="run-") as name:
        yield Path(name)


@pytest.fixture
def place(short_dir: Path) -> Place:
    """Where the launchers of a test live."""
    return Place(short_dir)


class Seen(logging.Handler):
    """Keeps what was logged."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        self.lines.append(record.getMessage())


@pytest.fixture(autouse=True)
def nothing_fails_unseen() -> Iterator[None]:
    """An exception that only the loop's exception handler saw fails the test."""
    seen = Seen()
    logging.getLogger("asyncio").addHandler(seen)
    yield
    logging.getLogger("asyncio").removeHandler(seen)
    assert not seen.lines, seen.lines
