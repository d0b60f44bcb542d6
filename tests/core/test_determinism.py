"""Same events in, same effects out (DESIGN 3): no clock, no chance, no hash seed decides."""

import random
from collections.abc import Callable

import pytest
from tests.core.digest import MOVES, digest
from tests.core.elsewhere import printed_by
from tests.core.lives import launcher_life, shop_life
from tests.core.story import Story

from saga_core.engine import Reducer
from saga_shell.testing import Life

SETTINGS: tuple[dict[str, str], ...] = (
    {"PYTHONHASHSEED": "0"},
    {"PYTHONHASHSEED": "1"},
    {"PYTHONHASHSEED": "4242"},
    {"PYTHONHASHSEED": "2", "PYRSISTENT_NO_C_EXTENSION": "1"},
    {"PYTHONHASHSEED": "3", "PYRSISTENT_NO_C_EXTENSION": "1"},
)


@pytest.mark.parametrize("environment", SETTINGS, ids=str)
def test_effects_are_the_same_under_every_hash_seed(environment: dict[str, str]) -> None:
    """DESIGN 3: other hash seeds, and pyrsistent without C, bring about the very same effects."""
    assert printed_by("tests.core.digest", environment) == digest()


@pytest.mark.parametrize("make", [launcher_life, shop_life])
def test_a_run_can_be_replayed(make: Callable[[], Life]) -> None:
    """DESIGN 1: the events of a run, stepped again from the start, give its effects and its end."""
    life, choices = make(), random.Random(7)
    for _ in range(MOVES):
        life.go_on(choices.randrange)
    reducer, state = Reducer(life.stage.scenario.application), life.stage.fresh
    for event, effects in life.given:
        before = state
        state, again = reducer.step(before, event)
        assert again == effects
        assert reducer.step(before, event) == (state, effects)
    assert state == life.here.state


def test_the_lives_that_are_compared_see_every_ending() -> None:
    """FACTS 1.3: the seeded life of the launcher meets each reason that a saga can end for."""
    life, choices, story = launcher_life(), random.Random(0), Story()
    for _ in range(MOVES):
        story.follow(life.go_on(choices.randrange))
    assert set(story.endings().values()) == {
        "completed",
        "saga timeout",
        "host action failed: could not",
        "host unreachable",
        "host pipe backpressure overflow",
    }
