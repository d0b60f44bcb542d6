"""What the programs say on standard error: one line each, written by a thread of its own.

A terminal or a pipe that doesn't take what is written must not stop the loop, so lines wait in a
bounded queue; what doesn't fit is counted, and the count is the first line once there is room.
"""

import logging
import queue
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import QueueHandler, QueueListener

QUEUE_LINES = 10_000


class _BoundedHandler(QueueHandler):
    """Drops what doesn't fit, and says so when there is room again."""

    def __init__(self, lines: "queue.Queue[logging.LogRecord]") -> None:
        super().__init__(lines)
        self._dropped = 0

    def enqueue(self, record: logging.LogRecord) -> None:
        """Queue a record; never waits."""
        try:
            if self._dropped:
                self.queue.put_nowait(self._notice(record))
                self._dropped = 0
            self.queue.put_nowait(record)
        except queue.Full:
            self._dropped += 1

    def _notice(self, record: logging.LogRecord) -> logging.LogRecord:
        notice = logging.makeLogRecord(record.__dict__)
        notice.msg = f"{self._dropped} line(s) were dropped: standard error wasn't read"
        notice.args = ()
        return notice


@contextmanager
def reporting(program: str, level: int = logging.INFO) -> Iterator[None]:
    """Send the log lines of this process to standard error while the block runs."""
    lines: queue.Queue[logging.LogRecord] = queue.Queue(QUEUE_LINES)
    writer = logging.StreamHandler(sys.stderr)
    writer.setFormatter(
        logging.Formatter(f"%(asctime)s [{program}] %(levelname)s %(message)s", "%H:%M:%S")
    )
    handler = _BoundedHandler(lines)
    listener = QueueListener(lines, writer)
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(level)
    listener.start()
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
        listener.stop()
