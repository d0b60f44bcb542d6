"""Medians, ranges, ratios and goals."""

import pytest

from saga_shell.bench.figures import (
    Figure,
    Goal,
    Run,
    at_least,
    at_most,
    exactly,
    percentile,
    summed_up,
)


def run_of(measured: float, limit: float) -> Run:
    """A run with one figure, its limit and their ratio."""
    run = Run()
    run.note("measured", measured, "sagas/s")
    run.note("limit", limit, "sagas/s")
    run.compare("measured / limit", "measured", "limit", at_least(0.5))
    return run


def test_a_ratio_is_paired_within_its_run() -> None:
    """DESIGN 6: a median of ratios, not a ratio of medians, since machines are noisy."""
    runs = [run_of(10, 100), run_of(60, 60), run_of(100, 50)]
    figures = summed_up([run.figures for run in runs])
    ratios = summed_up([run.ratios for run in runs])
    assert figures["measured"] == Figure(60, 10, 100, "sagas/s", None, None)
    assert figures["limit"] == Figure(60, 50, 100, "sagas/s", None, None)
    assert ratios["measured / limit"] == Figure(1.0, 0.1, 2.0, "", "≥ 0.5", True)


def test_the_order_of_a_run_stays() -> None:
    """Figures are shown in the order in which they were measured."""
    assert list(summed_up([run_of(1, 2).figures, run_of(3, 4).figures])) == ["measured", "limit"]


@pytest.mark.parametrize(
    ("goal", "text", "met", "missed"),
    [
        (at_least(0.7), "≥ 0.7", [0.7, 3], [0.69]),
        (at_most(2), "≤ 2", [2, 0], [2.01]),
        (exactly(3), "= 3", [3], [2.9, 3.1]),
    ],
)
def test_a_goal_is_held_against_the_median(
    goal: Goal, text: str, met: list[float], missed: list[float]
) -> None:
    """DESIGN 6: a goal says on which side of its bound the median should be; the bound counts."""
    assert str(goal) == text
    assert all(goal.is_met(value) for value in met)
    assert not any(goal.is_met(value) for value in missed)


@pytest.mark.parametrize(
    ("values", "share", "wanted"),
    [([5.0], 0.99, 5.0), ([3.0, 1.0, 2.0], 0.5, 2.0), (list(range(1, 101)), 0.99, 99)],
)
def test_a_percentile_is_one_of_the_values(
    values: list[float], share: float, wanted: float
) -> None:
    """p99 is the smallest latency that 99 of 100 sagas don't exceed."""
    assert percentile(values, share) == wanted
