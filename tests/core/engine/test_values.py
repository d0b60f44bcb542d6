"""The small values of the engine: bounds, outcomes, names, order."""

from math import inf, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyrsistent import pmap
from tests.core.engine.order_app import SHOP, Books, Did, Do, Placed
from tests.core.engine.store import Store

from saga_core.engine import (
    BusEvent,
    Config,
    ConnectionClosed,
    LineRejected,
    SagaOutcome,
    ShutdownRequested,
    tag_of,
    version_of,
)
from saga_core.engine.ordered import sorted_items, sorted_keys
from saga_core.engine.outcomes import Outcomes, last, push


@given(st.integers(0, 70), st.integers(0, 200))
def test_the_last_outcomes_are_kept(keep: int, count: int) -> None:
    """DESIGN 4: exactly the last `keep` endings are told of, oldest first, in bounded space."""
    ended = [SagaOutcome(number, "fulfil", "completed", None) for number in range(count)]
    outcomes = Outcomes()
    for outcome in ended:
        outcomes = push(outcomes, outcome, keep)
    assert last(outcomes, keep) == tuple(ended[max(0, count - keep) :])
    assert len(last(outcomes, count)) <= keep + 32


def test_the_state_remembers_as_many_endings_as_configured() -> None:
    """DESIGN 4: `outcomes_kept` bounds what a snapshot tells of."""
    store = Store(Config(outcomes_kept=2))
    for saga_id in store.order("a", "b", "c"):
        store.deadline(saga_id)
    kept = last(store.state.outcomes, store.state.config.outcomes_kept)
    assert [outcome.saga_id for outcome in kept] == [2, 3]
    assert kept[0] == SagaOutcome(2, "fulfil", "failed", "saga timeout")


@given(st.dictionaries(st.integers(), st.integers()))
def test_a_map_is_read_in_the_order_of_its_keys(mapping: dict[int, int]) -> None:
    """DESIGN 3: same entries, same order, on every machine and hash seed."""
    assert sorted_items(pmap(mapping)) == sorted(mapping.items())
    assert sorted_keys(pmap(mapping)) == sorted(mapping)


@pytest.mark.parametrize(
    "bounds",
    [
        {"buffer_cap": -1},
        {"frame_expiry_seconds": 0},
        {"outcomes_kept": -1},
        {"own_commands_per_step": -1},
        *({"timeouts": pmap({"fulfil": seconds})} for seconds in (0, -1, inf, nan)),
    ],
)
def test_a_bound_that_makes_no_sense_is_a_bug(bounds: dict[str, Any]) -> None:
    """DESIGN 4: the configuration is checked once, where it is made."""
    with pytest.raises(AssertionError, match=next(iter(bounds)).removesuffix("s")):
        Config(**bounds)


def test_the_default_bounds_are_those_of_the_facts() -> None:
    """FACTS 1.2, 3.1: 64 commands, 30 s; DESIGN 4: 256 outcomes."""
    config = Config()
    assert (config.buffer_cap, config.frame_expiry_seconds) == (64, 30.0)
    assert (config.outcomes_kept, len(config.timeouts)) == (256, 0)


def test_messages_know_their_name_and_number() -> None:
    """FACTS 2.2: the tag is the name on the wire; an event without a number has number 0."""
    assert tag_of(Do("reserve", "a")) == "do"
    assert tag_of(Placed("a")) == "placed"
    assert version_of(Did("reserve", "a", 1, 9)) == 9

    class Plain(BusEvent, frozen=True, tag="plain"):
        """An event that forgot its version."""

    assert version_of(Plain()) == 0


def test_an_application_needs_no_rule_for_connections() -> None:
    """DESIGN 4: the engine's defaults take openings, ends and rejected lines without a word."""
    store = Store()
    connection = store.open()
    store.ignores(LineRejected(connection, "what?"), ConnectionClosed(connection))


def test_a_mirror_can_be_given() -> None:
    """DESIGN 4: an application may start from a mirror of its own."""
    assert SHOP.initial_state().mirror == Books()
    assert SHOP.initial_state(mirror=Books(7)).mirror == Books(7)


def test_a_shutdown_without_sagas_is_remembered() -> None:
    """FACTS 1.4: what is triggered after a shutdown was asked for ends at once."""
    store = Store()
    assert store.give(ShutdownRequested("SIGTERM")) == ()
    store.order("late")
    assert store.endings() == {1: "shop shutting down"}
    assert store.rows.sagas[1].steps == {}
