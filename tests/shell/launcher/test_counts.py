"""The counts file: written when something changed, told once when it can't be."""

import asyncio
from pathlib import Path

import pytest
from returns.result import Success

from saga_shell.launcher.counts import Counts, CountsFile, counts_path, read_counts


def counts(restarts: int) -> Counts:
    """Some counts."""
    return Counts(7, (), {"restarts": restarts})


def test_only_what_changed_is_written(tmp_path: Path) -> None:
    """A launcher that does nothing writes nothing; no half file is ever in its place."""
    now = counts(0)
    file = CountsFile(counts_path(tmp_path), lambda: now)

    asyncio.run(file.write())
    assert read_counts(tmp_path) == Success(now)
    counts_path(tmp_path).unlink()
    asyncio.run(file.write())
    assert read_counts(tmp_path) == Success(None)
    now = counts(1)
    asyncio.run(file.write())
    assert read_counts(tmp_path) == Success(now)
    assert [path.name for path in tmp_path.iterdir()] == ["launcher-counts.json"]


def test_a_disk_that_fails_is_told_once_and_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The launcher goes on; the counts come back when the disk does."""
    directory = tmp_path / "gone"
    file = CountsFile(counts_path(directory), lambda: counts(0))
    asyncio.run(file.write())
    asyncio.run(file.write())
    expected = f"counts file {counts_path(directory)} can't be written: No such file or directory"
    assert caplog.messages == [expected]
    directory.mkdir()
    asyncio.run(file.write())
    assert read_counts(directory) == Success(counts(0))
    counts_path(directory).unlink()
    directory.rmdir()
    file = CountsFile(counts_path(directory), lambda: counts(0))
    asyncio.run(file.write())
    assert caplog.messages == [expected] * 2
