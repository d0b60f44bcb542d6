"""`recovery`: how long a start and a look at the log take, by what the file holds.

A start is the launcher's own, in this process, from its call to the moment when peers may connect:
data directory, socket, log, recovery with its rows and its announcements. The interpreter's start
is left out, so that what grows with the file can be seen. Log lines are held back, as `run` does.
"""

import asyncio
import io
import os
import shutil
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

from saga_shell.bench import raw_sqlite, story
from saga_shell.bench.failure import BenchFailed
from saga_shell.bench.figures import Run, at_least, at_most
from saga_shell.bench.logs import fill
from saga_shell.bench.place import Place
from saga_shell.bench.sizes import Sizes
from saga_shell.cli.diag.sagas import sagas as diag_sagas
from saga_shell.cli.held import reporting_once_started
from saga_shell.launcher.launch import launch
from saga_shell.launcher.options import EXIT_FINE, Options
from saga_shell.log import current_path

ROWS_PER_SAGA = 1 + story.STEPS
"""One of the saga, and one of each of its steps."""

REASON = "launcher restarted while saga in state 'running'"

MILLISECONDS = 1_000
MANY = 100_000
START_MILLISECONDS = at_most(1_000)
SHARE_OF_RAW = at_least(0.5)
INDEPENDENT = at_most(1.5)
"""What "independent of history" lets through: files differ in their pages and caches."""


def prepare(sizes: Sizes, place: Place) -> Callable[[Place], Run]:
    """Write the logs, once; every run starts on copies."""
    histories = {rows: _filled(place, rows // ROWS_PER_SAGA, 0) for rows in sizes.history}
    unresolved = {sagas: _filled(place, 0, sagas) for sagas in sizes.unresolved}

    def measure(place: Place) -> Run:
        run = Run()
        for rows, data_dir in histories.items():
            place.tell(f"{rows:,} rows of history")
            _measure(run, f"history_{rows}", data_dir, place)
        for sagas, data_dir in unresolved.items():
            place.tell(f"{sagas:,} unresolved sagas")
            _measure(run, f"unresolved_{sagas}", data_dir, place)
            if sagas:
                _compare_with_raw(run, sagas, data_dir, place)
        _compare_histories(run, sizes)
        return run

    return measure


def _filled(place: Place, ended: int, unresolved: int) -> Path:
    place.tell(f"write {ended + unresolved:,} sagas into a log")
    data_dir = place.new()
    asyncio.run(fill(data_dir, ended, unresolved))
    return data_dir


def _measure(run: Run, name: str, data_dir: Path, place: Place) -> None:
    copied = _copy(data_dir, place)
    run.note(f"diag_{name}", diag_seconds(copied) * MILLISECONDS, "ms")
    goal = START_MILLISECONDS if name == f"unresolved_{MANY}" else None
    seconds = start_seconds(copied, place.new_socket())
    run.note(f"start_{name}", seconds * MILLISECONDS, "ms", goal)
    shutil.rmtree(copied)


def _compare_with_raw(run: Run, sagas: int, data_dir: Path, place: Place) -> None:
    """The limit writes the same updates, and does nothing else."""
    copied = _copy(data_dir, place)
    raw = f"raw_updates_{sagas}"
    seconds = raw_sqlite.recovery_seconds(current_path(copied), sagas, REASON)
    run.note(raw, seconds * MILLISECONDS, "ms")
    shutil.rmtree(copied)
    start = f"start_unresolved_{sagas}"
    run.compare(f"{raw} / {start}", raw, start, SHARE_OF_RAW if sagas == MANY else None)


def _compare_histories(run: Run, sizes: Sizes) -> None:
    least, most = min(sizes.history), max(sizes.history)
    for what in ("start", "diag"):
        over, under = f"{what}_history_{most}", f"{what}_history_{least}"
        run.compare(f"{over} / {under}", over, under, INDEPENDENT)


def start_seconds(data_dir: Path, socket: Path) -> float:
    """Start a launcher on `data_dir`, and end it as soon as it listens."""
    return asyncio.run(_start_seconds(data_dir, socket))


async def _start_seconds(data_dir: Path, socket: Path) -> float:
    listening, stop = 0.0, asyncio.Event()

    def announced(_: Path) -> None:
        nonlocal listening
        listening = time.perf_counter()
        stop.set()

    begin = time.perf_counter()
    with reporting_once_started("bench"):
        ended = await launch(Options(data_dir, "bench", socket), announced, stop)
    if ended.code != EXIT_FINE:
        raise BenchFailed(ended.line or f"the launcher ended with code {ended.code}")
    return listening - begin


def diag_seconds(data_dir: Path) -> float:
    """Let `diag sagas` look at `data_dir`."""
    begin = time.perf_counter()
    with redirect_stdout(io.StringIO()):
        diag_sagas.main(["--data-dir", str(data_dir)], standalone_mode=False)
    return time.perf_counter() - begin


def _copy(data_dir: Path, place: Place) -> Path:
    """A copy that is on the disk: else the launcher's first sync would write all of it."""
    copied = place.new()
    shutil.copytree(data_dir, copied)
    for path in copied.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
    return copied
