"""Settling states part by part: a part that was settled once is looked up from then on.

A step changes little of a state, so nearly every part of what it leaves was settled before. Each
settled part has a number; two settled states are alike exactly if their parts' numbers are.
"""

from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

from msgspec.structs import replace
from pyrsistent import pmap

from saga_core.check.scope import Scenario
from saga_core.check.view import (
    CURRENT_STAY,
    Names,
    named_connections,
    settled_flight,
    settled_link,
)
from saga_core.engine.outcomes import Outcomes
from saga_core.engine.registry import Registry
from saga_core.engine.state import Counters, InFlight, Link, State

Flights = list[tuple[int, InFlight]]


class Parts(NamedTuple):
    """The numbers of a settled state's parts, and what else decides: its `view`, in numbers."""

    mirror: int
    flights: tuple[int, ...]
    links: tuple[int, ...]
    stopping: bool
    log_degraded: bool
    next_saga_id: int


class Settling:
    """Settles the states of one search as `view.settle` does, and numbers their parts."""

    def __init__(self, scenario: Scenario, connections: int, *, rename: bool) -> None:
        self._scenario = scenario
        self._connections = connections
        self._rename = rename
        self._targets = sorted(scenario.application.peers)
        self._values: list[Any] = []
        self._numbers: dict[Hashable, int] = {}
        self._kept: dict[int, int] = {}
        self._known: dict[Hashable, int] = {}
        self._links: dict[tuple[int, ...], Any] = {}
        self._sagas: dict[tuple[tuple[int, int], ...], Registry[InFlight]] = {}

    def parts(self, state: State[Any], flights: Flights) -> tuple[Parts, Names]:
        """What a state with these sagas in flight is once settled, and how names translate."""
        links = [state.links[target] for target in self._targets]
        names = self._names(state, flights)
        parts = Parts(
            self._mirror(state.mirror, names.connections),
            self._flights(flights, names.connections),
            tuple([self._link(link, names) for link in links]),
            state.stopping,
            state.log_degraded,
            len(flights) + 1 if self._rename else state.counters.next_saga_id,
        )
        return parts, names

    def state(self, like: State[Any], parts: Parts, names: Names) -> State[Any]:
        """The settled state that has these parts; its maps are shared with others."""
        ids = range(1, len(names.sagas) + 1) if self._rename else names.sagas
        return replace(
            like,
            mirror=self._values[parts.mirror],
            sagas=self._shared_sagas(tuple(zip(ids, parts.flights, strict=True))),
            links=self._shared_links(parts.links),
            counters=Counters(0, parts.next_saga_id, CURRENT_STAY + 1),
            outcomes=Outcomes(),
        )

    def _names(self, state: State[Any], flights: Flights) -> Names:
        sagas = tuple([saga_id for saga_id, _ in flights])
        peers, connections = self._scenario.peers, self._connections
        if not self._rename:
            return Names(sagas, tuple(range(1, len(peers) * connections + 1)))
        return Names(sagas, named_connections(state, peers, connections))

    def _mirror(self, mirror: Any, connections: tuple[int, ...]) -> int:
        def make() -> Any:
            names = {old: new for new, old in enumerate(connections, start=1)}
            return self._scenario.settle(mirror, names)

        return self._part(mirror, connections, make)

    def _flights(self, flights: Flights, connections: tuple[int, ...]) -> tuple[int, ...]:
        issued = sorted([f.awaiting.issued for _, f in flights if f.awaiting is not None])
        return tuple(
            [
                self._flight(flight, rank if self._rename else saga_id, connections, issued)
                for rank, (saga_id, flight) in enumerate(flights, start=1)
            ]
        )

    def _flight(
        self, flight: InFlight, saga_id: int, connections: tuple[int, ...], issued: list[int]
    ) -> int:
        step = flight.awaiting
        rank, over = 0, None
        if step is not None:
            rank = issued.index(step.issued) + 1
            over = None if step.connection is None else connections.index(step.connection) + 1
        return self._part(
            flight,
            (saga_id, over, rank),
            lambda: settled_flight(self._scenario, flight, saga_id, over, rank),
        )

    def _link(self, link: Link, names: Names) -> int:
        def make() -> Link:
            ids = {old: new if self._rename else old for new, old in enumerate(names.sagas, 1)}
            connections = {old: new for new, old in enumerate(names.connections, start=1)}
            return settled_link(link, ids, connections)

        return self._part(link, names, make)

    def _part(self, part: Any, names: Hashable, make: Callable[[], Any]) -> int:
        """The number of a part in its new names. A settled part is known by its identity."""
        kept = self._kept.get(id(part))
        key = (part if kept is None else kept), names
        number = self._known.get(key)
        if number is None:
            number = self._known[key] = self._number(make())
        return number

    def _number(self, value: Any) -> int:
        number = self._numbers.get(value)
        if number is None:
            number = self._numbers[value] = len(self._values)
            self._values.append(value)
            self._kept[id(value)] = number
        return number

    def _shared_sagas(self, flights: tuple[tuple[int, int], ...]) -> Registry[InFlight]:
        found = self._sagas.get(flights)
        if found is None:
            found = Registry()
            for saga_id, number in flights:
                found = found.set(saga_id, self._values[number])
            self._sagas[flights] = found
        return found

    def _shared_links(self, links: tuple[int, ...]) -> Any:
        if links not in self._links:
            values = [self._values[number] for number in links]
            self._links[links] = pmap(dict(zip(self._targets, values, strict=True)))
        return self._links[links]
