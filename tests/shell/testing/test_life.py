"""A random life: whoever chooses, what happens is what can happen, and lives get far."""

import random
from collections import Counter

import pytest
from tests.core.check.shop import SHOP

from saga_core.check import FAULTS, HONEST, Scenario
from saga_core.check.agentmux import SCENARIO
from saga_core.check.runs.capsule import KINDS
from saga_core.check.runs.stage import Stage
from saga_core.engine import Config, Reducer, SagaFailed
from saga_shell.testing import Life, endless
from saga_shell.testing.life import ENDLESS, STRAY, WEIGHTS

ALL = frozenset(FAULTS)
scenarios = pytest.mark.parametrize("scenario", [SCENARIO, SHOP], ids=["AgentMux", "shop"])


def lived(
    scenario: Scenario, faults: frozenset[str], moves: int, seed: int = 1, *, honest: bool = False
) -> Life:
    """A life of so many moves."""
    scope = endless(scenario, faults, ENDLESS if honest else 2)
    life, choices = Life(scenario, scope, honest=honest), random.Random(seed)
    for _ in range(moves):
        assert life.go_on(choices.randrange).broken is None, life.story()
    return life


def test_every_kind_of_move_has_a_weight() -> None:
    """DESIGN 4: nothing that the checker lets happen is left out."""
    assert set(WEIGHTS) == set(KINDS)


@scenarios
def test_a_long_life_sees_every_kind_of_move(scenario: Scenario) -> None:
    """DESIGN 4: under all faults, however rare."""
    kinds = Counter(
        taken.cue.move for seed in range(4) for taken in lived(scenario, ALL, 150, seed).taken
    )
    assert kinds.keys() == KINDS.keys()
    assert kinds["answer"] > kinds["deadline"]


def test_without_faults_only_good_things_happen() -> None:
    """DESIGN 4: a scope without faults: peers come once, answer, and nothing else."""
    kinds = {taken.cue.move for taken in lived(SCENARIO, frozenset(), 200).taken}
    assert kinds == {"trigger", "connect", "answer", STRAY}


@scenarios
def test_each_move_is_one_that_the_checker_has_there(scenario: Scenario) -> None:
    """DESIGN 4: a capsule of such a life can be replayed: each cue means the same move."""
    life = lived(scenario, ALL, 120, seed=2)
    for taken in life.taken:
        again = life.stage.play(taken.before, taken.cue)
        assert again is not None, taken.cue
        assert again.deeds == taken.deeds


def test_the_events_are_those_of_the_reducer() -> None:
    """DESIGN 1: `given` and `played` are plain events, which anybody may step again."""
    life = lived(SHOP, ALL - {"crash"}, 120)
    reducer, state = Reducer(SHOP.application), life.stage.fresh
    assert state.config == Config(buffer_cap=2)
    for event, effects in life.given:
        state, again = reducer.step(state, event)
        assert again == effects
    assert [e for move in life.played() for e in move.events] == [e for e, _ in life.given]


def test_good_peers_let_no_saga_fail() -> None:
    """DESIGN 4, liveness: under the faults that an honest peer survives."""
    life = lived(SCENARIO, HONEST, 300, honest=True)
    effects = [effect for _, effects in life.given for effect in effects]
    assert not [e for e in effects if isinstance(getattr(e, "event", None), SagaFailed)]


def test_lives_get_far() -> None:
    """DESIGN 4: many sagas at once, and many in all: what a uniform choice hardly reaches."""
    life = lived(SCENARIO, ALL - {"crash", "shutdown"}, 300)
    in_flight = [len(taken.here.state.sagas) for taken in life.taken if taken.here.state]
    assert max(in_flight) >= 5
    assert sum(in_flight) > 1.5 * len(in_flight)
    assert life.here.state is not None
    assert life.here.state.counters.next_saga_id > 50


def test_a_long_life_forgets_what_is_long_ago() -> None:
    """DESIGN 4: a move late in a life costs no more than an early one."""
    life = lived(SCENARIO, frozenset({"twice", "failure"}), 600)
    assert life.here.state is not None
    assert len(life.here.held) <= len(life.here.state.sagas) + 6
    assert len(life.here.sent) <= 3
    assert life.here.state.counters.next_saga_id > 100


def test_the_same_choices_make_the_same_life() -> None:
    """DESIGN 3: no chance of its own; 0 is the simplest choice."""
    assert lived(SCENARIO, ALL, 80).played() == lived(SCENARIO, ALL, 80).played()
    simplest = Life(SCENARIO, endless(SCENARIO, ALL))
    simplest.go_on(lambda _: 0)
    assert simplest.story() == ["1. pool_respawn_on_promote is triggered"]
    assert isinstance(simplest.stage, Stage)


def test_a_choice_above_its_count_is_a_bug() -> None:
    """Whoever chooses gets a count and must stay below it."""
    with pytest.raises(AssertionError, match="below the count"):
        Life(SCENARIO, endless(SCENARIO, ALL)).go_on(lambda count: count)
