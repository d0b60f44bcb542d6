"""Fixtures for tests that run the real programs and look at them from the outside."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.outside import Place


@pytest.fixture
def place() -> Iterator[Place]:
    """A data directory and a socket path short enough for a Unix socket; all ends with the test."""
    with tempfile.TemporaryDirectory(prefix="agmx-") as directory:
        where = Place(Path(directory))
        yield where
        where.end()
