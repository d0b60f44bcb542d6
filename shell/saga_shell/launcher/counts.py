"""What the launcher met, turned away, dropped, did again and holds, for `diag bounds` to read.

The file says it while the launcher lives, and goes on saying it when it has ended or was killed:
it is written once a second, and at the end. It says as of when, so that a reader notices when no
more is written. It is rewritten in place and fills whole pages, so a full disk is no obstacle: just
then the counts matter.
"""

import asyncio
import errno
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import msgspec
from msgspec import Struct
from returns.result import Failure, Success

logger = logging.getLogger(__name__)

FILE_NAME = "launcher-counts.json"
WRITE_SECONDS = 1.0

PAGE_BYTES = 4_096
"""File systems give room by such pages, or by parts of them."""


class Met(Struct, frozen=True):
    """A bound: its name, how much it allows, and how many times it was met."""

    name: str
    bound: float
    times: int


class Counts(Struct, frozen=True):
    """All counts of one launcher since its start; of `others`, `…_now` is what it holds.

    `as_of`: when that was so, by the clock of the machine; None if an older version wrote it.
    """

    launcher_pid: int
    bounds: tuple[Met, ...]
    others: dict[str, int]
    as_of: datetime | None = None


def counts_path(data_dir: Path) -> Path:
    """Where a data directory's counts are."""
    return data_dir / FILE_NAME


def read_counts(data_dir: Path) -> Success[Counts | None] | Failure[str]:
    """The counts of the last launcher, None if there are none; the failure is one line."""
    path = counts_path(data_dir)
    try:
        return Success(msgspec.json.decode(_settled(path), type=Counts))
    except FileNotFoundError:
        return Success(None)
    except OSError as error:
        return Failure(f"counts file {path}: {error.strerror}: check its permissions")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return Failure(f"counts file {path} can't be read ({error}): the next launcher rewrites it")


def _settled(path: Path) -> bytes:
    """What is in the file; not half of a write that goes on just now, hence twice the same."""
    last = path.read_bytes()
    while (now := path.read_bytes()) != last:
        last = now
    return last


class CountsFile:
    """Writes what `count` gives. A disk that fails is told once, and tried again."""

    def __init__(self, path: Path, count: Callable[[], Counts]) -> None:
        self._path = path
        self._count = count
        self._failing = False

    async def keep(self) -> NoReturn:
        """Write once a second, until cancelled."""
        while True:
            await self.write()
            await asyncio.sleep(WRITE_SECONDS)

    async def write(self) -> None:
        """Write now."""
        counts = msgspec.structs.replace(self._count(), as_of=datetime.now(UTC))
        self._told(await asyncio.to_thread(self._put, _whole_pages(msgspec.json.encode(counts))))

    def _put(self, data: bytes) -> OSError | None:
        """A file that isn't there, or can't be overwritten, is replaced."""
        with suppress(OSError):
            self._overwrite(data)
            return None
        try:
            self._replace(data)
        except OSError as error:
            return error
        return None

    def _overwrite(self, data: bytes) -> None:
        descriptor = os.open(self._path, os.O_WRONLY)
        try:
            if os.pwrite(descriptor, data, 0) < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.ftruncate(descriptor, len(data))
        finally:
            os.close(descriptor)

    def _replace(self, data: bytes) -> None:
        """A reader sees the old file or the new one; what can't be written takes up no room."""
        fresh = self._path.with_name(f"{self._path.name}.new")
        try:
            fresh.write_bytes(data)
            fresh.replace(self._path)
        except OSError:
            with suppress(OSError):
                fresh.unlink()
            raise

    def _told(self, error: OSError | None) -> None:
        if error is not None and not self._failing:
            logger.warning("counts file %s can't be written: %s", self._path, error.strerror)
        self._failing = error is not None


def _whole_pages(data: bytes) -> bytes:
    """`data` with blanks behind it, which mean nothing in JSON, and the end of a line."""
    pages = -(-(len(data) + 1) // PAGE_BYTES)
    return data.ljust(pages * PAGE_BYTES - 1) + b"\n"
