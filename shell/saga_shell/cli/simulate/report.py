"""What `simulate` found, as values that go into JSON as they are."""

from typing import Literal

from msgspec import Struct

from saga_core.simulate import Shrunk, Simulation


class Report(Struct, frozen=True):
    """What the runs of some seeds did.

    `verdict`: `undetermined` if it was cut before anything broke. `runs` are by seed.
    `failed_seeds` broke a promise; `repeat` is the command that plays the first of them again, and
    `shrunk` what is left of it. `events` are calls of `step`, `seconds` is what the runs took.
    """

    verdict: Literal["holds", "violated", "undetermined"]
    runs: tuple[Simulation, ...]
    failed_seeds: tuple[int, ...]
    repeat: str | None
    shrunk: Shrunk | None
    events: int
    seconds: float
    cut: str | None


def report_of(runs: list[Simulation], seconds: float, cut: str | None) -> Report:
    """The report on some runs, before anything is shrunk."""
    told = tuple(sorted(runs, key=lambda run: run.seed))
    failed = tuple(run.seed for run in told if run.broken is not None)
    cut = cut or next((run.cut for run in told if run.cut is not None), None)
    verdict: Literal["holds", "violated", "undetermined"] = "holds"
    if failed:
        verdict = "violated"
    elif cut is not None:
        verdict = "undetermined"
    events = sum(run.events for run in told)
    return Report(verdict, told, failed, None, None, events, seconds, cut)
