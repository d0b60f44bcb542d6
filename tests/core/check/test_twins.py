"""What the reductions rest on: what merged worlds share, and reducers that don't keep to it."""

from collections.abc import Hashable, Iterable, Iterator
from itertools import permutations
from typing import Any

import pytest
from msgspec.structs import replace
from tests.core.check.running import BOTH, POOL, SMALL, THREE, run, watch

from saga_core.agentmux.sagas import SAGA_NAMES
from saga_core.check import (
    ALIKE,
    DEGRADED,
    FAULTS,
    ORDER,
    REDUCTIONS,
    Limits,
    Scenario,
    Scope,
)
from saga_core.check.agentmux import SCENARIO
from saga_core.check.search import Search
from saga_core.check.worlds.happenings import Up
from saga_core.check.worlds.places import Places
from saga_core.check.worlds.view import Names, in_order_of_issue, roles, settle, view
from saga_core.engine import LogCommitRecovered, endings, links, reducer
from saga_core.engine.ordered import sorted_items, sorted_keys
from saga_core.engine.registry import Registry
from saga_core.engine.state import InFlight
from saga_core.engine.turn import Turn

AnyTurn = Turn[Any]


def alike(scope: Scope, *, ordered: bool = True) -> set[Hashable]:
    """Every running world of a search but for what peers hold, told whatever the names in it.

    Of the names of connections not in use none is the first, so a world has all of them. Not
    `ordered`: told whatever the order, too, in which sagas issued their commands.
    """
    search = Search(Places(SCENARIO, scope), Limits(), watch())
    assert search.run() is None
    numbers = {search.place_of(world) for world in search.worlds}
    places = [search.places.places[number] for number in sorted(numbers)]
    states = search.places.memo.states
    return {
        frozenset(_namings(SCENARIO, scope, states[place.state], place.slots, ordered=ordered))
        for place in places
        if isinstance(place, Up)
    }


def _namings(
    scenario: Scenario, scope: Scope, state: Any, slots: tuple[int, ...], *, ordered: bool
) -> Iterator[Hashable]:
    working = replace(state, log_degraded=False)
    by_issue = in_order_of_issue(state)
    orders = [by_issue] if ordered else [*permutations(by_issue)]
    for connections in roles(state.links, scenario.peers, scope.connections):
        for sagas in orders:
            settled = settle(scenario, working, Names(sagas, connections), rename=True)
            told = settled if ordered else reissued_by_name(settled)
            yield view(told), tuple(slots[old - 1] for old in connections)


def reissued_by_name(state: Any) -> Any:
    """The same state, as if its sagas, which all await something, had issued in order of name."""
    sagas = state.sagas
    for saga_id, flight in state.sagas.items():
        step = replace(flight.awaiting, issued=saga_id)
        sagas = sagas.set(saga_id, replace(flight, awaiting=step))
    links = state.links
    for target, link in sorted_items(state.links):
        links = links.set(target, replace(link, buffer=tuple(sorted(link.buffer))))
    return replace(state, sagas=sagas, links=links)


@pytest.mark.parametrize(
    ("sagas", "faults"),
    [
        (POOL, FAULTS),
        (BOTH, FAULTS.keys() - {"foreign", "second"}),
        (THREE, SMALL - {"send"}),
        (THREE, frozenset({"disconnect", "expiry", "log", "shutdown"})),
    ],
    ids=["one", "two", "three", "an outage"],
)
def test_a_reduced_search_is_the_whole_one_but_for_names(
    sagas: tuple[tuple[str, int], ...], faults: Iterable[str]
) -> None:
    """DESIGN 4: every world of the unreduced search is like one of the reduced, and none is new."""
    scope = Scope(sagas, faults=frozenset(faults))
    assert alike(scope) == alike(replace(scope, reductions=frozenset()))


@pytest.mark.parametrize("faults", [SMALL - {"send"}, frozenset({"disconnect", "second", "twice"})])
def test_where_nothing_overflows_the_order_of_issue_is_forgotten_too(
    faults: frozenset[str],
) -> None:
    """DESIGN 4: every world of the unreduced search is like one of the reduced, and none is new."""
    scope = Scope(THREE, buffer_cap=3, faults=faults)
    reduced = alike(scope, ordered=False)
    assert reduced == alike(replace(scope, reductions=frozenset()), ordered=False)
    assert len(reduced) < len(alike(scope.without(frozenset({ALIKE}))))


def test_a_reducer_that_decides_by_issue_is_searched_by_issue(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """FACTS R-27: that the oldest command is lost at a connection is found, and told as ever."""
    original = links.attach

    def attach(turn: AnyTurn, target: str, connection: int) -> None:
        link = turn.links[target]
        if len(link.buffer) > 1:
            turn.links = turn.links.set(target, replace(link, buffer=link.buffer[1:]))
        original(turn, target, connection)

    monkeypatch.setattr(links, "attach", attach)
    kept = run(BOTH, buffer_cap=2, faults=frozenset({"disconnect", "second"}))
    plain = run(
        BOTH,
        buffer_cap=2,
        faults=frozenset({"disconnect", "second"}),
        reductions=REDUCTIONS - {ALIKE},
    )
    assert kept.verdict == plain.verdict == "violated"
    assert kept.counterexample == plain.counterexample
    assert ALIKE not in kept.scope.reductions


@pytest.mark.parametrize("first", SAGA_NAMES)
def test_a_fault_in_one_order_of_issue_is_seen(first: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """FACTS R-30: a fault that one order shows, and its opposite doesn't, is told as ever.

    Which order a search goes through that forgets it is its own affair; the twin has the other.
    """
    original = links.attach

    def attach(turn: AnyTurn, target: str, connection: int) -> None:
        link = turn.links[target]
        if len(link.buffer) > 1 and turn.sagas[link.buffer[0]].name == first:
            turn.links = turn.links.set(target, replace(link, buffer=link.buffer[::-1]))
        original(turn, target, connection)

    monkeypatch.setattr(links, "attach", attach)
    faults = frozenset({"deadline"})
    kept = run(BOTH, buffer_cap=2, faults=faults)
    plain = run(BOTH, buffer_cap=2, faults=faults, reductions=REDUCTIONS - {ALIKE})
    assert kept.verdict == plain.verdict == "violated"
    assert kept.counterexample == plain.counterexample


def in_order_of_id(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-30: what comes back is sent again by id, and not in the order of issue."""
    patch.setattr(links, "_in_order", lambda _turn, saga_ids: tuple(sorted(saga_ids)))


def deaf_while_the_log_fails(patch: pytest.MonkeyPatch) -> None:
    """While the log fails no deadline ends a saga."""

    def fail(turn: AnyTurn, saga_id: int, reason: str) -> None:
        if not turn.log_degraded:
            endings.fail(turn, saga_id, reason)

    patch.setattr(reducer, "fail", fail)


def test_a_reducer_that_decides_by_ids_is_searched_by_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """FACTS R-30: in the order of issue this fault can't be seen; its twin gives it away."""
    in_order_of_id(monkeypatch)
    report = run(BOTH, faults=SMALL)
    found, plain = report.counterexample, run(BOTH, faults=SMALL, reductions=frozenset())
    assert found is not None
    assert plain.counterexample is not None
    assert (found.promise, len(found.moves)) == ("I7", len(plain.counterexample.moves))
    assert ORDER not in report.scope.reductions


def test_a_reducer_whose_timers_look_at_ids_is_searched_by_ids(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """DESIGN 4: whose deadline or expiry it is counts, not whose id is the lowest."""

    def fail(turn: AnyTurn, saga_id: int, reason: str) -> None:
        if saga_id in turn.sagas:
            endings.fail(turn, sorted_keys(turn.sagas)[0], reason)

    monkeypatch.setattr(reducer, "fail", fail)
    for faults in ({"deadline"}, {"expiry"}):
        report = run(BOTH, buffer_cap=2, faults=frozenset(faults))
        assert ORDER not in report.scope.reductions


def test_a_reducer_may_make_its_registry_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN 4: what a step does not change it may as well copy: the worlds are the same."""
    kept = run(BOTH, faults=SMALL)
    original = endings._claim

    def claim(turn: AnyTurn, saga_id: int) -> Any:
        copy = Registry[InFlight]()
        for other, flight in turn.sagas.items():
            copy = copy.set(other, flight)
        turn.sagas = copy if saga_id in copy else turn.sagas
        return original(turn, saga_id)

    monkeypatch.setattr(endings, "_claim", claim)
    found = run(BOTH, faults=SMALL)
    assert (found.verdict, found.states, found.transitions) == (
        kept.verdict,
        kept.states,
        kept.transitions,
    )


def test_one_saga_has_no_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN 4: with one saga that fault is none, and nothing is given up for it."""
    in_order_of_id(monkeypatch)
    report = run(POOL, faults=SMALL)
    assert "violated" not in {report.properties[name] for name in ("I7", "dispatch")}
    assert ORDER in report.scope.reductions


def test_a_reducer_that_decides_by_the_log_is_searched_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """DESIGN 4: whether the log fails must decide nothing; a reducer where it does is found out."""
    deaf_while_the_log_fails(monkeypatch)
    report = run(POOL, faults=frozenset({"log", "deadline"}))
    assert DEGRADED not in report.scope.reductions
    assert report.properties["ends"] == "violated"


def test_an_outage_that_leaves_something_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN 4: an outage after which the process is another one is no round."""
    original = reducer._log_commit_recovered

    def recovered(turn: AnyTurn, event: Any) -> None:
        original(turn, event)
        turn.stopping = not turn.sagas

    monkeypatch.setitem(reducer._RULES, LogCommitRecovered, recovered)
    scope = Scope(POOL, faults=frozenset({"log"}))
    search = Search(Places(SCENARIO, scope), Limits(), watch())
    assert search.run() is None
    states = search.places.memo.states
    assert any(state.stopping for state in states)
    assert any(move.kind == "heal" for move in search.places.moves)
