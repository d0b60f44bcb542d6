"""A long run that breaks a promise becomes the shortest one (DESIGN 4): the explorer finds it."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace
from tests.core.check import link_mutants, mutants
from tests.core.check.returns import DOUBTFUL, FORGETFUL, RETURNS
from tests.core.check.running import POOL, watch
from tests.core.check.shop import DEAF, SHOP

from saga_core.check import (
    REDUCTIONS,
    SETTLES,
    Limits,
    Report,
    Scenario,
    Scope,
    capsule_of,
    check,
    replay,
    text_of,
)
from saga_core.check.agentmux import SCENARIO
from saga_core.engine import ConnectionClosed, Reducer, links
from saga_core.simulate import Plan, Shrunk, shrink, shrinking
from saga_core.simulate.again import Made, again
from saga_core.simulate.moves import Move
from saga_core.simulate.simulation import Run

NO_TIME = Limits(seconds=0)
TWO_PEERED = replace(DEAF, peers=("warehouse", "bank"))


def shortest(plan: Plan, limits: Limits | None = None) -> Shrunk:
    """What the run of a plan is shrunk to, which must break a promise."""
    shrunk = shrink(SCENARIO, plan, watch(), limits or Limits(states=100_000))
    assert shrunk is not None
    return shrunk


@pytest.mark.parametrize(
    ("mutant", "plan", "promise", "length"),
    [
        (link_mutants.redelivery_forgotten, Plan(1, 2_000), "dispatch", 3),
        (link_mutants.overflow_is_silent, Plan(1, 3_000, buffer_cap=8), "I7", 2),
        (mutants.steps_left_pending, Plan(1, 2_000), "I4", 2),
        (mutants.outage_forgets_a_version, Plan(2, 2_000), "I5", 1),
    ],
    ids=["redelivery", "overflow at 8", "a crash", "no saga at all"],
)
def test_the_checker_finds_the_shortest(
    mutant: Callable[[pytest.MonkeyPatch], None],
    plan: Plan,
    promise: str,
    length: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """DESIGN 4: what is left of the run says where to search; what is found there replays."""
    mutant(monkeypatch)
    shrunk = shortest(plan)
    found = shrunk.counterexample
    assert found is not None
    assert (found.promise, len(found.moves), found.shortest) == (promise, length, True)
    assert len(shrunk.moves) <= 8
    assert shrunk.buffer_cap <= 2
    capsule = capsule_of(text_of(found.capsule)).unwrap()
    assert replay(capsule, SCENARIO).verdict == "breaks"
    monkeypatch.undo()
    assert replay(capsule, SCENARIO).verdict != "breaks"


def test_a_run_that_keeps_all_is_not_shrunk() -> None:
    """There is nothing to shrink."""
    assert shrink(SCENARIO, Plan(1, 300), watch()) is None


def test_what_is_left_can_be_read_without_the_checker(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checker that has no time finds none; the run, part by part as short as it gets, is told."""
    link_mutants.redelivery_forgotten(monkeypatch)
    shrunk = shortest(Plan(1, 2_000), Limits(seconds=0))
    assert (shrunk.checked, shrunk.scope is None) == ("cut", False)
    assert [line.split()[0] for line in shrunk.moves] == ["connect", "trigger", "disconnect"]
    assert "which ended" in shrunk.sentence
    found = shrunk.counterexample
    assert found is not None
    assert (found.promise, len(found.moves), found.shortest) == ("dispatch", 3, False)
    assert replay(found.capsule, SCENARIO).verdict == "breaks"


def test_a_reducer_that_raises_is_shrunk_without_the_checker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The checker judges steps; a step that raises it can't go on from."""
    original = links._take_back

    def take_back(turn: Any, target: str, connection: int) -> Any:
        assert not turn.sagas, "somebody is in flight"
        return original(turn, target, connection)

    monkeypatch.setattr(links, "_take_back", take_back)
    shrunk = shortest(Plan(1, 2_000))
    assert (shrunk.promise, shrunk.checked) == ("raises", "not asked")
    assert (shrunk.scope, shrunk.counterexample) == (None, None)
    assert len(shrunk.moves) == 3


def test_a_run_of_many_sagas_is_not_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five sagas in one run are too many for a checker that visits every world."""
    original = Reducer.step

    def step(self: Reducer[Any], state: Any, event: Any) -> Any:
        after, effects = original(self, state, event)
        return after, effects if len(after.sagas) < 5 else ()

    monkeypatch.setattr(Reducer, "step", step)
    shrunk = shortest(Plan(1, 2_000, buffer_cap=64))
    assert sum(line.startswith("trigger") for line in shrunk.moves) == 5
    assert (shrunk.checked, shrunk.scope) == ("not asked", None)
    assert shrunk.counterexample is not None
    assert shrunk.counterexample.capsule.scope.connections == 1


def test_a_checker_that_disagrees_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN 4: versions are no part of a world, so what depends on them no search finds.

    The scope was searched without reductions too; the run itself is the counterexample.
    """
    original = Reducer.step

    def step(self: Reducer[Any], state: Any, event: Any) -> Any:
        after, effects = original(self, state, event)
        late = isinstance(event, ConnectionClosed) and state.counters.version > 12
        return after, effects[:-1] if late else effects

    monkeypatch.setattr(Reducer, "step", step)
    shrunk = shortest(Plan(1, 2_000, faults=frozenset({"disconnect"}), scope=POOL))
    found = shrunk.counterexample
    assert shrunk.checked == "held"
    assert shrunk.scope is not None
    assert shrunk.scope.reductions == ()
    assert found is not None
    capsule = capsule_of(text_of(found.capsule)).unwrap()
    assert replay(capsule, SCENARIO).verdict == "breaks"
    monkeypatch.undo()
    assert replay(capsule, SCENARIO).verdict == "holds"


@pytest.mark.parametrize("reductions", [REDUCTIONS, frozenset[str]()], ids=["before", "at last"])
def test_the_checker_is_asked_without_reductions_at_last(
    reductions: frozenset[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """DESIGN 4: a reduction may merge what does not behave alike; Ctrl-C ends the searches."""
    asked: list[frozenset[str]] = []

    def checked(_scenario: Scenario, scope: Scope, *_rest: Any) -> Report:
        asked.append(scope.reductions)
        report = check(SCENARIO, replace(scope, sagas=POOL), watch(), NO_TIME)
        return replace(report, cut="interrupted" if scope.reductions == reductions else None)

    link_mutants.redelivery_forgotten(monkeypatch)
    monkeypatch.setattr(shrinking, "check", checked)
    shrunk = shortest(Plan(1, 2_000))
    assert shrunk.checked == "cut"
    assert asked == [REDUCTIONS, REDUCTIONS, frozenset()][: 1 if reductions else 3]


def test_a_cut_search_is_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN 3: that one of several searches came to no end is told, though others did."""
    cuts = iter(("time", None, None))

    def checked(_scenario: Scenario, scope: Scope, *_rest: Any) -> Report:
        return replace(check(SCENARIO, scope, watch(), NO_TIME), cut=next(cuts))

    link_mutants.redelivery_forgotten(monkeypatch)
    monkeypatch.setattr(shrinking, "check", checked)
    assert shortest(Plan(1, 2_000)).checked == "cut"


def test_no_buffer_can_be_smaller_than_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that breaks a promise without any buffer keeps its cap."""
    link_mutants.redelivery_forgotten(monkeypatch)
    assert shortest(Plan(1, 2_000, buffer_cap=0)).buffer_cap == 0


def test_other_applications_are_shrunk_too() -> None:
    """A saga of the shop that no answer helps: one saga, one answer."""
    shrunk = shrink(DEAF, Plan(1, 500), watch(), Limits(states=100_000))
    assert shrunk is not None
    kinds = {line.split()[0] for line in shrunk.moves}
    assert kinds == {"connect", "trigger", "mend", "answer", "settled"}
    assert len(shrunk.moves) == 5
    assert shrunk.counterexample is not None
    assert shrunk.counterexample.promise == "completes"


def test_a_right_run_played_again_is_the_same_and_right() -> None:
    """Each move of a run can be made once more, under a judge that looks at the whole each time."""
    run = Run(SCENARIO, Plan(3, 250, swarms=False, buffer_cap=2))
    made = [Made(move, tuple(run.world.opened)) for move in run.moves()]
    told = again(SCENARIO, run.plan, made)
    assert told.broken is None
    assert told.moves == tuple(one.move for one in made)
    assert {"crash", "start"} <= {move.called for move in told.moves}


def test_a_run_is_shrunk_to_its_own_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN 4: one promise breaks in several ways; what is left breaks it as the run did.

    A shorter run of this reducer breaks the same promise, and says something else.
    """
    original = Reducer.step

    def step(self: Reducer[Any], state: Any, event: Any) -> Any:
        if isinstance(event, ConnectionClosed):
            raise KeyError(1) if state.counters.next_saga_id > 3 else ValueError(2)
        return original(self, state, event)

    monkeypatch.setattr(Reducer, "step", step)
    shrunk = shortest(Plan(2, 2_000))
    assert (shrunk.promise, shrunk.sentence) == ("raises", "step raised KeyError: 1")
    assert sum(line.startswith("trigger") for line in shrunk.moves) == 3


def test_what_must_complete_is_shrunk_in_its_buffer() -> None:
    """DESIGN 4, liveness: the cap stays, so no saga fails for want of room."""
    shrunk = shrink(FORGETFUL, Plan(29, 150, buffer_cap=1), watch(), NO_TIME)
    assert shrunk is not None
    assert shrunk.sentence == "saga 1 got every answer that it asked for, yet it goes on"
    assert shrunk.checked == "cut"
    kinds = [line.split()[0] for line in shrunk.moves]
    assert kinds == ["connect", "trigger", "answer", "failure", "mend", "answer", "settled"]
    assert shrunk.buffer_cap == 1


def test_that_a_refused_saga_goes_on_is_found_by_the_checker() -> None:
    """DESIGN 4, liveness: that a saga ends by its answers, refused or not, both ask."""
    shrunk = shrink(FORGETFUL, Plan(29, 150, buffer_cap=1), watch())
    assert shrunk is not None
    assert shrunk.checked == "found"
    assert shrunk.counterexample is not None
    assert shrunk.counterexample.promise == SETTLES


def test_the_checker_asks_less_under_other_faults() -> None:
    """DESIGN 4, liveness: that a saga ends by its answers after those, simulations ask alone."""
    shrunk = shrink(DOUBTFUL, Plan(1, 150, buffer_cap=1), watch())
    assert shrunk is not None
    assert shrunk.checked == "asks less"
    assert shrunk.counterexample is not None
    assert shrunk.counterexample.repeats is not None
    assert replay(shrunk.counterexample.capsule, DOUBTFUL).verdict == "breaks"
    assert replay(shrunk.counterexample.capsule, RETURNS).verdict == "holds"


def test_what_a_peer_said_over_a_connection_that_is_left_out_it_says_over_another() -> None:
    """Which of a peer's connections an answer came over is mostly of no account."""
    run = (Move("connect", connection=2), Move("trigger"), Move("answer", saga=1, connection=1))
    opened = ((), (1,), ())
    made = [Made(move, ids) for move, ids in zip(run, opened, strict=True)]
    assert [move.connection for move in again(SHOP, Plan(1), made).moves] == [2, 0, 2]
    away = (Move("second", connection=2), run[1], Move("failure", saga=1, connection=1))
    alone = [Made(move, ids) for move, ids in zip(away, opened, strict=True)]
    assert [move.kind for move in again(SHOP, Plan(1), alone).moves] == ["trigger"]


def test_a_third_connection_is_met_where_the_plan_allows_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """FACTS R-24: two older connections, and the first of them is forgotten."""
    original = links.attach

    def attach(turn: Any, target: str, connection: int) -> None:
        original(turn, target, connection)
        link = turn.links[target]
        turn.links = turn.links.set(target, replace(link, older=link.older[-1:]))

    monkeypatch.setattr(links, "attach", attach)
    assert shrink(SCENARIO, Plan(1, 1_000), watch()) is None
    shrunk = shortest(Plan(1, 1_000, connections=4))
    assert shrunk.sentence.startswith("host forgets connection ")
    assert shrunk.counterexample is not None
    assert shrunk.counterexample.capsule.scope.connections == 3
    assert [line.move for line in shrunk.counterexample.moves if "once more" in line.move] == [
        "host connects once more, as connection 2",
        "host connects once more, as connection 3",
    ]


def test_that_sagas_complete_is_shrunk_with_every_peer_there() -> None:
    """DESIGN 4, liveness: peers that are away can't be said to do what they are asked."""
    shrunk = shrink(TWO_PEERED, Plan(1, 1_000, swarms=False, buffer_cap=2), watch(), NO_TIME)
    assert shrunk is not None
    came = {line.split()[1] for line in shrunk.moves if line.startswith("connect")}
    assert came == {"warehouse", "bank"}
