"""Standard output and standard error, which may be closed, full, a pipe or a terminal."""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path

import click

from saga_shell.cli.refusal import Refusal
from saga_shell.printable import printable

STANDARD_OUTPUT = 1
STANDARD_ERROR = 2


def prepare_standard_streams() -> None:
    """Put /dev/null where standard input, output or error is closed; let any text be printed.

    Where one is closed, the next file or socket would get its number, and what is printed would go
    into it. What an encoding lacks is escaped.
    """
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= STANDARD_ERROR:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)


def path_text(path: Path) -> str:
    """A path as text that JSON can hold: bytes that are no UTF-8 are replaced."""
    return os.fsencode(path).decode(errors="replace")


@contextmanager
def writing() -> Iterator[None]:
    """What is written in here goes to standard output.

    A reader that went away ends the program quietly with code 1, as `| head` would have it; any
    other trouble is one line.
    """
    try:
        yield
    except OSError as error:
        _abandon(STANDARD_OUTPUT)
        if error.errno == errno.EPIPE:
            sys.exit(1)
        raise Refusal(f"can't write to standard output: {error.strerror}") from None


def show(text: str) -> None:
    """Print what was asked for. Colours go if standard output is no terminal, or by NO_COLOR."""
    with writing():
        click.echo(text, color=False if os.environ.get("NO_COLOR") else None)


def explain(text: str) -> None:
    """Print what belongs beside what was asked for, on standard error, if anybody listens."""
    try:
        click.echo(text, err=True)
    except OSError:
        _abandon(STANDARD_ERROR)


def remark(program: str, text: str) -> None:
    """Explain something in one line."""
    explain(f"{program}: {printable(' '.join(text.split()))}")


def _abandon(descriptor: int) -> None:
    """Let what is still in the buffer go nowhere.

    Python would try again at the very end, complain, and end with a code of its own.
    """
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, descriptor)
    os.close(null)
