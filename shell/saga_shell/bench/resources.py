"""`resources`: what one launcher holds after very many sagas, beside what it held after a few.

The real launcher, the scripted host over the socket, in rounds: each round is a host that comes,
drives its sagas and goes. A fifth of the rounds warms up: caches, the replay ring and the outcomes
fill. From then on nothing may grow: what a saga leaves behind, it leaves behind for ever. Looked at
is a launcher at rest, from outside and by its own counts (`diag bounds`).
"""

import time
from pathlib import Path
from subprocess import Popen

from msgspec import Struct
from returns.result import Success

from saga_shell.bench.failure import BenchFailed
from saga_shell.bench.figures import Run, at_most, exactly
from saga_shell.bench.place import Place
from saga_shell.bench.processes import launcher, open_files, play_host, resident_bytes
from saga_shell.bench.sizes import Sizes
from saga_shell.launcher.counts import Counts, read_counts
from saga_shell.launcher.timers import SLACK

SAGAS_PER_ROUND = 5_000
FEWEST_ROUNDS = 5
IN_FLIGHT = 256

GROWTH = at_most(16)
"""Bytes for each saga: an object that stayed would be more."""

NOTHING = exactly(0)
STALE_ENTRIES = at_most(SLACK)
"""A cancelled timer leaves an entry; so many of them may wait for their removal."""

MEBIBYTE = 1 << 20
REST_SECONDS = 30.0
LOOK_SECONDS = 0.05


class Held(Struct, frozen=True):
    """What a launcher at rest holds: bytes, and numbers of things."""

    memory: int
    descriptors: int
    threads: int
    tasks: int
    timers: int
    timer_entries: int
    sagas: int


def measure(sizes: Sizes, place: Place) -> Run:
    """One run."""
    rounds = max(FEWEST_ROUNDS, sizes.through // SAGAS_PER_ROUND)
    each = sizes.through // rounds
    data_dir, socket = place.new(), place.new_socket()
    with launcher(data_dir, socket) as process:
        held: list[Held] = []
        for number in range(1, rounds + 1):
            place.tell(f"{number * each:,} sagas")
            play_host(socket, each, IN_FLIGHT)
            held.append(_at_rest(process, data_dir, number))
    warm_up = rounds // 5
    return _run(held[warm_up - 1], held[-1], each * (rounds - warm_up))


def _run(warm: Held, end: Held, sagas: int) -> Run:
    run = Run()
    run.note("sagas_after_warm_up", sagas, "sagas")
    run.note("memory_after_warm_up", warm.memory / MEBIBYTE, "MiB")
    run.note("memory_at_end", end.memory / MEBIBYTE, "MiB")
    run.note("memory_growth", (end.memory - warm.memory) / sagas, "bytes/saga", GROWTH)
    for name in ("descriptors", "threads", "tasks", "timers", "timer_entries", "sagas"):
        goal = STALE_ENTRIES if name == "timer_entries" else NOTHING
        run.note(f"{name}_more", getattr(end, name) - getattr(warm, name), "", goal)
    run.compare("memory_at_end / memory_after_warm_up", "memory_at_end", "memory_after_warm_up")
    return run


def _at_rest(process: Popen[bytes], data_dir: Path, rounds: int) -> Held:
    """Look at the launcher once the host of this round is gone and nothing goes on."""
    counts = _counts_at_rest(data_dir, rounds)
    return Held(
        memory=resident_bytes(process.pid),
        descriptors=open_files(process.pid),
        threads=counts.others["threads_now"],
        tasks=counts.others["tasks_now"],
        timers=counts.others["timers_now"],
        timer_entries=counts.others["timer_entries_now"],
        sagas=counts.others["sagas_in_flight_now"],
    )


def _counts_at_rest(data_dir: Path, rounds: int) -> Counts:
    give_up = time.monotonic() + REST_SECONDS
    while time.monotonic() < give_up:
        match read_counts(data_dir):
            case Success(Counts() as counts) if _is_at_rest(counts, rounds):
                return counts
            case _:
                time.sleep(LOOK_SECONDS)
    raise BenchFailed(f"the launcher was not at rest {REST_SECONDS:g} s after its host left")


def _is_at_rest(counts: Counts, rounds: int) -> bool:
    """Each round is one peer; the file may still tell of the round before."""
    others = counts.others
    return others["peers_accepted"] == rounds and others["peers_connected_now"] == 0
