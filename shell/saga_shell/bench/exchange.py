"""`socket`: whole sagas, launcher and host in two processes over the Unix socket, durable.

The limits are measured in the same run: raw `sqlite3` (R, W), and a bare asyncio server that
answers the same lines with the same lines (echo). The host is the same for both servers. How far
R's and the echo's own p99 are from their p50 tells how much of the launcher's is the disk's and
the machine's.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from saga_shell.bench import raw_sqlite, story
from saga_shell.bench.commits import between, wal_of
from saga_shell.bench.figures import Goal, Run, Timing, at_least, at_most, exactly
from saga_shell.bench.place import Place
from saga_shell.bench.processes import launcher, play_host, serving
from saga_shell.bench.sizes import Sizes
from saga_shell.log import current_path

COUNTED_SAGAS = 16
"""Sagas over which commits are counted: few enough for no checkpoint to come in between."""

TIMES_R = {1: at_least(0.5), 256: at_least(12)}
SHARE_OF_W = {256: at_least(0.35)}
P99_OVER_P50 = {1: at_most(2)}
COMMITS_PER_SAGA = exactly(story.HOPS)
MILLISECONDS = 1_000


def measure(sizes: Sizes, place: Place) -> Run:
    """One run."""
    run = Run()
    with running_launcher(place) as (data_dir, socket):
        place.tell("commits per saga")
        _count_commits(run, current_path(data_dir), socket)
        for in_flight in sizes.in_flight:
            _measure_r(run, sizes.alone, in_flight, place)
            _measure(run, socket, sizes.sagas(in_flight), in_flight, place)
    return run


@contextmanager
def running_launcher(place: Place) -> Iterator[tuple[Path, Path]]:
    """A launcher on a new data directory; that directory, and its socket."""
    data_dir, socket = place.new(), place.new_socket()
    with launcher(data_dir, socket):
        yield data_dir, socket


def _count_commits(run: Run, log: Path, socket: Path) -> None:
    """One saga in flight; the host's registration writes no row."""
    before = wal_of(log)
    play_host(socket, COUNTED_SAGAS, 1)
    per_saga = between(before, wal_of(log)) / COUNTED_SAGAS
    run.note("commits_per_saga_1", per_saga, "commits", COMMITS_PER_SAGA)


def _measure_r(run: Run, sagas: int, in_flight: int, place: Place) -> None:
    """R depends on the disk alone, whose mood changes: it is measured anew beside each figure."""
    place.tell(f"R, beside {in_flight} in flight")
    _note(run, f"R_beside_{in_flight}", raw_sqlite.one_by_one(place.new(), sagas))


def _measure(run: Run, socket: Path, sagas: int, in_flight: int, place: Place) -> None:
    place.tell(f"{in_flight} in flight")
    name = f"socket_{in_flight}"
    _note(run, name, play_host(socket, sagas, in_flight))
    place.tell(f"{in_flight} in flight, echo")
    echo_socket = place.new_socket()
    with serving("saga_shell.bench.echo_server", echo_socket):
        _note(run, f"echo_{in_flight}", play_host(echo_socket, sagas, in_flight))
    run.compare(f"{name} / R", name, f"R_beside_{in_flight}", TIMES_R.get(in_flight))
    if in_flight > 1:
        limit = f"W_{in_flight}"
        run.note(limit, raw_sqlite.sagas_per_second(place.new(), sagas, in_flight), "sagas/s")
        run.compare(f"{name} / {limit}", name, limit, SHARE_OF_W.get(in_flight))
    run.compare(f"{name} / echo_{in_flight}", name, f"echo_{in_flight}")
    goal: Goal | None = P99_OVER_P50.get(in_flight)
    run.compare(f"{name}_p99 / {name}_p50", f"{name}_p99", f"{name}_p50", goal)
    for limit in (f"echo_{in_flight}", f"R_beside_{in_flight}"):
        run.compare(f"{limit}_p99 / {limit}_p50", f"{limit}_p99", f"{limit}_p50")


def _note(run: Run, name: str, timing: Timing) -> None:
    run.note(name, timing.sagas / timing.seconds, "sagas/s")
    run.note(f"{name}_p50", timing.p50 * MILLISECONDS, "ms")
    run.note(f"{name}_p99", timing.p99 * MILLISECONDS, "ms")
