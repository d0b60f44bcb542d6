"""Standard error: one line each, in order, and nobody waits for a reader that doesn't read."""

import asyncio
import fcntl
import logging
import os
import queue
import select
import subprocess
import sys
import threading
from collections.abc import Iterator
from logging.handlers import QueueHandler

import pytest

from saga_shell import reporting as module
from saga_shell.reporting import reporting

logger = logging.getLogger("saga_shell.test")
PATIENCE_SECONDS = 60.0
PAGE = 4096


def written(capfd: pytest.CaptureFixture[str]) -> list[str]:
    """What was said, without the time of day."""
    return [line.partition(" ")[2] for line in capfd.readouterr().err.splitlines()]


def test_lines_come_in_order_with_program_and_level(capfd: pytest.CaptureFixture[str]) -> None:
    """DESIGN 6: logs go to standard error; all of them are written when the block ends."""
    with reporting("launcher"):
        for n in range(500):
            logger.info("line %d", n)
        logger.warning("the last")
    logger.warning("after the end")
    assert written(capfd) == [
        *(f"[launcher] INFO line {n}" for n in range(500)),
        "[launcher] WARNING the last",
    ]


def test_the_level_is_as_asked_and_as_before_afterwards(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """What is below the level isn't written; the process's own level comes back."""
    before = logging.getLogger().level
    with reporting("host", logging.WARNING):
        logger.info("not this")
        logger.warning("this")
    assert logging.getLogger().level == before
    assert written(capfd) == ["[host] WARNING this"]


def test_a_text_of_a_peer_can_not_break_its_line(capfd: pytest.CaptureFixture[str]) -> None:
    """DESIGN 6: line ends and terminal controls in a message are escaped."""
    with reporting("launcher"):
        logger.warning("saga 1 failed: %s", "a\nb\r\x1b[2J\x9b\u2028\x7f\x00 é ☃")
    assert written(capfd) == [
        "[launcher] WARNING saga 1 failed: a\\nb\\r\\x1b[2J\\x9b\\u2028\\x7f\\x00 é ☃"
    ]


def test_a_bug_keeps_its_traceback(capfd: pytest.CaptureFixture[str]) -> None:
    """DESIGN 3: exceptions are bugs, and bugs have to be found."""
    with reporting("launcher"):
        try:
            raise ZeroDivisionError("the bug")  # noqa: TRY301  this is what is logged
        except ZeroDivisionError:
            logger.exception("a bug")
    said = written(capfd)
    assert said[0] == "[launcher] ERROR a bug"
    assert said[-1] == "the bug"


def test_arguments_are_taken_as_they_are_now(capfd: pytest.CaptureFixture[str]) -> None:
    """What changes after the call doesn't change the line."""
    with reporting("launcher"):
        things = [1]
        logger.warning("%s", things)
        things.append(2)
    assert written(capfd) == ["[launcher] WARNING [1]"]


class Pipe:
    """A standard error that takes one page and then waits until somebody reads."""

    def __init__(self) -> None:
        self._read, self.write = os.pipe()
        fcntl.fcntl(self.write, fcntl.F_SETPIPE_SZ, PAGE)
        self._heard = b""

    def until(self, text: str) -> list[str]:
        """Read until this is said; all lines so far, without the time of day."""
        while text.encode() not in self._heard:
            self._heard += os.read(self._read, 1 << 16)
        return self.lines()

    def lines(self) -> list[str]:
        """What was read so far."""
        return [line.partition("] ")[2] for line in self._heard.decode().splitlines()]

    def close(self) -> None:
        """Nobody reads any more."""
        if self._read >= 0:
            os.close(self._read)
            self._read = -1


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pipe]:
    """Standard error is a pipe; three lines may wait for it."""
    it = Pipe()
    monkeypatch.setattr(module, "STANDARD_ERROR", it.write)
    monkeypatch.setattr(module, "QUEUE_LINES", 3)
    monkeypatch.setattr(module, "STOP_SECONDS", 0.05)
    yield it
    it.close()
    for thread in threading.enumerate():
        if thread.name == "reporting":
            thread.join()
    os.close(it.write)


def fill(pipe: Pipe) -> None:
    """Let the writer wait for a reader: the pipe is full, and one line is in its hand."""
    logger.info("x" * (PAGE - 30))
    logger.info("in hand %s", "x" * 100)
    while logging_queue().qsize() or select.select([], [pipe.write], [], 0)[1]:
        os.sched_yield()


def until_taken() -> None:
    """Wait until the writer has taken all lines."""
    while logging_queue().qsize():
        os.sched_yield()


def logging_queue() -> queue.Queue[logging.LogRecord]:
    """Where lines wait."""
    (handler,) = (h for h in logging.getLogger().handlers if isinstance(h, QueueHandler))
    lines = handler.queue
    assert isinstance(lines, queue.Queue)
    return lines


def test_what_does_not_fit_is_counted_and_told(pipe: Pipe) -> None:
    """FACTS R-05: lines that found no room are counted; the count is the next line."""
    with reporting("launcher"):
        fill(pipe)
        for n in range(10):
            logger.info("line %d", n)
        pipe.until("line 2")
        logger.info("room again")
        said = pipe.until("room again")
    assert said[2:] == [
        *(f"INFO line {n}" for n in range(3)),
        "WARNING 7 line(s) were dropped: standard error wasn't read",
        "INFO room again",
    ]


def test_drops_are_told_at_the_end_too(pipe: Pipe) -> None:
    """FACTS R-05: no line came after the drops; the count is written all the same."""
    with reporting("launcher"):
        fill(pipe)
        for n in range(5):
            logger.info("line %d", n)
        pipe.until("line 2")
    said = pipe.until("were dropped")
    assert said[-1] == "WARNING 2 line(s) were dropped: standard error wasn't read"


def test_the_loop_does_not_wait_for_a_reader(pipe: Pipe) -> None:
    """DESIGN 5: nothing on the loop blocks, standard error included; nor does the end."""

    async def main() -> None:
        for n in range(1, 1_000):
            logger.info("line %d %s", n, "x" * 100)
            await asyncio.sleep(0)

    with reporting("launcher"):
        logger.info("line 0 %s", "x" * 100)
        until_taken()
        asyncio.run(main())
    assert pipe.until("line 0 ")


def test_a_reader_that_went_away_costs_nothing(pipe: Pipe) -> None:
    """DESIGN 6: `2>&1 | head` doesn't end the launcher, and says nothing of its own."""
    pipe.close()
    with reporting("launcher"):
        for n in range(100):
            logger.info("line %d", n)
            until_taken()


def test_a_process_ends_though_nobody_reads_its_standard_error() -> None:
    """DESIGN 5: a full pipe can't keep the launcher alive."""
    code = (
        "import logging\n"
        "from saga_shell import reporting\n"
        "reporting.STOP_SECONDS = 0.05\n"
        "with reporting.reporting('launcher'):\n"
        "    for n in range(5_000):\n"
        "        logging.getLogger().info('x' * 100)\n"
    )
    read, write = os.pipe()
    try:
        ended = subprocess.run(
            [sys.executable, "-c", code], stderr=write, timeout=PATIENCE_SECONDS, check=False
        )
        assert ended.returncode == 0
    finally:
        os.close(write)
        os.close(read)
