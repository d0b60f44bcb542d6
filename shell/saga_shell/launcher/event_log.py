"""The forensic record of the bus: one raw event per line, on disk (FACTS 1.2).

A thread of its own writes what gathered within some milliseconds in one go, so the loop never waits
and a burst costs few writes. The file is synced within a second and at the end: a crash of the
machine can lose the last second of it, a crash of the launcher those milliseconds. When the disk
can't keep up or fails, lines are dropped, counted, and said so (R-61).
"""

import logging
import os
import threading
import time
from collections import deque
from contextlib import suppress
from io import FileIO
from pathlib import Path

logger = logging.getLogger(__name__)

MAX_DISK_BYTES = 8 * 1024 * 1024
"""What the file may hold; before it would hold more, it becomes `.old`, overwriting the one
before (FACTS 1.2)."""

QUEUE_LINES = 65_536
"""Lines that may wait for the disk."""

QUEUE_BYTES = 64 * 1024 * 1024
"""Bytes that may wait for the disk."""

CHUNK_BYTES = 1024 * 1024
"""Lines are joined into one write up to this size. While the loop is busy, the thread gets few
turns, and a write takes several: what a burst leaves in the queue depends on this."""

GATHER_SECONDS = 0.01
"""How long fewer lines than a chunk wait for others. A thread that wakes for each of them would
take the interpreter from the loop, just when that has the next answer to read."""

SYNC_SECONDS = 1.0
CLOSE_SECONDS = 5.0
"""How long the end may take; a disk that hangs must not keep the launcher alive."""


class EventLog:
    """`record` takes a line on the loop; a thread writes it.

    `dropped` counts the lines that were lost, `rotations` how often the file became `.old`.
    """

    def __init__(
        self,
        path: Path,
        *,
        max_bytes: int = MAX_DISK_BYTES,
        queue_lines: int = QUEUE_LINES,
        queue_bytes: int = QUEUE_BYTES,
    ) -> None:
        self.dropped = 0
        self.rotations = 0
        self._path = path
        self._max_bytes = max_bytes
        self._queue_lines = queue_lines
        self._queue_bytes = queue_bytes
        self._lines: deque[bytes] = deque()
        self._bytes_in = 0
        self._bytes_out = 0
        self._in_hand = 0
        self._work = threading.Condition()
        self._idle = False
        self._ending = False
        self._lost_in_outage = 0
        self._may_be_torn = True
        self._unsynced_since: float | None = None
        self._thread = threading.Thread(target=self._run, name="event-log", daemon=True)
        self._thread.start()

    def record(self, line: bytes) -> None:
        """Queue a line. Never waits; drops it if the queue is full.

        A burst wakes the thread once: it looks at the queue after it called itself idle.
        """
        waiting = self._bytes_in - self._bytes_out
        if len(self._lines) >= self._queue_lines or waiting > self._queue_bytes:
            with self._work:
                self._drop(1, "the disk can't keep up")
            return
        self._bytes_in += len(line)
        self._lines.append(line)
        if self._idle:
            with self._work:
                self._idle = False
                self._work.notify()

    def close(self, seconds: float = CLOSE_SECONDS) -> None:
        """Write and sync what is queued, within so many seconds. Blocks: call it on a thread."""
        with self._work:
            self._ending = True
            self._work.notify()
        self._thread.join(seconds)
        if self._thread.is_alive():
            with self._work:
                self._drop(self._in_hand + len(self._lines), "the disk doesn't answer")

    def _run(self) -> None:
        ended = False
        while not ended:
            lines, ended = self._take()
            if lines:
                self._write(lines)
            if ended or self._seconds_to_sync() == 0:
                self._sync()

    def _take(self) -> tuple[list[bytes], bool]:
        """Wait for lines, the end, or the time to sync. The end comes after all lines."""
        with self._work:
            self._idle = True
            self._work.wait_for(lambda: self._lines or self._ending, self._seconds_to_sync())
            self._idle = False
            if self._lines and self._bytes_in - self._bytes_out < CHUNK_BYTES:
                self._work.wait_for(lambda: self._ending, GATHER_SECONDS)
            lines = self._chunk()
            self._in_hand = len(lines)
            return lines, self._ending and not self._lines

    def _chunk(self) -> list[bytes]:
        """The lines of one write, oldest first: no more than fit into an empty file, or one."""
        lines: list[bytes] = []
        room = min(CHUNK_BYTES, self._max_bytes)
        while self._lines and (not lines or len(self._lines[0]) < room):
            line = self._lines.popleft()
            lines.append(line)
            room -= len(line) + 1
            self._bytes_out += len(line)
        return lines

    def _write(self, lines: list[bytes]) -> None:
        try:
            self._append(b"\n".join([*lines, b""]))
        except OSError as error:
            with self._work:
                self._may_be_torn = True
                self._drop(len(lines), error.strerror or str(error))
        else:
            self._recover()

    def _append(self, data: bytes) -> None:
        """Open anew each time: a file that was moved or deleted underneath comes back."""
        if self._size() + len(data) > self._max_bytes:
            self._rotate()
        with self._path.open("a+b", buffering=0) as file:
            if self._may_be_torn:
                data = _line_end_missing(file) + data
                self._may_be_torn = False
            rest = memoryview(data)
            while rest:
                rest = rest[file.write(rest) :]
        if self._unsynced_since is None:
            self._unsynced_since = time.monotonic()

    def _size(self) -> int:
        """The real one (R-61); 0 if there is no file."""
        with suppress(FileNotFoundError):
            return self._path.stat().st_size
        return 0

    def _rotate(self) -> None:
        with suppress(FileNotFoundError):
            self._path.replace(self._path.with_name(f"{self._path.name}.old"))
            self.rotations += 1

    def _sync(self) -> None:
        """A failure of this shows when the next line is written."""
        if self._unsynced_since is not None:
            self._unsynced_since = None
            with suppress(OSError), self._path.open("rb") as file:
                os.fdatasync(file.fileno())

    def _seconds_to_sync(self) -> float | None:
        if self._unsynced_since is None:
            return None
        return max(0.0, self._unsynced_since + SYNC_SECONDS - time.monotonic())

    def _drop(self, count: int, reason: str) -> None:
        """Count lost lines; the first of an outage is reported. Needs `_work`."""
        self.dropped += count
        if not self._lost_in_outage:
            logger.warning("event log %s has gaps from here on: %s", self._path, reason)
        self._lost_in_outage += count

    def _recover(self) -> None:
        with self._work:
            lost, self._lost_in_outage = self._lost_in_outage, 0
        if lost:
            logger.warning("event log %s works again, %d events are missing", self._path, lost)


def _line_end_missing(file: FileIO) -> bytes:
    """What ends a line that a crash or a full disk cut short: the next one must stand alone."""
    if file.seek(0, os.SEEK_END) == 0:
        return b""
    file.seek(-1, os.SEEK_END)
    return b"" if file.read(1) == b"\n" else b"\n"
