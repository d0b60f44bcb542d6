"""Coverage of a small scope is told against the exact total that the checker knows (DESIGN 4)."""

import pytest
from tests.core.check.running import CLEANUP, POOL, run, watch

from saga_core.check import DEGRADED, ORDER, REDUCTIONS, Limits, Scope
from saga_core.check.agentmux import SCENARIO
from saga_core.engine import links
from saga_core.simulate import Plan, exact_states, met, scope_of, simulate
from saga_core.simulate.guide import Guide
from saga_core.simulate.simulation import Run


def scope(plan: Plan) -> Scope:
    """The checker's scope of a plan."""
    found = scope_of(plan)
    assert found is not None
    return found


def small(sagas: tuple[tuple[str, int], ...], steps: int) -> Plan:
    """A plan of rounds with so many sagas."""
    return Plan(1, steps, buffer_cap=1, swarms=False, scope=sagas)


def test_the_total_is_the_checkers() -> None:
    """The states that are counted are those that a check of the same scope reports."""
    plan = small(POOL, 1)
    exact = exact_states(SCENARIO, scope(plan), watch())
    assert exact is not None
    assert len(exact) == run(POOL, reductions=REDUCTIONS - {DEGRADED, ORDER}).reducer_states


@pytest.mark.parametrize("sagas", [POOL, CLEANUP], ids=["pool", "cleanup"])
def test_a_run_meets_no_state_that_the_checker_does_not_know(
    sagas: tuple[tuple[str, int], ...],
) -> None:
    """Two readings of one world: every state of a run is one of the exact total's, by some name."""
    plan = small(sagas, 2_500)
    exact = exact_states(SCENARIO, scope(plan), watch())
    assert exact is not None
    played = Run(SCENARIO, plan)
    assert len(list(played.moves())) > 2_500
    for state in played.guide.states.values():
        assert met(SCENARIO, scope(plan), exact, [state])


def test_the_guide_leads_to_what_was_not_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN 4: 6,000 guided moves see two of three states, far more than as many by chance."""
    plan = small(POOL, 6_000)
    exact = exact_states(SCENARIO, scope(plan), watch())
    assert exact is not None
    guided = simulate(SCENARIO, plan, exact=exact).coverage
    assert guided.states is not None
    assert guided.states >= len(exact) * 2 / 3
    monkeypatch.setattr(Guide, "wishes", lambda *_: iter(()))
    by_chance = simulate(SCENARIO, plan, exact=exact).coverage
    assert by_chance.states is not None
    assert by_chance.states < guided.states * 0.9


def test_without_the_total_different_states_are_counted() -> None:
    """Nobody asked the checker, so there is no total; a plan without a scope counts pairs only."""
    plan = small(POOL, 500)
    counted = simulate(SCENARIO, plan).coverage
    assert counted.states is not None
    assert counted.states > 10
    assert counted.states_of is None
    large = simulate(SCENARIO, Plan(1, 500)).coverage
    assert large.states is None
    assert 0 < large.pairs <= large.pairs_of


def test_a_cut_or_broken_count_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A count that did not end is no total, and neither is one of a reducer that is wrong."""
    plan = small(POOL, 1)
    assert exact_states(SCENARIO, scope(plan), watch(), Limits(states=10)) is None
    monkeypatch.setattr(links, "release", lambda *_: None)
    assert exact_states(SCENARIO, scope(plan), watch()) is None
