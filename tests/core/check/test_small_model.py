"""The second opinion: a small model in plain dictionaries counts the same worlds and moves.

`small_model` shares no code with the core. Where it and the checker, unreduced, don't count the
same, one of them has a rule wrong: ask the prose (DESIGN, FACTS) which.
"""

from itertools import combinations

import pytest
from tests.core.check import link_mutants, small_model
from tests.core.check.running import BOTH, CLEANUP, FOUR, POOL, THREE, watch

from saga_core.agentmux import PoolRespawn
from saga_core.check import FAULTS, Limits, Scope
from saga_core.check.agentmux import SCENARIO
from saga_core.check.search import Search
from saga_core.check.worlds.places import Places

TWO_POOLS = ((PoolRespawn.NAME, 2),)

Triggers = tuple[tuple[str, int], ...]


def by_the_checker(
    faults: frozenset[str], sagas: Triggers, cap: int = 1, connections: int = 2
) -> tuple[int, int]:
    """The worlds and transitions of an unreduced search that meets no broken promise."""
    scope = Scope(sagas, cap, faults, connections, reductions=frozenset())
    search = Search(Places(SCENARIO, scope), Limits(), watch())
    assert search.run() is None
    return len(search.worlds), search.transitions


def by_the_model(
    faults: frozenset[str], sagas: Triggers, cap: int = 1, connections: int = 2
) -> tuple[int, int]:
    """The worlds and transitions of the small model."""
    return small_model.count(small_model.Scope(faults, cap, connections), sagas)


def test_they_agree_without_faults() -> None:
    """DESIGN 4: where nothing goes wrong, what is left is the order of events."""
    nothing: frozenset[str] = frozenset()
    assert by_the_model(nothing, FOUR) == by_the_checker(nothing, FOUR)


@pytest.mark.parametrize("fault", FAULTS)
def test_they_agree_on_each_fault(fault: str) -> None:
    """DESIGN 4: each fault alone, with one saga of each kind and with two of one kind."""
    for sagas in (BOTH, TWO_POOLS):
        assert by_the_model(frozenset({fault}), sagas) == by_the_checker(frozenset({fault}), sagas)


@pytest.mark.parametrize("fault", FAULTS)
def test_they_agree_on_each_pair_of_faults(fault: str) -> None:
    """DESIGN 4: races are between two: each fault with each that is listed after it."""
    for pair in map(frozenset, combinations(FAULTS, 2)):
        if fault == min(pair, key=list(FAULTS).index):
            assert by_the_model(pair, BOTH) == by_the_checker(pair, BOTH), pair


@pytest.mark.parametrize("cap", [0, 1, 2])
@pytest.mark.parametrize("connections", [1, 2])
@pytest.mark.parametrize("sagas", [POOL, CLEANUP], ids=["pool_respawn", "window_cleanup"])
def test_they_agree_on_all_faults_at_once(sagas: Triggers, cap: int, connections: int) -> None:
    """DESIGN 4: one saga of either kind, everything may go wrong, as often as it likes."""
    every = frozenset(FAULTS)
    expected = by_the_checker(every, sagas, cap, connections)
    assert by_the_model(every, sagas, cap, connections) == expected


@pytest.mark.parametrize(
    ("faults", "sagas", "cap"),
    [
        (frozenset(FAULTS), TWO_POOLS, 1),
        (frozenset({"crash", "disconnect"}), THREE, 1),
        (frozenset({"disconnect", "expiry"}), THREE, 2),
        (frozenset({"crash", "deadline", "log"}), THREE, 1),
        (frozenset({"deadline", "expiry", "shutdown"}), FOUR, 1),
    ],
    ids=["two, all faults", "crashes", "a larger buffer", "a failing log", "four sagas"],
)
def test_they_agree_on_more_sagas(faults: frozenset[str], sagas: Triggers, cap: int) -> None:
    """DESIGN 4: sagas in each other's way: order, overflow, ends in one step, torn rows."""
    assert by_the_model(faults, sagas, cap) == by_the_checker(faults, sagas, cap)


def test_a_wrong_rule_shows_in_the_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN 4: a reducer that decides otherwise gets into other worlds, and is found out."""
    faults = frozenset({"deadline", "send"})
    agreed = by_the_checker(faults, BOTH)
    link_mutants.failed_send_ignored(monkeypatch)
    assert by_the_checker(faults, BOTH) != agreed == by_the_model(faults, BOTH)
