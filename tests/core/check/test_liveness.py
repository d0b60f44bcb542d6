"""Runs that never end: found where they are fair, and not where a fair action breaks them off."""

from collections.abc import Hashable

from tests.core.check.running import POOL, watch
from tests.core.check.shop import DEAF

from saga_core.check import Limits, Scenario, Scope
from saga_core.check.agentmux import SCENARIO
from saga_core.check.liveness import Lasso, lasso
from saga_core.check.search import Search
from saga_core.check.worlds.moves import Move
from saga_core.check.worlds.places import Places


def searched(
    *faults: str, scenario: Scenario = SCENARIO, sagas: tuple[tuple[str, int], ...] = POOL
) -> Search:
    """Every world of one saga with these faults."""
    scope = Scope(sagas, faults=frozenset(faults))
    search = Search(Places(scenario, scope), Limits(), watch())
    assert search.run() is None
    return search


def round_of(search: Search, *fair: str) -> Lasso | None:
    """A run in which the saga stays open for ever; moves of these kinds are fair."""

    def action(move: Move) -> Hashable | None:
        return move.kind if move.kind in fair else None

    places = search.places
    return lasso(search, lambda w: bool(places.open_sagas(search.place_of(w))), action)


def test_a_round_takes_every_fair_action_and_comes_back() -> None:
    """DESIGN 4, liveness: with a peer that only comes and goes, the saga waits for ever."""
    search = searched("disconnect")
    found = round_of(search, "connect", "disconnect")
    assert found is not None
    kinds = [search.places.moves[move].kind for move, _ in found.round]
    assert sorted(kinds) == ["connect", "disconnect"]
    assert found.round[-1][1] == search.worlds[found.world]
    here = search.worlds[found.world]
    for move, world in found.round:
        assert (move, world) in search.successors(here)
        here = world


def test_a_fair_action_that_leads_out_ends_the_round() -> None:
    """DESIGN 4, liveness: a peer that answers whenever it can completes the saga."""
    search = searched("disconnect")
    assert round_of(search, "connect", "disconnect", "answer") is None


def test_a_round_may_need_a_way_back() -> None:
    """DESIGN 4, liveness: a round that took every fair action returns by some of them once more."""
    search = searched("disconnect", "second")
    found = round_of(search, "disconnect", "second", "connect")
    assert found is not None
    kinds = [search.places.moves[move].kind for move, _ in found.round]
    assert {"disconnect", "second", "connect"} == set(kinds)
    assert len(kinds) > 3
    assert found.round[-1][1] == search.worlds[found.world]


def test_the_shortest_way_into_a_round_is_taken() -> None:
    """DESIGN 4, liveness: of several rounds, that of the world which was met first."""
    search = searched("disconnect", "second")
    found = round_of(search, "second")
    assert found is not None
    assert (len(search.path_to(found.world)), found.round) == (1, ())


def test_what_can_be_done_only_once_is_no_round() -> None:
    """DESIGN 4, liveness: where nothing fair is left to do, the world may stay as it is."""
    search = searched()
    found = round_of(search, "connect")
    assert found is not None
    assert found.round == ()


def test_a_round_can_be_long() -> None:
    """DESIGN 4, liveness: answers of no use come again after each reconnection, for ever."""
    search = searched("disconnect", "second", scenario=DEAF, sagas=(("send", 1),))
    found = round_of(search, "answer", "connect", "disconnect")
    assert found is not None
    kinds = {search.places.moves[move].kind for move, _ in found.round}
    assert {"answer", "connect", "disconnect"} <= kinds
    here = search.worlds[found.world]
    for move, world in found.round:
        assert (move, world) in search.successors(here)
        here = world
    assert here == search.worlds[found.world]
