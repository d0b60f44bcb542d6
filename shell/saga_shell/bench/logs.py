"""Saga logs made for a measurement, through the launcher's own writer."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from returns.result import Failure, Success

from saga_core.agentmux import wire
from saga_core.engine import LogRecord
from saga_shell.bench import story
from saga_shell.bench.failure import BenchFailed
from saga_shell.log import LogOptions, LogWriter, Synchronous, current_path

Whole = Callable[[int], tuple[LogRecord, ...]]
"""All records of one saga."""

GROUP = 1_000
"""Sagas that are put into a file by one commit."""


@asynccontextmanager
async def writing(path: Path, synchronous: Synchronous = "full") -> AsyncIterator[LogWriter]:
    """The launcher's log writer on the file at `path`; closed in good order at the end."""
    options = LogOptions(encode=wire.encode, synchronous=synchronous)
    match await LogWriter.open(path, options):
        case Failure(error):
            raise BenchFailed(error.message)
        case Success(writer):
            try:
                yield writer
            finally:
                _check(await writer.stop())


async def commit(writer: LogWriter, records: list[LogRecord]) -> None:
    """Make `records` durable."""
    _check(await writer.commit(records))


async def fill(data_dir: Path, ended: int, unresolved: int, whole: Whole = story.cleanup) -> Path:
    """A log of `data_dir` with so many sagas that ended, then so many that did not; its path."""
    path = current_path(data_dir)
    async with writing(path, "normal") as writer:
        for group in story.groups(ended, GROUP):
            await commit(writer, [record for saga_id in group for record in whole(saga_id)])
        for group in story.groups(unresolved, GROUP, ended + 1):
            await commit(writer, story.hops(group)[0])
    return path


def _check(done: Success[None] | Failure[str]) -> None:
    match done:
        case Failure(line):
            raise BenchFailed(line)
        case Success():
            pass
