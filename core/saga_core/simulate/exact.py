"""How much of a small scope a run has met: the checker knows every state that there is."""

from collections.abc import Hashable, Iterable, Iterator
from itertools import chain, permutations, product
from typing import Any

from msgspec.structs import replace

from saga_core.check.scope import DEGRADED, ORDER, Scenario, Scope
from saga_core.check.search import Limits, Search, Watch
from saga_core.check.worlds.places import Places
from saga_core.check.worlds.view import Names, settle, view
from saga_core.engine.ordered import sorted_keys
from saga_core.engine.state import State

States = frozenset[Hashable]
"""The reducer's states in shared names, as the checker tells them apart (`view`)."""


def exact_states(
    scenario: Scenario, scope: Scope, watch: Watch, limits: Limits | None = None
) -> States | None:
    """Every state that the reducer can come to in a scope, none taken for another.

    None if the search did not end, or met a broken promise.
    """
    apart = replace(scope, reductions=scope.reductions - {ORDER, DEGRADED})
    search = Search(Places(scenario, apart), limits or Limits(), watch)
    if search.run() is not None or search.cut is not None:
        return None
    return frozenset(view(state) for state in search.places.memo.states)


def met(scenario: Scenario, scope: Scope, exact: States, seen: Iterable[State[Any]]) -> States:
    """The states of `exact` that were seen, whatever the names of sagas and connections."""
    return exact & frozenset(
        name for state in seen for name in _all_names(scenario, scope.connections, state)
    )


def _all_names(scenario: Scenario, connections: int, state: State[Any]) -> Iterator[Hashable]:
    """A state in shared names, for every way to name each peer's connections."""
    sagas = tuple(sorted_keys(state.sagas))
    mine = [
        permutations(range(place * connections + 1, (place + 1) * connections + 1))
        for place, _ in enumerate(scenario.peers)
    ]
    for naming in product(*mine):
        names = Names(sagas, tuple(chain.from_iterable(naming)))
        yield view(settle(scenario, state, names, rename=True))
