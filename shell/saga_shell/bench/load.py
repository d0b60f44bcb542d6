"""`load`: several peers, faults and every trigger's account, below and beyond what it can do.

Three loads, each on a launcher of its own, by the same peers with the same faults (`load_driver`).
`full`: as many sagas on their way as keep it busy, which tells what it can do. `half`: half as many
triggers a second, for the whole time: how long users of a busy launcher wait. `twice`: twice as
many: what can't be done must wait at the peers, and the rest must go on as before. Afterwards every
trigger must have had one saga with one end, the same on the bus and in the log.
"""

from pathlib import Path

import msgspec
from msgspec import Struct

from saga_core import SAGA_NAMES
from saga_shell.bench.account import Trigger, Verdict, judge
from saga_shell.bench.failure import BenchFailed
from saga_shell.bench.figures import Run, at_least, at_most, exactly
from saga_shell.bench.load_driver import Load, Plan
from saga_shell.bench.place import Place
from saga_shell.bench.processes import launcher, outcome_of, resident_bytes
from saga_shell.bench.sizes import Sizes
from saga_shell.log import current_path

IN_FLIGHT = 256
SEED = 1
SHARE_OF_TIME = {"full": 1 / 4, "half": 1, "twice": 1 / 2}
"""Of the time that the longest load takes, so much for each."""

DEADLINES = tuple(f"--saga-timeout={name}=5" for name in SAGA_NAMES)
"""Sagas whose answer is left out end soon, so that the last end is not long in coming."""

MILLISECONDS = 1_000
MEBIBYTE = 1 << 20

NOTHING = exactly(0)
NO_COLLAPSE = at_least(0.8)
SAME_MEMORY = at_most(1.5)


class Outcome(Struct, frozen=True):
    """What the peers measured, what became of the triggers, and the launcher's most memory."""

    load: Load
    verdict: Verdict
    memory: int


def measure(sizes: Sizes, place: Place) -> Run:
    """One run."""
    run = Run()
    full = _under(run, "full", 0, sizes, place)
    if not full.load.completed_per_second:
        raise BenchFailed("not one saga completed in time: this machine is too busy to tell")
    _under(run, "half", full.load.ended_per_second / 2, sizes, place)
    _under(run, "twice", full.load.ended_per_second * 2, sizes, place)
    run.compare("twice / full", "twice", "full", NO_COLLAPSE)
    over, under = "twice_completed", "full_completed"
    run.compare(f"{over} / {under}", over, under, NO_COLLAPSE)
    run.compare("twice_memory / full_memory", "twice_memory", "full_memory", SAME_MEMORY)
    run.compare("half_whole_p50 / half_started_p50", "half_whole_p50", "half_started_p50")
    return run


def _under(run: Run, name: str, rate: float, sizes: Sizes, place: Place) -> Outcome:
    seconds = sizes.load_seconds * SHARE_OF_TIME[name]
    place.tell(f"{name}, {seconds:g} s")
    outcome = _loaded(Plan(seconds, rate, IN_FLIGHT, SEED), place)
    load = outcome.load
    if rate:
        run.note(f"{name}_offered", rate, "triggers/s")
        run.note(f"{name}_held_back", load.held / seconds, "triggers/s")
    run.note(name, load.ended_per_second, "sagas/s")
    run.note(f"{name}_completed", load.completed_per_second, "sagas/s")
    for what in ("started_p50", "started_p99", "whole_p50", "whole_p99"):
        run.note(f"{name}_{what}", getattr(load, what) * MILLISECONDS, "ms")
    run.note(f"{name}_memory", outcome.memory / MEBIBYTE, "MiB")
    for what in Verdict.__struct_fields__:
        run.note(f"{name}_{what}", getattr(outcome.verdict, what), "triggers", NOTHING)
    return outcome


def _loaded(plan: Plan, place: Place) -> Outcome:
    data_dir, socket, account = place.new(), place.new_socket(), place.new()
    with launcher(data_dir, socket, "full", *DEADLINES) as process:
        load, memory = _drive(socket, account, plan, process.pid)
    triggers = msgspec.json.decode(account.read_bytes(), type=list[Trigger])
    return Outcome(load, judge(triggers, current_path(data_dir)), memory)


def _drive(socket: Path, account: Path, plan: Plan, pid: int) -> tuple[Load, int]:
    """Let the peers do it; look now and then how much memory the launcher takes."""
    arguments = (socket, account, plan.seconds, plan.rate, plan.in_flight, plan.seed)
    memory = resident_bytes(pid)

    def look() -> None:
        nonlocal memory
        memory = max(memory, resident_bytes(pid))

    said = outcome_of("the load", "saga_shell.bench.load_driver", *arguments, look=look)
    return msgspec.json.decode(said, type=Load), memory
