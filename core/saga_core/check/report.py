"""What a check found, as values that go into JSON as they are."""

from typing import Literal

from msgspec import Struct

from saga_core.check.runs.capsule import Capsule

Verdict = Literal["holds", "violated", "undetermined"]
"""`holds` is said of the scope that was searched to its end, `undetermined` of a search cut."""


class Line(Struct, frozen=True):
    """One move of a counterexample, and what it changed, by lane; a lane without change is ""."""

    move: str
    registry: str = ""
    link: str = ""
    peers: str = ""
    timers: str = ""
    log: str = ""
    bus: str = ""


Swapped = Literal["impossible", "fails", "passes"]
"""What becomes of a run with two moves the other way round: it can't be played, or it can."""


class Swap(Struct, frozen=True):
    """Two moves that follow one another, by their numbers from 1, and what their order decides."""

    moves: tuple[int, int]
    swapped: Swapped


class Counterexample(Struct, frozen=True):
    """A run that breaks a promise.

    `shortest`: no run with fewer moves breaks any promise that was checked in the same search.
    `repeats`: None, or from which of the moves on the run goes round for ever; equal to the
    number of moves, it stays where it is. `order` says of each two neighbours whether their order
    matters; `capsule` is the run for `check --replay`.
    """

    promise: str
    sentence: str
    shortest: bool
    moves: tuple[Line, ...]
    repeats: int | None
    order: tuple[Swap, ...]
    capsule: Capsule


class CheckedScope(Struct, frozen=True):
    """What was checked."""

    sagas: dict[str, int]
    buffer_cap: int
    connections: int
    faults: tuple[str, ...]
    reductions: tuple[str, ...]


class CoveredFile(Struct, frozen=True):
    """What a search went through of one file's functions.

    `missing_lines` were never reached; `missing_branches`, from line to line, were never taken
    though their first line was reached. A line below 0 stands for the end of the function.
    """

    file: str
    branches: int
    covered: int
    missing_lines: tuple[int, ...]
    missing_branches: tuple[tuple[int, int], ...]


class StepCoverage(Struct, frozen=True):
    """The branches of `step`: of the engine, and of the sagas' modules."""

    branches: int
    covered: int
    files: tuple[CoveredFile, ...]


class Report(Struct, frozen=True):
    """The outcome of a check.

    `complete`: every world of the scope was visited. `properties` says of each one `holds`,
    `violated` or `undetermined`. `states` counts worlds, `reducer_states` the states of the
    reducer among them; `depth` is the number of moves to the farthest world. `coverage` is there
    if it was asked for.
    """

    verdict: Verdict
    complete: bool
    scope: CheckedScope
    properties: dict[str, Verdict]
    states: int
    transitions: int
    step_calls: int
    reducer_states: int
    depth: int
    seconds: float
    counterexample: Counterexample | None = None
    cut: str | None = None
    coverage: StepCoverage | None = None
