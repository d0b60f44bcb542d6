"""A run of a simulation is a counterexample, if a capsule can hold it: it replays (DESIGN 4)."""

from collections import Counter
from typing import Any

import pytest
from msgspec.structs import replace
from tests.core.check.returns import FORGETFUL, RETURNS
from tests.core.check.shop import SHOP
from tests.core.simulate.test_moves import FULFIL
from tests.core.simulate.worlds import CONNECT, RESPAWN

from saga_core.check import Counterexample, Scenario, capsule_of, replay, text_of
from saga_core.check.agentmux import SCENARIO
from saga_core.check.runs.capsule import KINDS
from saga_core.engine import Reducer, Violation
from saga_core.simulate import Plan
from saga_core.simulate.again import Again, Made, again
from saga_core.simulate.moves import Move
from saga_core.simulate.retelling import retold
from saga_core.simulate.simulation import Run

PLAN = Plan(1, buffer_cap=2, swarms=False)
MADE_UP = Violation("I1", "something is wrong")
UNKEPT = Violation("completes", "saga 1 goes on")


def forgets_late(monkeypatch: pytest.MonkeyPatch, sagas: int) -> None:
    """A reducer that loses its last effect once some sagas were opened: long runs break."""
    original = Reducer.step

    def step(self: Reducer[Any], state: Any, event: Any) -> Any:
        after, effects = original(self, state, event)
        late = state.counters.next_saga_id >= sagas and len(effects) > 2
        return after, effects[:-1] if late else effects

    monkeypatch.setattr(Reducer, "step", step)


def whole_run(scenario: Scenario, seed: int) -> tuple[Plan, Again]:
    """All of a run, as it was made."""
    run = Run(scenario, Plan(seed, 400, swarms=False, buffer_cap=2))
    made = [Made(move, tuple(run.world.opened)) for move in run.moves()]
    return run.plan, again(scenario, run.plan, made)


@pytest.mark.parametrize(
    ("scenario", "seeds", "rare"),
    [(SCENARIO, 24, {"restart"}), (FULFIL, 16, {"restart", "foreign"})],
    ids=["AgentMux", "two peers"],
)
def test_every_kind_of_move_can_be_retold(
    scenario: Scenario, seeds: int, rare: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """DESIGN 4: what a run of a simulation does, a capsule does too, deaths in it as well."""
    forgets_late(monkeypatch, 6)
    kinds: Counter[str] = Counter()
    for seed in range(1, seeds + 1):
        plan, left = whole_run(scenario, seed)
        assert left.broken is not None
        found = retold(scenario, plan, left, left.broken)
        if left.broken.invariant == "completes":
            continue
        assert found is not None, left.moves
        kinds.update(cue.move for cue in found.capsule.moves)
        kinds.update("crash" for cue in found.capsule.moves if cue.dies_after is not None)
        capsule = capsule_of(text_of(found.capsule)).unwrap()
        outcome = replay(capsule, scenario)
        assert (outcome.verdict, outcome.move) == ("breaks", len(found.moves))
        assert (outcome.promise, outcome.sentence) == (found.promise, found.sentence)
    assert kinds.keys() >= KINDS.keys() - rare


def told(scenario: Scenario, broken: Violation, *moves: Move) -> Counterexample | None:
    """These moves as a counterexample."""
    return retold(scenario, PLAN, Again((), moves, broken, 2), broken)


FIRST = Move("answer", saga=1, connection=1)
REFUSED = Move("failure", saga=1, connection=1)
END = (Move("mend"), FIRST, Move("settled"))


def test_that_a_saga_goes_on_is_told_of_where_it_stays() -> None:
    """DESIGN 4, liveness: a peer refused; all is answered, and the saga goes on for ever."""
    moves = (CONNECT, RESPAWN, FIRST, REFUSED, *END)
    found = told(FORGETFUL, UNKEPT, *moves)
    assert found is not None
    assert (found.repeats, len(found.moves)) == (5, 5)
    assert replay(found.capsule, FORGETFUL).verdict == "breaks"
    assert replay(found.capsule, RETURNS).verdict == "holds"
    assert told(RETURNS, UNKEPT, *moves) is None


def test_a_run_of_several_rounds_is_told_from_the_last_one_on() -> None:
    """What happened in another world has nothing to do with it."""
    first = (Move("second", connection=9), RESPAWN, RESPAWN, Move("anew"))
    found = told(FORGETFUL, UNKEPT, *first, CONNECT, RESPAWN, FIRST, REFUSED, *END)
    assert found is not None
    assert found.capsule.scope.sagas == {"order": 1}


@pytest.mark.parametrize(
    ("broken", "moves"),
    [
        (UNKEPT, (CONNECT, RESPAWN)),
        (MADE_UP, (CONNECT, RESPAWN)),
        (MADE_UP, (CONNECT, RESPAWN, Move("lost", saga=1, dies=0), Move("start"))),
        (MADE_UP, (Move("mend"),)),
    ],
    ids=["it could go on", "nothing broke", "a death in no event", "nothing happened"],
)
def test_what_a_capsule_can_not_hold_is_none(broken: Violation, moves: tuple[Move, ...]) -> None:
    """DESIGN 4: nothing is handed out that doesn't replay."""
    assert told(SHOP, broken, *moves) is None


def test_deaths_losses_and_restarts_are_told_too() -> None:
    """DESIGN 4: rare moves, in a run that goes on after them: each leads where it led before."""
    came = Move("connect", connection=2)
    over_2 = [replace(move, connection=2) if move.connection else move for move in END]
    known = (CONNECT, RESPAWN)
    asked = (replace(FIRST, connection=2), replace(REFUSED, connection=2), *over_2)
    closed, gone = Move("closed", connection=1), Move("disconnect", connection=1)
    for moves in (
        (replace(CONNECT, dies=5), Move("start"), *known),
        (CONNECT, Move("crash"), Move("start"), *known),
        (*known, Move("lost", saga=1), Move("send", saga=1, connection=1, more=1), closed, came),
        (*known, gone, Move("restart"), came),
    ):
        rest = asked if came in moves else (FIRST, REFUSED, *END)
        found = told(FORGETFUL, UNKEPT, *moves, *rest)
        assert found is not None
        assert replay(found.capsule, FORGETFUL).verdict == "breaks"
        assert replay(found.capsule, RETURNS).verdict == "holds"


@pytest.mark.parametrize(("sagas", "short"), [(6, True), (40, False)])
def test_of_a_long_run_no_order_is_told(
    sagas: int, short: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose order matters takes as many runs as there are moves."""
    forgets_late(monkeypatch, sagas)
    plan, left = whole_run(SHOP, 2)
    assert left.broken is not None
    found = retold(SHOP, plan, left, left.broken)
    assert found is not None
    assert (len(found.moves) <= 40, bool(found.order)) == (short, short)
