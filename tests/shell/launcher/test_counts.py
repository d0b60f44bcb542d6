"""The counts file: written each second, on a full disk too; told once when it can't be."""

import asyncio
import errno
import itertools
import os
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from returns.result import Success

from saga_shell.launcher.counts import PAGE_BYTES, Counts, CountsFile, counts_path, read_counts


def counts(restarts: int) -> Counts:
    """Some counts."""
    return Counts(7, (), {"restarts": restarts})


def read(data_dir: Path) -> Counts:
    """What a reader finds there."""
    result = read_counts(data_dir)
    assert isinstance(result, Success), result
    found = result.unwrap()
    assert found is not None
    return found


def test_each_write_says_as_of_when_it_is(tmp_path: Path) -> None:
    """FACTS R-44: the time moves on though nothing else does, or nobody saw that writing ended."""
    file = CountsFile(counts_path(tmp_path), lambda: counts(3))
    times = [datetime.now(UTC)]
    for _ in range(2):
        asyncio.run(file.write())
        found = read(tmp_path)
        assert found.as_of is not None
        assert found == msgspec.structs.replace(counts(3), as_of=found.as_of)
        times.append(found.as_of)
    times.append(datetime.now(UTC))
    assert times == sorted(set(times))
    assert [path.name for path in tmp_path.iterdir()] == ["launcher-counts.json"]


def test_they_are_kept_up_to_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """RELIABILITY 11: they are written again and again, until the launcher ends."""
    monkeypatch.setattr("saga_shell.launcher.counts.WRITE_SECONDS", 0.001)
    numbers = itertools.count()
    enough = asyncio.Event()

    def counted() -> Counts:
        number = next(numbers)
        if number == 3:
            enough.set()
        return counts(number)

    async def main() -> None:
        keeping = asyncio.create_task(CountsFile(counts_path(tmp_path), counted).keep())
        await enough.wait()
        keeping.cancel()

    asyncio.run(main())
    assert read(tmp_path).others["restarts"] >= 2


def test_a_disk_without_room_for_another_file_is_no_obstacle(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """FACTS R-44: what is there is overwritten, whatever a launcher before has left, and it fits.

    A directory where the new file would be makes it as impossible to write as a full disk does.
    """
    path = counts_path(tmp_path)
    path.with_name(f"{path.name}.new").mkdir()
    for left in (b"{}", b"x" * 10_000):
        path.write_bytes(left)
        asyncio.run(CountsFile(path, lambda: counts(5)).write())
        assert read(tmp_path).others == {"restarts": 5}
        assert path.stat().st_size == PAGE_BYTES
    assert caplog.messages == []


def test_many_counts_take_whole_pages(tmp_path: Path) -> None:
    """What doesn't fit into one page fills two: overwriting it needs no more room either."""
    path = counts_path(tmp_path)
    many = {f"count {number}": 10**12 for number in range(200)}
    asyncio.run(CountsFile(path, lambda: Counts(7, (), many)).write())
    assert read(tmp_path).others == many
    assert path.stat().st_size == 2 * PAGE_BYTES


def test_what_cannot_be_overwritten_is_replaced(tmp_path: Path) -> None:
    """A link to nowhere in the counts' place is no reason to be silent."""
    path = counts_path(tmp_path)
    path.symlink_to(tmp_path / "nowhere" / "else")
    asyncio.run(CountsFile(path, lambda: counts(1)).write())
    assert read(tmp_path).others == {"restarts": 1}
    assert not path.is_symlink()


def test_a_disk_that_takes_a_part_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A write that the disk cuts short is no write; what was begun beside it takes up no room."""
    path = counts_path(tmp_path)
    path.write_bytes(b"{}")

    def cut(_descriptor: int, data: bytes, _offset: int) -> int:
        return len(data) - 1

    def full(_path: Path, _target: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("saga_shell.launcher.counts.os.pwrite", cut)
    monkeypatch.setattr(Path, "replace", full)
    asyncio.run(CountsFile(path, lambda: counts(1)).write())
    assert caplog.messages == [f"counts file {path} can't be written: No space left on device"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_takes_no_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """RELIABILITY 11: a file that is just being overwritten is read again until it stays so."""
    before, after = (msgspec.json.encode(counts(number)) for number in (19, 20))
    written = after.index(b"20") + 1
    half = after[:written] + before[written:]
    assert msgspec.json.decode(half, type=Counts) == counts(29)
    reads = iter([half, after, after])
    monkeypatch.setattr(Path, "read_bytes", lambda _: next(reads))
    assert read(tmp_path) == counts(20)


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
    assert read(directory).others == {"restarts": 0}
    counts_path(directory).unlink()
    directory.rmdir()
    file = CountsFile(counts_path(directory), lambda: counts(0))
    asyncio.run(file.write())
    assert caplog.messages == [expected] * 2
