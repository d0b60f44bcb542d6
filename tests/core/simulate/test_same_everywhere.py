"""Same seed, same run (DESIGN 3): whatever the process, and whatever the hash seed."""

import pytest
from tests.core.elsewhere import printed_by
from tests.core.simulate.digest import digest

from saga_core.check.agentmux import SCENARIO
from saga_core.simulate import Plan, simulate
from saga_core.simulate.dice import LARGEST_SEED, Dice, mixed

FROM_SEED_0 = (0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F)
"""The first outputs of the authors' splitmix64, seeded with 0."""


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONHASHSEED": "0"},
        {"PYTHONHASHSEED": "4242"},
        {"PYTHONHASHSEED": "3", "PYRSISTENT_NO_C_EXTENSION": "1"},
    ],
    ids=str,
)
def test_a_seed_gives_the_same_trace_in_every_process(environment: dict[str, str]) -> None:
    """DESIGN 3: other hash seeds, and pyrsistent without C, give the very same trace hash."""
    assert printed_by("tests.core.simulate.digest", environment) == digest()


def test_the_dice_are_those_of_the_literature() -> None:
    """The stream is splitmix64, so any other program can throw the same."""
    assert tuple(mixed(0, number) for number in (1, 2, 3)) == FROM_SEED_0


def test_the_dice_stay_within_bounds() -> None:
    """A throw below a number is below it, for the largest seed too; every face comes up."""
    dice = Dice(LARGEST_SEED)
    assert {dice.below(6) for _ in range(200)} == set(range(6))
    assert dice.thrown == 200
    assert not any(Dice(1).below(1) for _ in range(3))


def test_other_seeds_give_other_runs() -> None:
    """Each seed is a run of its own."""
    hashes = {simulate(SCENARIO, Plan(seed, 100)).trace_hash for seed in range(8)}
    assert len(hashes) == 8
