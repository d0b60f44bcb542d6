"""The forensic event log: every line, in order, within its bounds, whatever the disk does."""

import asyncio
import errno
import logging
import os
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from tests.shell.launcher.parts import PATIENCE_SECONDS, poll

from saga_shell.launcher import event_log
from saga_shell.launcher.event_log import MAX_DISK_BYTES, EventLog


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the log is."""
    return tmp_path / "launcher-events.log"


def old(path: Path) -> Path:
    """Where the log before is."""
    return path.with_name(path.name + ".old")


def content(path: Path) -> bytes:
    """What the file holds; nothing while it is being rotated."""
    with suppress(FileNotFoundError):
        return path.read_bytes()
    return b""


def wait_for(path: Path, line: bytes) -> None:
    """Wait until the file has that line."""
    poll(lambda: line in content(path))


def wait_for_drops(log: EventLog, count: int) -> None:
    """Wait until so many lines were dropped."""
    poll(lambda: log.dropped == count)


def numbered(count: int, width: int = 8) -> list[bytes]:
    """Lines that can be told apart, each of that many bytes."""
    return [b"%0*d" % (width, n) for n in range(count)]


def test_every_line_is_there_in_order_after_the_end(path: Path) -> None:
    """FACTS R-61: a burst of 5,000 lines loses none; each is one line of the file."""
    log = EventLog(path)
    lines = numbered(5_000)
    for line in lines:
        log.record(line)
    log.close()
    assert path.read_bytes() == b"".join(line + b"\n" for line in lines)
    assert log.dropped == 0


def test_a_line_is_on_disk_soon_and_not_only_at_the_end(path: Path) -> None:
    """FACTS 1.2: a launcher that is killed leaves what it had published."""
    log = EventLog(path)
    log.record(b"one")
    poll(lambda: content(path) == b"one\n")
    log.record(b"two")
    poll(lambda: content(path) == b"one\ntwo\n")
    log.close()


def test_runs_follow_each_other_in_one_file(path: Path) -> None:
    """FACTS 6.3: a restart appends; a line that a crash cut short doesn't spoil the next one."""
    path.write_bytes(b'{"event":"a"}\n{"event":"b')
    for line in (b"first run", b"second run"):
        log = EventLog(path)
        log.record(line)
        log.close()
    assert path.read_bytes() == b'{"event":"a"}\n{"event":"b\nfirst run\nsecond run\n'


def test_it_is_rotated_before_it_grows_too_large(path: Path) -> None:
    """FACTS 1.2: the file never holds more than its bound; the one before is `.old`."""
    log = EventLog(path, max_bytes=100)
    lines = numbered(30, 9)
    for count, line in enumerate(lines, 1):
        log.record(line)
        wait_for(path, line)
        assert path.stat().st_size <= 100
        assert old(path).exists() == (count > 10)
    log.close()
    assert path.read_bytes().split() == lines[20:]
    assert old(path).read_bytes().split() == lines[10:20]
    assert log.dropped == 0


def test_its_bound_is_8_mib(path: Path) -> None:
    """FACTS 1.2: a file that an earlier run left at 8 MiB is rotated with the next line."""
    assert MAX_DISK_BYTES == 8 * 1024 * 1024
    path.write_bytes(b"x" * (MAX_DISK_BYTES - 1) + b"\n")
    log = EventLog(path)
    log.record(b"next")
    log.close()
    assert path.read_bytes() == b"next\n"
    assert old(path).stat().st_size == MAX_DISK_BYTES


def test_a_burst_is_rotated_by_chunks(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FACTS R-61: what was queued while the disk was busy doesn't go into one file at once."""
    monkeypatch.setattr(event_log, "CHUNK_BYTES", 50)
    log = EventLog(path, max_bytes=200)
    with log._work:
        log._lines.extend(numbered(100, 9))
        log._work.notify()
    log.close()
    assert path.stat().st_size <= 200
    assert old(path).stat().st_size <= 200
    assert path.read_bytes().split()[-1] == numbered(100, 9)[-1]


def test_lines_that_gathered_keep_the_bound_of_the_file(path: Path) -> None:
    """FACTS R-61: what is written at once fits into one file, or else it is written in two."""
    log = EventLog(path, max_bytes=25)
    for line in numbered(5, 9):
        log.record(line)
    log.close()
    assert old(path).read_bytes().split() == numbered(4, 9)[2:]
    assert path.read_bytes().split() == numbered(5, 9)[4:]
    assert log.rotations == 2


def test_a_rotation_that_fails_does_not_let_the_file_grow(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """FACTS R-61: lines that find no room are dropped and counted; it goes on when it can."""
    old(path).mkdir()
    log = EventLog(path, max_bytes=20)
    for line in (b"123456789", b"abcdefghi"):
        log.record(line)
        wait_for(path, line)
    for dropped in (1, 2, 3):
        log.record(b"too much")
        wait_for_drops(log, dropped)
    assert path.stat().st_size == 20
    old(path).rmdir()
    log.record(b"again")
    log.close()
    assert path.read_bytes() == b"again\n"
    assert old(path).stat().st_size == 20
    assert caplog.messages == [
        f"event log {path} has gaps from here on: Is a directory",
        f"event log {path} works again, 3 events are missing",
    ]


def test_a_path_that_can_not_be_written_costs_lines_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """FACTS R-61: said once when it begins, counted, and said when it is over."""
    path = tmp_path / "later" / "events.log"
    log = EventLog(path)
    for dropped in (1, 2):
        log.record(b"lost")
        wait_for_drops(log, dropped)
    path.parent.mkdir()
    log.record(b"kept")
    log.close()
    assert path.read_bytes() == b"kept\n"
    assert log.dropped == 2
    assert caplog.messages == [
        f"event log {path} has gaps from here on: No such file or directory",
        f"event log {path} works again, 2 events are missing",
    ]


def test_a_write_cut_short_by_a_full_disk_leaves_whole_lines(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FACTS R-61: half a line may stay behind, but never in front of the next one."""
    log = EventLog(path)
    log.record(b"whole")
    poll(lambda: content(path) == b"whole\n")
    real = Path.open

    def cut(self: Path, mode: str, buffering: int) -> object:
        assert (mode, buffering) == ("a+b", 0)
        with real(self, "ab", buffering=0) as file:
            file.write(b"ha")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "open", cut)
    log.record(b"half")
    wait_for_drops(log, 1)
    monkeypatch.setattr(Path, "open", real)
    log.record(b"next")
    log.close()
    assert path.read_bytes() == b"whole\nha\nnext\n"


def test_a_file_that_was_moved_away_comes_back(path: Path) -> None:
    """R-61: whoever rotates it from outside finds a new file with the next line."""
    log = EventLog(path)
    log.record(b"one")
    poll(path.exists)
    path.rename(path.with_name("moved"))
    log.record(b"two")
    log.close()
    assert path.read_bytes() == b"two\n"


@pytest.mark.parametrize("bounds", [{"queue_lines": 3}, {"queue_bytes": 11}])
def test_a_queue_that_is_full_drops_and_counts(
    path: Path,
    bounds: dict[str, int],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """FACTS R-05: beyond so many lines or bytes that wait, new ones are dropped and counted."""
    free, busy = threading.Event(), threading.Event()
    append = EventLog._append

    def slow(self: EventLog, data: bytes) -> None:
        busy.set()
        free.wait(PATIENCE_SECONDS)
        append(self, data)

    monkeypatch.setattr(EventLog, "_append", slow)
    log = EventLog(path, **bounds)
    log.record(b"0000")
    busy.wait(PATIENCE_SECONDS)
    for line in numbered(5, 4):
        log.record(line)
    assert log.dropped == 2
    free.set()
    log.close()
    assert path.read_bytes().split() == [b"0000", *numbered(3, 4)]
    assert caplog.messages == [
        f"event log {path} has gaps from here on: the disk can't keep up",
        f"event log {path} works again, 2 events are missing",
    ]


def test_a_disk_that_hangs_does_not_keep_the_launcher_alive(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DESIGN 5: the end waits for a while; the lines in hand and in the queue count as dropped."""
    free, busy = threading.Event(), threading.Event()

    def hang(_self: EventLog, _data: bytes) -> None:
        busy.set()
        free.wait(PATIENCE_SECONDS)

    monkeypatch.setattr(EventLog, "_append", hang)
    log = EventLog(path)
    log.record(b"in hand")
    busy.wait(PATIENCE_SECONDS)
    log.record(b"queued")
    log.record(b"queued")
    log.close(0.01)
    assert log.dropped == 3
    assert log._thread.daemon
    free.set()
    log._thread.join()


def test_the_file_is_synced_without_another_line(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FACTS 1.2: the last line before a quiet hour is synced within a second, not with the next."""
    synced: list[int] = []
    monkeypatch.setattr(event_log, "SYNC_SECONDS", 0.01)
    monkeypatch.setattr(os, "fdatasync", synced.append)
    log = EventLog(path)
    log.record(b"last")
    poll(lambda: len(synced) == 1)
    log.close()
    assert len(synced) == 1


def test_a_burst_is_not_synced_line_by_line(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FACTS R-61: 200 lines written one by one cost one sync, at the end."""
    synced: list[int] = []
    monkeypatch.setattr(event_log, "SYNC_SECONDS", 3_600)
    monkeypatch.setattr(os, "fdatasync", synced.append)
    log = EventLog(path)
    for line in numbered(200):
        log.record(line)
        poll(lambda: not log._lines)
    assert synced == []
    log.close()
    assert len(synced) == 1


def test_recording_does_not_block_the_loop(path: Path) -> None:
    """FACTS R-43: whatever the log's thread does, the loop only queues."""

    async def main() -> None:
        log = EventLog(path)
        for line in numbered(1_000):
            log.record(line)
            await asyncio.sleep(0)
        await asyncio.to_thread(log.close)

    asyncio.run(main())
    assert path.read_bytes().split() == numbered(1_000)


def test_an_end_without_any_line_leaves_no_file(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A run that published nothing writes nothing."""
    with caplog.at_level(logging.DEBUG):
        EventLog(path).close()
    assert not path.exists()
    assert caplog.messages == []
