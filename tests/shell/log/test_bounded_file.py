"""Retention keeps the log's file bounded (FACTS 1.4, 4.3)."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from saga_core.agentmux import wire
from saga_shell.bench import story
from saga_shell.log import LogOptions, LogWriter

SAGAS_A_DAY = 700
DAYS = 12
RETENTION_DAYS = 3.0
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


class Days:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        """The present."""
        return self.now


def test_a_file_whose_old_sagas_go_stays_as_large_as_its_retention(
    path: Path, options: LogOptions
) -> None:
    """RELIABILITY 13: what a vacuum frees is used again; past the retention, days add nothing."""
    days = Days()
    options = msgspec.structs.replace(options, encode=wire.encode, clock=days)
    sizes: list[int] = []

    async def main() -> None:
        opened = await LogWriter.open(path, options)
        log = opened.unwrap()
        next_id = 1
        for _ in range(DAYS):
            for saga_id in range(next_id, next_id + SAGAS_A_DAY):
                log.defer(story.cleanup(saga_id))
            assert (await log.retry()).unwrap() is None
            next_id += SAGAS_A_DAY
            removed = (await log.vacuum(RETENTION_DAYS)).unwrap()
            assert removed in (0, SAGAS_A_DAY)
            sizes.append(await asyncio.to_thread(lambda: path.stat().st_size + wal(path)))
            days.now += timedelta(days=1)
        await log.stop()

    asyncio.run(main())
    full = int(RETENTION_DAYS) + 1
    assert sizes[full - 1] > 2 * sizes[0]
    assert max(sizes[full:]) < sizes[full] * 1.1


def wal(path: Path) -> int:
    """The size of the write-ahead log, which counts too."""
    return path.with_name(f"{path.name}-wal").stat().st_size
