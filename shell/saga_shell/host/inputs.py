"""Lines from standard input or from a named pipe, read without blocking the loop."""

import asyncio
import os
import stat
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

from returns.result import Failure, Success

from saga_shell.host.accounts import Say

STANDARD_INPUT = 0


def open_standard_input() -> int:
    """A descriptor of standard input that may be made non-blocking.

    A terminal or pipe is opened anew, so that whoever shares it (standard error, the caller's
    shell) doesn't become non-blocking too.
    """
    with suppress(OSError):
        return os.open(f"/proc/self/fd/{STANDARD_INPUT}", os.O_RDONLY | os.O_NONBLOCK)
    return os.dup(STANDARD_INPUT)


def open_named_pipe(path: Path) -> Success[int] | Failure[str]:
    """A descriptor of the named pipe at `path`, which must exist.

    Opened for both ways, so that it has no end: writers come and go, and what is written while no
    host reads waits for the next one.
    """
    try:
        pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    except OSError as error:
        return Failure(f"cannot open the control pipe {path}: {error.strerror}")
    if not stat.S_ISFIFO(os.fstat(pipe).st_mode):
        os.close(pipe)
        return Failure(f"{path} is not a named pipe; make one with `mkfifo {path}`")
    return Success(pipe)


async def read_lines(descriptor: int, say: Say) -> AsyncIterator[str]:
    """Every line until the end. A line that is too long is dropped with one line of warning."""
    if _is_a_file(descriptor):
        with os.fdopen(descriptor, errors="replace") as file:
            for text in file:
                yield text
        return
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", 0)
    )
    try:
        while not reader.at_eof():
            try:
                line = await reader.readline()
            except ValueError:
                say("dropped an action line that is too long")
                continue
            yield line.decode(errors="replace")
    finally:
        transport.close()


def _is_a_file(descriptor: int) -> bool:
    """Whether the loop can't watch it: a regular file, or a device other than a terminal."""
    mode = os.fstat(descriptor).st_mode
    return not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(descriptor))
