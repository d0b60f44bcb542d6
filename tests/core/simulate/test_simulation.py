"""What a run does: faults of its seed, many sagas, then healing; and what it tells of itself."""

from typing import Any

import pytest
from tests.core.check.returns import FORGETFUL, RETURNS, TIMID
from tests.core.check.shop import DEAF, SHOP

from saga_core.check import FAULTS
from saga_core.check.agentmux import SCENARIO
from saga_core.engine import Reducer, SagaFailed
from saga_core.simulate import Plan, simulate, swarm
from saga_core.simulate.moves import KINDS, Move, title
from saga_core.simulate.simulation import Run
from saga_core.simulate.tally import OTHER_REASONS, REASONS_KEPT, Tally

EVERYTHING = Plan(8, 5_000, swarms=False, buffer_cap=2)


def test_every_kind_of_move_is_made() -> None:
    """DESIGN 4: each fault, and all that happens without one, comes up in some thousand moves."""
    run = simulate(SCENARIO, EVERYTHING)
    assert run.broken is None
    assert set(run.moves) == set(KINDS) - {"anew"}
    assert run.faults == tuple(sorted(FAULTS))


def test_every_saga_ends() -> None:
    """DESIGN 4, liveness: after the second phase, what started has completed or failed."""
    run = Run(SCENARIO, EVERYTHING)
    moves = list(run.moves())
    told = run.told(None)
    assert len(moves) == sum(told.moves.values())
    assert len(run.world.state.sagas) == len(run.world.deadlines) == 0
    assert told.started > 1_000
    assert told.failed == sum(told.reasons.values())
    assert {"saga timeout", "host unreachable", "launcher shutting down"} <= told.reasons.keys()


def test_reasons_are_counted_by_name_up_to_a_bound() -> None:
    """DESIGN 4: what is told of a run stays small, and no failure is left out of the count."""
    tally = Tally()
    for number in range(REASONS_KEPT + 5):
        tally.ended(SagaFailed(1, f"reason {number % (REASONS_KEPT + 3)}", 1))
    assert len(tally.reasons) == REASONS_KEPT + 1
    assert tally.reasons[OTHER_REASONS] == 3
    assert tally.reasons["reason 1"] == 2
    assert tally.failed == REASONS_KEPT + 5


def test_thousands_can_be_in_flight() -> None:
    """DESIGN 4: spells of weather bring as many sagas in flight as the plan allows."""
    faults = frozenset({"twice", "deadline"})
    assert simulate(SCENARIO, Plan(21, 4_000, 1_100, faults)).high_water > 1_000


def test_each_seed_switches_other_faults_off() -> None:
    """DESIGN 4, swarms: some seeds keep all faults; each fault is off in some and on in some."""
    plans = [swarm(Plan(seed)) for seed in range(60)]
    assert frozenset(FAULTS) in [plan.faults for plan in plans]
    for fault in FAULTS:
        assert {fault in plan.faults for plan in plans} == {True, False}
    assert len({plan.buffer_cap for plan in plans}) > 2


def test_a_swarm_keeps_to_its_plan() -> None:
    """A seed adds no fault, and leaves a cap that is given; told not to, it switches none off."""
    given = Plan(3, faults=frozenset({"crash", "lost"}), buffer_cap=5)
    for seed in range(20):
        plan = swarm(Plan(seed, faults=given.faults, buffer_cap=5))
        assert plan.faults <= given.faults
        assert plan.buffer_cap == 5
    assert swarm(Plan(4, swarms=False)).faults == frozenset(FAULTS)


def test_without_faults_every_saga_completes() -> None:
    """DESIGN 4, liveness: with a host that answers in time, nothing fails."""
    run = simulate(SCENARIO, Plan(1, 2_000, faults=frozenset(), buffer_cap=64))
    assert run.broken is None
    assert set(run.reasons) <= {"host pipe backpressure overflow"}
    assert run.completed > 500


def test_another_application_is_simulated_too() -> None:
    """DESIGN 1: authors of other sagas hand in a scenario of their own."""
    run = simulate(SHOP, Plan(1, 2_000))
    assert run.broken is None
    assert run.completed > 100


def test_a_saga_that_no_answer_helps_is_a_finding() -> None:
    """DESIGN 4, liveness: peers answer all, and the saga waits on: its own code never completes."""
    run = simulate(DEAF, Plan(1, 500))
    assert run.broken is not None
    assert run.broken.invariant == "completes"
    assert "got every answer that it asked for, yet it goes on" in run.broken.sentence


@pytest.mark.parametrize("seed", range(1, 7))
@pytest.mark.parametrize("scope", [None, (("order", 2),)], ids=["many", "rounds"])
def test_a_saga_that_was_refused_may_fail_after_the_healing(
    seed: int, scope: tuple[tuple[str, int], ...] | None
) -> None:
    """DESIGN 4, liveness: who has to undo what it did ends by its last answer, and that is fine."""
    run = simulate(RETURNS, Plan(seed, 1_500, scope=scope))
    assert run.broken is None
    assert {
        "sold out",
        "not shipped, and released",
    } & run.reasons.keys() or "failure" not in run.faults


def test_a_refused_saga_still_has_to_end() -> None:
    """DESIGN 4, liveness: the last answer of its compensation comes, and it waits on."""
    run = simulate(FORGETFUL, Plan(1, 1_500, swarms=False))
    assert run.broken is not None
    assert "got every answer that it asked for, yet it goes on" in run.broken.sentence


@pytest.mark.parametrize("scope", [None, (("order", 1),)], ids=["many", "rounds"])
def test_a_saga_that_opens_after_the_healing_must_complete(
    scope: tuple[tuple[str, int], ...] | None,
) -> None:
    """DESIGN 4, liveness: there is always one, in a round whose triggers are used up too."""
    run = simulate(TIMID, Plan(1, 500, scope=scope))
    assert run.broken is not None
    assert (run.broken.invariant, run.broken.sentence.split(": ")[1]) == ("completes", "who knows")


def test_a_step_that_raises_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN 3: an exception is a bug, and a simulation names the move that met it."""
    original = Reducer.step

    def step(self: Reducer[Any], state: Any, event: Any) -> Any:
        if len(state.sagas) == 3:
            raise KeyError("three")
        return original(self, state, event)

    monkeypatch.setattr(Reducer, "step", step)
    run = simulate(SCENARIO, Plan(1, 500))
    assert run.broken is not None
    assert (run.broken.invariant, run.broken.sentence) == (
        "raises",
        "step raised KeyError: 'three'",
    )


def test_a_step_without_memory_breaks_no_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN 6: it is the machine that lacks something: the run is cut there."""
    original = Reducer.step

    def step(self: Reducer[Any], state: Any, event: Any) -> Any:
        if len(state.sagas) == 3:
            raise MemoryError
        return original(self, state, event)

    monkeypatch.setattr(Reducer, "step", step)
    run = simulate(SCENARIO, Plan(1, 500))
    assert (run.cut, run.broken) == ("out of memory", None)


@pytest.mark.parametrize(
    ("raised", "cut"), [(KeyboardInterrupt, "interrupted"), (MemoryError, "out of memory")]
)
def test_what_cuts_a_run_leaves_what_was_found_so_far(
    raised: type[BaseException], cut: str
) -> None:
    """DESIGN 6: a run that is interrupted, or out of memory, tells how far it came."""

    def tell(moves: int) -> None:
        if moves >= 2_000:
            raise raised

    run = simulate(SCENARIO, Plan(1, 5_000), tell)
    assert (run.cut, run.broken) == (cut, None)
    assert sum(run.moves.values()) == 2_001
    assert len(run.trace_hash) == 64


def test_where_nothing_can_happen_the_run_ends() -> None:
    """A plan whose throws come to nothing does not go on for ever."""
    run = Run(SCENARIO, Plan(1, 50, faults=frozenset(), scope=(("window_cleanup_cascade", 0),)))
    assert len(list(run.moves())) < 50


def test_a_move_is_told_in_one_line() -> None:
    """Sagas and connections are named by number, triggers and peers by name."""
    names, peers = ("respawn", "cleanup"), ("host",)
    assert title(Move("trigger", which=1), names, peers) == "trigger cleanup"
    assert title(Move("second", connection=2), names, peers) == "second host over connection 2"
    foreign = Move("foreign", 3, 1, more=4, dies=7)
    assert title(foreign, names, peers) == (
        "foreign of saga 3 as if saga 4 had asked over connection 1 and the process dies in it"
    )
