"""What the virtual-clock shell costs: events per second through runner, bus and saga log.

`pytest tests/benchmarks/test_rehearsal.py --benchmark-enable` measures; events by the mean time are
the rate. In a hurry many events share a commit; judged, each step is held to every promise too.
"""

import random
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from saga_core.check import FAULTS, Played
from saga_core.check.agentmux import SCENARIO
from saga_core.engine import Config
from saga_shell.rehearsal import Rehearsal, rehearse
from saga_shell.testing import Life, endless

MOVES = 400
ALIVE = frozenset(FAULTS) - {"crash", "shutdown"}


def life(faults: frozenset[str]) -> Life:
    """A life of so many moves, the same each time."""
    found, choices = Life(SCENARIO, endless(SCENARIO, faults)), random.Random(1)
    for _ in range(MOVES):
        found.go_on(choices.randrange)
    return found


@pytest.fixture(scope="module")
def play() -> list[Played]:
    """The life of one process, with outages of its log."""
    return life(ALIVE).played()


@pytest.mark.parametrize("judged", [False, True], ids=["plain", "judged"])
@pytest.mark.parametrize("hurried", [False, True], ids=["one by one", "in a hurry"])
def test_rehearsal(
    benchmark: BenchmarkFixture,
    play: list[Played],
    hurried: bool,
    judged: bool,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """A play from an empty directory to the rows that are left."""

    def perform() -> Rehearsal:
        place: Path = tmp_path_factory.mktemp("rehearsal")
        return rehearse(
            SCENARIO.application, play, place, Config(buffer_cap=1), hurried=hurried, judged=judged
        ).unwrap()

    found = benchmark(perform)
    assert found.divergence is None
    assert found.broken is None
    benchmark.extra_info["events"] = found.events


@pytest.mark.parametrize("faults", [ALIVE, frozenset(FAULTS)], ids=["one process", "deaths too"])
def test_life(benchmark: BenchmarkFixture, faults: frozenset[str]) -> None:
    """The life itself: choosing, stepping and judging, without any shell."""
    found = benchmark(life, faults)
    assert found.broken is None
    benchmark.extra_info["events"] = len(list(found.given))
