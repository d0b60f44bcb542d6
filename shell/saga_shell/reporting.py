"""What the programs say on standard error: one line each, written by a thread of its own.

A terminal or a pipe that doesn't take what is written must not stop the loop, so lines wait in a
bounded queue; what doesn't fit is counted, and the count is the next line once there is room.
"""

import copy
import logging
import os
import queue
import select
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from logging.handlers import QueueHandler

from saga_shell.printable import printable

QUEUE_LINES = 10_000
STANDARD_ERROR = 2

STOP_SECONDS = 2.0
"""How long the end waits for lines that nobody reads."""

_Lines = queue.Queue[logging.LogRecord | None]


class _BoundedHandler(QueueHandler):
    """Drops what doesn't fit, and says so when there is room again."""

    def __init__(self, lines: _Lines) -> None:
        super().__init__(lines)
        self._dropped = 0

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """Put the arguments into the text now: they may change before it is written."""
        prepared = copy.copy(record)
        prepared.msg = record.getMessage()
        prepared.args = None
        return prepared

    def enqueue(self, record: logging.LogRecord) -> None:
        """Queue a record; never waits."""
        try:
            self._announce_dropped()
            self.queue.put_nowait(record)
        except queue.Full:
            self._dropped += 1

    def close(self) -> None:
        """Say what was dropped since the last line, if there is room now."""
        with suppress(queue.Full):
            self._announce_dropped()
        super().close()

    def _announce_dropped(self) -> None:
        if self._dropped:
            text = f"{self._dropped} line(s) were dropped: standard error wasn't read"
            notice = {"msg": text, "levelno": logging.WARNING, "levelname": "WARNING"}
            self.queue.put_nowait(logging.makeLogRecord(notice))
            self._dropped = 0


class _OneLine(logging.Formatter):
    """Keeps each message on its line; a bug's traceback follows on lines of its own."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 -- logging's name
        """The line, with what would break it escaped."""
        return printable(super().formatMessage(record))


@contextmanager
def reporting(program: str, level: int = logging.INFO) -> Iterator[None]:
    """Send the log lines of this process to standard error while the block runs."""
    lines: _Lines = queue.Queue(QUEUE_LINES)
    handler = _BoundedHandler(lines)
    form = _OneLine(f"%(asctime)s [{program}] %(levelname)s %(message)s", "%H:%M:%S")
    writer = threading.Thread(
        target=_write, args=(lines, form, STANDARD_ERROR), name="reporting", daemon=True
    )
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(level)
    writer.start()
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
        handler.close()
        _end(lines, writer)


def _end(lines: _Lines, writer: threading.Thread) -> None:
    """Let the writer finish; if nobody reads, what waits is given up."""
    try:
        lines.put(None, timeout=STOP_SECONDS)
    except queue.Full:
        with suppress(queue.Empty):
            while True:
                lines.get_nowait()
        lines.put(None)
    else:
        writer.join(STOP_SECONDS)


def _write(lines: _Lines, form: logging.Formatter, descriptor: int) -> None:
    """Write to the descriptor, past every buffer and lock.

    At its end the interpreter would wait for a lock that a write holds, even for ever.
    """
    while (record := lines.get()) is not None:
        text = f"{form.format(record)}\n".encode(errors="backslashreplace")
        with suppress(OSError):
            _write_all(memoryview(text), descriptor)


def _write_all(rest: memoryview, descriptor: int) -> None:
    while rest:
        select.select([], [descriptor], [])
        rest = rest[os.write(descriptor, rest[: select.PIPE_BUF]) :]
