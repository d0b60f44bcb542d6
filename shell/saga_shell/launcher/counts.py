"""What the launcher met, turned away, dropped, did again and holds, for `diag bounds` to read.

The file says it while the launcher lives, and goes on saying it when it has ended or was killed:
it is written once a second if something changed, and at the end.
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import msgspec
from msgspec import Struct
from returns.result import Failure, Success

logger = logging.getLogger(__name__)

FILE_NAME = "launcher-counts.json"
WRITE_SECONDS = 1.0


class Met(Struct, frozen=True):
    """A bound: its name, how much it allows, and how many times it was met."""

    name: str
    bound: float
    times: int


class Counts(Struct, frozen=True):
    """All counts of one launcher since its start; of `others`, `…_now` is what it holds."""

    launcher_pid: int
    bounds: tuple[Met, ...]
    others: dict[str, int]


def counts_path(data_dir: Path) -> Path:
    """Where a data directory's counts are."""
    return data_dir / FILE_NAME


def read_counts(data_dir: Path) -> Success[Counts | None] | Failure[str]:
    """The counts of the last launcher, None if there are none; the failure is one line."""
    path = counts_path(data_dir)
    try:
        return Success(msgspec.json.decode(path.read_bytes(), type=Counts))
    except FileNotFoundError:
        return Success(None)
    except OSError as error:
        return Failure(f"counts file {path}: {error.strerror}: check its permissions")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return Failure(f"counts file {path} can't be read ({error}): the next launcher rewrites it")


class CountsFile:
    """Writes what `count` gives. A disk that fails is told once, and tried again."""

    def __init__(self, path: Path, count: Callable[[], Counts]) -> None:
        self._path = path
        self._count = count
        self._written: Counts | None = None
        self._failing = False

    async def keep(self) -> NoReturn:
        """Write once a second, if something changed, until cancelled."""
        while True:
            await self.write()
            await asyncio.sleep(WRITE_SECONDS)

    async def write(self) -> None:
        """Write now, if something changed."""
        counts = self._count()
        if counts != self._written:
            error = await asyncio.to_thread(self._replace, msgspec.json.encode(counts))
            self._told(error)
            self._written = counts if error is None else None

    def _replace(self, data: bytes) -> OSError | None:
        """A reader sees the old file or the new one, never a half."""
        fresh = self._path.with_name(f"{self._path.name}.new")
        try:
            fresh.write_bytes(data)
            fresh.replace(self._path)
        except OSError as error:
            return error
        return None

    def _told(self, error: OSError | None) -> None:
        if error is not None and not self._failing:
            logger.warning("counts file %s can't be written: %s", self._path, error.strerror)
        self._failing = error is not None
