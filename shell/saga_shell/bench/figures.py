"""Figures of single runs, and what several runs say together."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Literal

from msgspec import Struct

Sense = Literal["at_least", "at_most", "exactly"]

_SIGNS: dict[Sense, str] = {"at_least": "≥", "at_most": "≤", "exactly": "="}


class Goal(Struct, frozen=True):
    """What a figure should be: held against its median."""

    sense: Sense
    bound: float

    def __str__(self) -> str:
        return f"{_SIGNS[self.sense]} {self.bound:g}"

    def is_met(self, value: float) -> bool:
        """Whether `value` is as it should be."""
        match self.sense:
            case "at_least":
                return value >= self.bound
            case "at_most":
                return value <= self.bound
            case "exactly":
                return value == self.bound


def at_least(bound: float) -> Goal:
    """More is better."""
    return Goal("at_least", bound)


def at_most(bound: float) -> Goal:
    """Less is better."""
    return Goal("at_most", bound)


def exactly(bound: float) -> Goal:
    """Only this will do."""
    return Goal("exactly", bound)


class Measured(Struct, frozen=True):
    """One value of one run."""

    value: float
    unit: str
    goal: Goal | None = None


class Run:
    """What one run found out. A ratio takes both of its figures from the same run."""

    def __init__(self) -> None:
        self.figures: dict[str, Measured] = {}
        self.ratios: dict[str, Measured] = {}

    def note(self, name: str, value: float, unit: str, goal: Goal | None = None) -> None:
        """Keep a figure."""
        self.figures[name] = Measured(value, unit, goal)

    def compare(self, name: str, over: str, under: str, goal: Goal | None = None) -> None:
        """Keep the ratio of two figures that were noted before."""
        ratio = self.figures[over].value / self.figures[under].value
        self.ratios[name] = Measured(ratio, "", goal)


class Figure(Struct, frozen=True):
    """The median of several runs with its range. `met`: whether the median is as the goal says."""

    median: float
    low: float
    high: float
    unit: str
    goal: str | None
    met: bool | None


def summed_up(runs: Sequence[Mapping[str, Measured]]) -> dict[str, Figure]:
    """Each name's values over all runs, in the order of the first run."""
    return {name: _figure([run[name] for run in runs]) for name in runs[0]}


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of `values` that at least `share` of them don't exceed."""
    ordered = sorted(values)
    rank = -(-len(ordered) * share // 1)
    return ordered[max(0, int(rank) - 1)]


class Timing(Struct, frozen=True):
    """So many sagas took `seconds` in all; the latencies are those of single ones, in seconds."""

    sagas: int
    seconds: float
    p50: float
    p99: float


def timing(sagas: int, seconds: float, latencies: Sequence[float]) -> Timing:
    """What the latencies of single sagas come to."""
    return Timing(sagas, seconds, percentile(latencies, 0.5), percentile(latencies, 0.99))


def _figure(measured: Sequence[Measured]) -> Figure:
    values = [one.value for one in measured]
    middle, goal = median(values), measured[0].goal
    return Figure(
        median=middle,
        low=min(values),
        high=max(values),
        unit=measured[0].unit,
        goal=None if goal is None else str(goal),
        met=None if goal is None else goal.is_met(middle),
    )
