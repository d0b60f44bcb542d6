"""The forensic record of the bus: one raw event per line, on disk (FACTS 1.2).

A thread of its own writes what gathered meanwhile in one go, so the loop never waits and a burst
costs one write. The file is synced once a second at the most and at the end: a crash of the
machine can lose the last second of it, a crash of the launcher nothing that was written. When the
disk can't keep up or fails, lines are dropped, counted, and said so (R-61).
"""

import logging
import os
import threading
import time
from collections import deque
from pathlib import Path

logger = logging.getLogger(__name__)

MAX_DISK_BYTES = 8 * 1024 * 1024
"""Size at which the file is rotated to `.old`, overwriting the one before (FACTS 1.2)."""

QUEUE_LINES = 65_536
"""Lines that may wait for the disk."""

SYNC_SECONDS = 1.0


class EventLog:
    """`record` takes a line on the loop; a thread writes it. `dropped` counts what was lost."""

    def __init__(
        self, path: Path, *, max_bytes: int = MAX_DISK_BYTES, queue_lines: int = QUEUE_LINES
    ) -> None:
        self.dropped = 0
        self._path = path
        self._max_bytes = max_bytes
        self._queue_lines = queue_lines
        self._lines: deque[bytes] = deque()
        self._work = threading.Condition()
        self._ending = False
        self._failing = False
        self._synced_at = 0.0
        self._thread = threading.Thread(target=self._run, name="event-log", daemon=True)
        self._thread.start()

    def record(self, line: bytes) -> None:
        """Queue a line. Never waits; drops it if the queue is full."""
        with self._work:
            if len(self._lines) >= self._queue_lines:
                self._drop(1, f"{self._path} can't keep up")
                return
            self._lines.append(line)
            self._work.notify()

    def close(self) -> None:
        """Write and sync what is queued. Blocks: call it on a thread."""
        with self._work:
            self._ending = True
            self._work.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._work:
                self._work.wait_for(lambda: self._lines or self._ending)
                lines, self._lines = self._lines, deque()
                ending = self._ending
            if lines:
                self._write(lines, sync_now=ending)
            if ending and not lines:
                return

    def _write(self, lines: deque[bytes], *, sync_now: bool) -> None:
        try:
            self._append(b"".join(line + b"\n" for line in lines), sync_now=sync_now)
        except OSError as error:
            self._drop(len(lines), f"event log {self._path} can't be written: {error.strerror}")
        else:
            self._failing = False

    def _append(self, data: bytes, *, sync_now: bool) -> None:
        """Open anew each time: a file that was moved or deleted underneath comes back."""
        with self._path.open("ab") as file:
            file.write(data)
            file.flush()
            if sync_now or time.monotonic() - self._synced_at >= SYNC_SECONDS:
                os.fdatasync(file.fileno())
                self._synced_at = time.monotonic()
            size = file.tell()
        if size >= self._max_bytes:
            self._path.replace(self._path.with_name(self._path.name + ".old"))

    def _drop(self, count: int, reason: str) -> None:
        self.dropped += count
        if not self._failing:
            self._failing = True
            logger.warning("%s: events are missing from it until it works again", reason)
