"""A log's file, read page by page."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from returns.result import Failure, Success

from saga_core.agentmux import AgentMux
from saga_core.check import Scenario
from saga_core.check.logged import LoggedSaga
from saga_shell.cli.check_log.original import Original
from saga_shell.cli.check_log.rows import logged
from saga_shell.cli.program import PROGRAM
from saga_shell.cli.refusal import EXIT_USAGE, Refusal
from saga_shell.cli.streams import path_text, remark
from saga_shell.log import (
    LOWEST_ID,
    Extent,
    LogError,
    SagaLogReader,
    SagaRows,
    find_log,
    open_read_only,
)
from saga_shell.log.options import MAX_SAGA_ID

A = TypeVar("A")

PAGE = 1_000
"""Sagas read at once."""

_TOLD_EACH = 1.0
"""Seconds between two lines of progress."""


def log_at(place: Path) -> Path:
    """The log's file: the place itself, or where a data directory has it.

    Raises `Refusal` if the system doesn't let us look there.
    """
    try:
        return find_log(place) if place.is_dir() else place
    except OSError as error:
        line = f"saga log {path_text(place)}: {error.strerror}: check the path and its permissions"
        raise Refusal(line, EXIT_USAGE) from None


def open_log(path: Path) -> SagaLogReader:
    """Open a log for reading. Raises `Refusal` if that can't be done."""
    match open_read_only(path):
        case Success(reader):
            if reader.notice is not None:
                remark(PROGRAM, reader.notice)
            return reader
        case Failure(error):
            raise _unreadable(error)


class Source:
    """The sagas of an open log, ids ascending; `original` counts those of the original launcher."""

    def __init__(self, reader: SagaLogReader, scenario: Scenario) -> None:
        self.extent: Extent = _read(reader.extent())
        self._reader = reader
        self._original = Original()
        self._translated = isinstance(scenario.application, AgentMux)
        self._told_at = time.monotonic()

    @property
    def original(self) -> int:
        """How many sagas the original launcher wrote, as far as was read."""
        return self._original.sagas

    def sagas(self) -> Iterator[LoggedSaga]:
        """Every saga with its records. Raises `Refusal` if the file can't be read on."""
        last, done = LOWEST_ID - 1, 0
        while last < MAX_SAGA_ID and (page := _read(self._reader.page(last + 1, PAGE))):
            yield from (logged(self._as_ours(rows)) for rows in page)
            last, done = page[-1].saga_id, done + len(page)
            self._tell(done)

    def _as_ours(self, rows: SagaRows) -> SagaRows:
        return self._original.read(rows) if self._translated else rows

    def _tell(self, done: int) -> None:
        now = time.monotonic()
        if now - self._told_at >= _TOLD_EACH:
            self._told_at = now
            remark("check-log", f"{done:,} of {self.extent.sagas:,} sagas")


def _read(result: Success[A] | Failure[LogError]) -> A:
    match result:
        case Success(found):
            return found
        case Failure(error):
            raise _unreadable(error)


def _unreadable(error: LogError) -> Refusal:
    return Refusal(error.message, EXIT_USAGE)
