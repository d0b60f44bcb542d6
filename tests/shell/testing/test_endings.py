"""How a life may still end: what must be possible from any world, and what is no fault there."""

import random

import pytest
from tests.core.check.returns import FORGETFUL, RETURNS, TIMID

from saga_core.check import FAULTS, Scenario
from saga_core.engine import Violation
from saga_shell.testing import Life, endless
from saga_shell.testing.endings import Endings


def broken_at_the_end_of(life: Life) -> Violation | None:
    """The promise that some way to go on breaks."""
    found = Endings(life.stage, honest=life.honest).broken(life.here)
    return found[1] if found is not None else None


def lived(scenario: Scenario, faults: frozenset[str], seed: int) -> Life:
    """A life of a few moves."""
    life, choices = Life(scenario, endless(scenario, faults, 3)), random.Random(seed)
    for _ in range(12):
        assert life.go_on(choices.randrange).broken is None
    return life


@pytest.mark.parametrize("faults", [frozenset({"failure"}), frozenset(FAULTS)], ids=["one", "all"])
def test_who_was_refused_may_fail_in_the_end(faults: frozenset[str]) -> None:
    """DESIGN 4, liveness: a saga that has to undo what it did ends by failing, rightly so."""
    for seed in range(40):
        life = lived(RETURNS, faults, seed)
        assert broken_at_the_end_of(life) is None, life.story()


def test_who_was_refused_must_end() -> None:
    """DESIGN 4, liveness: with all its answers it must not wait on."""
    found = [broken_at_the_end_of(lived(FORGETFUL, frozenset({"failure"}), n)) for n in range(40)]
    assert [one for one in found if one is not None and one.invariant == "completes"]


@pytest.mark.parametrize("faults", [frozenset[str](), frozenset(FAULTS)], ids=["none", "all"])
def test_who_is_new_must_complete(faults: frozenset[str]) -> None:
    """DESIGN 4, liveness: each trigger comes once more, after a life without any saga too."""
    life = Life(TIMID, endless(TIMID, faults))
    assert broken_at_the_end_of(life) == Violation("completes", "saga 1 fails: who knows")


def test_a_life_of_good_peers_lets_nobody_fail() -> None:
    """DESIGN 4, liveness: nobody refused anything, so a saga of before must complete as well."""
    life = Life(TIMID, endless(TIMID, frozenset()), honest=True)
    trigger = next(o for o in life.stage.options.of(life.here) if o.cue.move == "trigger")
    life.here = life.stage.take(life.here, trigger).here
    assert broken_at_the_end_of(life) == Violation("completes", "saga 1 fails: who knows")


def test_a_process_that_ends_opens_nobody() -> None:
    """FACTS R-20: what is triggered during a shutdown fails, and that is no fault."""
    life = Life(TIMID, endless(TIMID, frozenset({"shutdown"})))
    shutdown = next(o for o in life.stage.options.of(life.here) if o.cue.move == "shutdown")
    life.here = life.stage.take(life.here, shutdown).here
    assert broken_at_the_end_of(life) is None
