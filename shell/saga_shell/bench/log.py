"""`log`: the launcher's log writer against raw `sqlite3` (R and W).

What FULL costs beside NORMAL is the disk's to say: the limit itself is measured under both.
"""

import asyncio
import time
from pathlib import Path

from saga_shell.bench import raw_sqlite, story
from saga_shell.bench.figures import Goal, Run, at_least
from saga_shell.bench.logs import commit, writing
from saga_shell.bench.place import Place
from saga_shell.bench.sizes import Sizes
from saga_shell.log import Synchronous

MANY = 256
"""The number in flight that the goals speak of."""

SHARE_OF_W = at_least(0.7)
SHARE_OF_NORMAL = at_least(0.8)


def measure(sizes: Sizes, place: Place) -> Run:
    """One run."""
    run = Run()
    for in_flight in sizes.in_flight:
        _measure(run, sizes.sagas(in_flight), in_flight, place)
    return run


def _measure(run: Run, sagas: int, in_flight: int, place: Place) -> None:
    limit = "R" if in_flight == 1 else f"W_{in_flight}"
    for synchronous in ("full", "normal"):
        place.tell(f"{in_flight} in flight, {synchronous}")
        rate = asyncio.run(_sagas_per_second(place.new(), sagas, in_flight, synchronous))
        run.note(f"log_{synchronous}_{in_flight}", rate, "sagas/s")
    raw = raw_sqlite.sagas_per_second(place.new(), sagas, in_flight)
    run.note(limit, raw, "sagas/s")
    own = raw_sqlite.sagas_per_second(place.new(), sagas, in_flight, own_tables=True)
    run.note(f"{limit}_own_tables", own, "sagas/s")
    full = f"log_full_{in_flight}"
    run.compare(f"{full} / {limit}", full, limit, _goal(in_flight, SHARE_OF_W))
    run.compare(f"{full} / {limit}_own_tables", full, f"{limit}_own_tables")
    normal = f"log_normal_{in_flight}"
    run.compare(f"{full} / {normal}", full, normal, _goal(in_flight, SHARE_OF_NORMAL))
    unsynced = raw_sqlite.sagas_per_second(place.new(), sagas, in_flight, "normal")
    run.note(f"{limit}_normal", unsynced, "sagas/s")
    run.compare(f"{limit} / {limit}_normal", limit, f"{limit}_normal")


async def _sagas_per_second(
    path: Path, sagas: int, in_flight: int, synchronous: Synchronous
) -> float:
    async with writing(path, synchronous) as writer:
        batches = [
            records for group in story.groups(sagas, in_flight) for records in story.hops(group)
        ]
        begin = time.perf_counter()
        for records in batches:
            await commit(writer, records)
        return sagas / (time.perf_counter() - begin)


def _goal(in_flight: int, goal: Goal) -> Goal | None:
    return goal if in_flight == MANY else None
