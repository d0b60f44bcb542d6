"""What holds within a scope, how many worlds that is, and what a check needs to be worth it.

The numbers of worlds are exact. One that changes means that the reducer, or the world, behaves
differently; look at the difference before you write the new number down.
"""

from typing import Any

import pytest
from msgspec.structs import replace
from tests.core.check.running import BOTH, CLEANUP, FOUR, POOL, THREE, run, watch
from tests.core.check.shop import SHOP

from saga_core.check import (
    ALIKE,
    COMPLETES,
    DEAD_ANSWERS,
    DEGRADED,
    ENDS,
    FAULTS,
    LATE_ROWS,
    NAMES,
    NO_LESS,
    ORDER,
    REDUCTIONS,
    ROWS,
    SAFETY,
    SETTLES,
    SOMETIMES,
    Limits,
    Scope,
)
from saga_core.check.agentmux import SCENARIO
from saga_core.check.search import Search
from saga_core.check.worlds.places import Places

FEW_FAULTS = frozenset({"deadline", "disconnect"})

SCOPES = {
    "one pool_respawn": (SCENARIO, POOL, (43, 313, 80)),
    "one window_cleanup": (SCENARIO, CLEANUP, (58, 561, 118)),
    "one of each": (SCENARIO, BOTH, (196, 2717, 262)),
    "three, mixed": (SCENARIO, THREE, (426, 8337, 448)),
    "four, mixed": (SCENARIO, FOUR, (1999, 81054, 1546)),
    "the shop's, once": (SHOP, (("send", 1),), (58, 551, 48)),
}


@pytest.mark.parametrize("name", SCOPES)
def test_every_promise_holds_with_all_faults(name: str) -> None:
    """DESIGN 4: I1 to I9, liveness and the rest hold in every world; their number is known."""
    scenario, sagas, counts = SCOPES[name]
    report = run(sagas, scenario)
    assert report.verdict == "holds"
    assert report.complete
    assert report.counterexample is None
    assert report.properties == dict.fromkeys([*SAFETY, ENDS, COMPLETES, SETTLES], "holds")
    assert (report.states, report.transitions, report.reducer_states) == counts


FOUR_SAGAS = {
    "few faults": (REDUCTIONS, (178, 1018, 73)),
    "few faults, unreduced": (frozenset(), (2997, 15525, 513)),
}


@pytest.mark.parametrize("name", FOUR_SAGAS)
def test_four_sagas_keep_every_promise_of_safety_without_reductions_too(name: str) -> None:
    """DESIGN 4: what the reductions of four sagas leave out is known, where few faults happen."""
    reductions, counts = FOUR_SAGAS[name]
    scope = Scope(FOUR, faults=FEW_FAULTS, reductions=reductions)
    search = Search(Places(SCENARIO, scope), Limits(), watch())
    assert search.run() is None
    states = search.places.memo.states
    assert (len(search.worlds), search.transitions, len(states)) == counts


@pytest.mark.parametrize("reduction", [None, *sorted(REDUCTIONS)])
def test_each_reduction_can_be_switched_off(reduction: str | None) -> None:
    """DESIGN 4: what a reduction leaves out changes no verdict; it only costs worlds."""
    kept = frozenset() if reduction is None else REDUCTIONS - {reduction}
    faults = frozenset({"crash", "disconnect", "log", "twice"})
    report = run(BOTH, buffer_cap=2, faults=faults, reductions=kept)
    assert report.verdict == "holds"
    assert report.states > run(BOTH, buffer_cap=2, faults=faults).states
    assert set(report.scope.reductions) <= kept


def test_the_reductions_have_names() -> None:
    """DESIGN 4: whoever switches one off calls it by its name."""
    named = {ALIKE, DEAD_ANSWERS, DEGRADED, LATE_ROWS, NAMES, NO_LESS, ORDER, ROWS}
    assert named == REDUCTIONS


def test_three_of_the_shops_sagas_hold_with_all_faults() -> None:
    """DESIGN 4: a second application, at three sagas at once, keeps every promise."""
    report = run((("send", 3),), SHOP)
    assert (report.verdict, report.complete, report.scope.sagas) == ("holds", True, {"send": 3})
    assert (report.states, report.transitions, report.reducer_states) == (577, 16_326, 232)


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_can_be_switched_off(fault: str) -> None:
    """DESIGN 4: a fault that is switched off is no part of the world, and the rest holds."""
    every_world = REDUCTIONS - {NO_LESS}
    report = run(POOL, faults=frozenset(FAULTS) - {fault}, reductions=every_world)
    assert fault not in report.scope.faults
    assert "violated" not in {report.properties[name] for name in SAFETY}
    assert report.states <= run(POOL, reductions=every_world).states


def test_without_deadlines_nobody_promises_an_end() -> None:
    """DESIGN 4: sagas end if timers are fair; without deadlines that is no promise."""
    assert ENDS not in run(POOL, faults=frozenset({"disconnect"})).properties


def test_a_check_in_which_something_never_happens_fails() -> None:
    """DESIGN 4: who never loses a connection never restarts: the check was vacuous there."""
    report = run(POOL, faults=frozenset({"restart"}))
    unmet = [name for name in report.properties if name.startswith(SOMETIMES)]
    assert (report.verdict, report.complete) == ("violated", True)
    assert unmet == [SOMETIMES + "fault restart"]
    assert report.properties[unmet[0]] == "violated"


def test_peers_that_never_come_complete_nothing() -> None:
    """DESIGN 4, liveness: a command that nobody takes stays for ever, but for its deadline."""
    report = run(POOL, replace(SCENARIO, peers=()), faults=frozenset({"deadline"}))
    found = report.counterexample
    assert found is not None
    assert (found.promise, len(found.moves), found.repeats) == (COMPLETES, 1, 1)
    assert found.sentence == "saga 1 stays in flight for ever"


@pytest.mark.parametrize("bound", [{"buffer_cap": 0}, {"connections": 1}, {"connections": 3}])
def test_a_fault_that_a_bound_rules_out_is_not_missed(bound: dict[str, Any]) -> None:
    """DESIGN 4: no buffer, or one connection for each peer, is a scope and not a vacuous one."""
    report = run(BOTH, **bound)
    assert (report.verdict, report.complete) == ("holds", True)


def test_a_fault_that_is_none_is_a_bug() -> None:
    """DESIGN 4: faults go by their names."""
    with pytest.raises(AssertionError, match="unknown faults"):
        run(POOL, faults=frozenset({"earthquake"}))
