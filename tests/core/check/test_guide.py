"""Every trace of a search replays: what happens under shared names happens under real ones."""

import pytest
from tests.core.check import mutants
from tests.core.check.returns import SELFISH
from tests.core.check.running import BOTH, POOL, SMALL, run, watch
from tests.core.check.shop import SHOP

from saga_core.check import REDUCTIONS, ROWS, Limits, Scenario, Scope, checker
from saga_core.check.agentmux import SCENARIO
from saga_core.check.runs.guide import UntoldError, breaking, follow
from saga_core.check.runs.lanes import line_of
from saga_core.check.runs.scene import Scene
from saga_core.check.runs.stage import Stage
from saga_core.check.search import Search
from saga_core.check.worlds.places import Places

ROWS_MATTER = frozenset({"crash", "deadline", "shutdown"})


def searched(scenario: Scenario, scope: Scope) -> Search:
    """A search through everything, in which nothing breaks."""
    search = Search(Places(scenario, scope), Limits(), watch())
    assert search.run() is None
    return search


@pytest.mark.parametrize(
    ("scenario", "scope"),
    [
        (SCENARIO, Scope(POOL)),
        (SCENARIO, Scope(POOL, reductions=frozenset())),
        (SCENARIO, Scope(BOTH, faults=ROWS_MATTER, reductions=REDUCTIONS - {ROWS})),
        (SHOP, Scope((("send", 2),), faults=SMALL | {"restart"}, connections=1)),
    ],
    ids=["reduced", "unreduced", "rows kept", "the shop"],
)
def test_every_world_of_a_search_is_reached_by_step_alone(scenario: Scenario, scope: Scope) -> None:
    """DESIGN 4: the shortest way to each world replays in real names, and can be told."""
    search = searched(scenario, scope)
    stage = Stage(scenario, scope)
    scenes: dict[int, Scene] = {search.worlds[0]: stage.first()}
    for number, world in list(enumerate(search.worlds))[1:]:
        path = [(0, search.worlds[0]), *search.path_to(number)]
        move, before = path[-1][0], path[-2][1]
        (taken,) = follow(search, path[-1:], stage, scenes[before])
        scenes[world] = taken.here
        told, kind = line_of(taken, stage.fresh), search.places.moves[move].kind
        assert told.move
        assert taken.cue.move == kind or (kind == "crash" and taken.cue.dies_after is not None)


def test_a_trace_that_does_not_replay_is_a_bug_of_the_checker() -> None:
    """DESIGN 4: a move that `step` knows nothing of is noticed."""
    search = searched(SCENARIO, Scope(POOL))
    stage = Stage(SCENARIO, Scope(POOL, faults=frozenset()))
    path = search.path_to(len(search.worlds) - 1)
    with pytest.raises(UntoldError, match="nothing like"):
        follow(search, path, stage, stage.first())


def test_a_promise_that_nothing_breaks_is_a_bug_of_the_checker() -> None:
    """DESIGN 4: what a search calls broken must break when `step` is called."""
    search = searched(SCENARIO, Scope(POOL))
    stage = Stage(SCENARIO, Scope(POOL))
    with pytest.raises(UntoldError, match="nothing along the way breaks I7"):
        breaking(search, "I7", stage, [])


def test_what_can_not_be_told_is_searched_for_again_with_fewer_reductions() -> None:
    """DESIGN 4: a saga that goes by an id it kept is checked by its own name, and holds."""
    report = run((("order", 2),), SELFISH, faults=frozenset({"deadline", "disconnect"}))
    assert (report.verdict, report.complete) == ("holds", True)


def test_without_reductions_it_is_a_bug_of_the_checker(monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN 4: what was found by its own names and can't be played is no verdict."""

    def tell(*_: object, **__: object) -> None:
        raise UntoldError("nothing like it can happen")

    monkeypatch.setattr(checker, "tell", tell)
    mutants.emit_before_log(monkeypatch)
    with pytest.raises(UntoldError):
        run(POOL, reductions=frozenset())
