"""Settling states part by part: a part that was settled once is looked up from then on.

Every part of a state has a number: its mirror, each saga's entry, each link, as a step left it or
settled. A step changes little, so nearly every part of what it leaves was settled before; two
settled states are alike exactly if their parts' numbers are.
"""

from collections.abc import Hashable
from typing import Any, NamedTuple

from msgspec.structs import replace
from pyrsistent import PMap, pmap

from saga_core.check.scope import Scenario
from saga_core.check.worlds.view import (
    CURRENT_STAY,
    Names,
    issue,
    roles,
    settled_flight,
    settled_link,
)
from saga_core.engine.outcomes import Outcomes
from saga_core.engine.registry import Registry
from saga_core.engine.state import Counters, InFlight, Link, State

Entries = tuple[tuple[int, int], ...]
"""Sagas in flight, ascending by id, each with the number of its entry."""


class Parts(NamedTuple):
    """A state in the numbers of its parts: all that decides in it. The links are in `targets`."""

    mirror: int
    sagas: Entries
    links: tuple[int, ...]
    stopping: bool
    log_degraded: bool
    next_saga_id: int


class Settling:
    """Settles the states of one search as `view.settle` does, and numbers their parts.

    `rename`: sagas and connections get new names. `by_issue`: sagas get them in the order of issue,
    not in that of their ids. `alike`: they get them by what they await and where, and count as
    issued in that order.
    """

    def __init__(
        self,
        scenario: Scenario,
        connections: int,
        *,
        rename: bool,
        by_issue: bool,
        alike: bool = False,
    ) -> None:
        self.targets = sorted(scenario.application.peers)
        self.values: list[Any] = []
        self._scenario = scenario
        self._connections = connections
        self._rename = rename
        self._by_issue = by_issue
        self._alike = alike
        self.as_they_are = tuple(range(1, len(scenario.peers) * connections + 1))
        self._numbers: dict[Hashable, int] = {}
        self._kept: dict[int, int] = {}
        self._roles: dict[tuple[int, tuple[int, ...]], tuple[int, ...]] = {}
        self._mirrors: dict[tuple[int, tuple[int, ...]], int] = {}
        self._crews: dict[tuple[Entries, tuple[int, ...]], tuple[Entries, tuple[int, ...]]] = {}
        self._names: dict[tuple[tuple[int, ...], tuple[int, ...]], Names] = {}
        self._linked: dict[tuple[tuple[int, ...], Names], tuple[int, ...]] = {}
        self._renamed: dict[
            tuple[Entries, tuple[int, ...], Entries, bool], tuple[Entries, tuple[int, ...]]
        ] = {}
        self._registries: dict[Entries, Registry[InFlight]] = {}
        self._maps: dict[tuple[int, ...], PMap[str, Link]] = {}

    def number(self, part: Any) -> int:
        """The number of a part, settled or not. The first of equal ones is known by identity."""
        number = self._kept.get(id(part))
        if number is not None:
            return number
        number = self._numbers.get(part)
        if number is None:
            number = self._numbers[part] = self._kept[id(part)] = len(self.values)
            self.values.append(part)
        return number

    def names(self, sagas: tuple[int, ...], connections: tuple[int, ...]) -> Names:
        """Of equal names always the same object."""
        found = self._names.get((sagas, connections))
        if found is None:
            found = self._names[sagas, connections] = Names(sagas, connections)
        return found

    def parts_of(self, state: State[Any]) -> Parts:
        """A state in the numbers of its parts, as they are."""
        sagas = [(saga_id, self.number(flight)) for saga_id, flight in state.sagas.items()]
        return self.rest_of(state)._replace(sagas=tuple(sagas))

    def rest_of(self, state: State[Any]) -> Parts:
        """The same without its sagas."""
        return Parts(
            self.number(state.mirror),
            (),
            tuple([self.number(state.links[target]) for target in self.targets]),
            state.stopping,
            state.log_degraded,
            state.counters.next_saga_id,
        )

    def settled(self, parts: Parts) -> tuple[Parts, Names]:
        """The same once it is settled, and how names translate."""
        mirror, sagas, links, stopping, log_degraded, next_saga_id = parts
        connections = self._named(mirror, links)
        entries, order = self._crew(sagas, connections)
        names = self.names(order, connections)
        if self._rename:
            next_saga_id = len(entries) + 1
        settled = Parts(
            self._mirror(mirror, connections),
            entries,
            self._links(links, names),
            stopping,
            log_degraded,
            next_saga_id,
        )
        return settled, names

    def state(self, like: State[Any], parts: Parts) -> State[Any]:
        """The state that has these parts, which are settled; its maps are shared with others."""
        return replace(
            like,
            mirror=self.values[parts.mirror],
            sagas=self.registry(parts.sagas),
            links=self._map(parts.links),
            stopping=parts.stopping,
            log_degraded=parts.log_degraded,
            counters=Counters(0, parts.next_saga_id, CURRENT_STAY + 1),
            outcomes=Outcomes(),
        )

    def renamed(
        self, parts: Parts, others: tuple[tuple[int, int], ...], *, reissued: bool = False
    ) -> Parts:
        """A settled state whose sagas have other ids, though they issued in the same order.

        `reissued`: they issued in the opposite order.
        """
        key = parts.sagas, parts.links, others, reissued
        found = self._renamed.get(key)
        if found is None:
            other = dict(others)
            flights = [(other[saga_id], self.values[number]) for saga_id, number in parts.sagas]
            after_last = 1 + max([issue(flight) for _, flight in flights], default=0)
            sagas = []
            for name, flight in sorted(flights, key=_name):
                rank = issue(flight)
                rank = after_last - rank if reissued and rank else rank
                sagas.append(
                    (name, self.number(self._flight(flight, name, rank, self.as_they_are)))
                )
            same = {name: name for name in self.as_they_are}
            links = [settled_link(self.values[link], other, same) for link in parts.links]
            if reissued:
                links = [replace(link, buffer=link.buffer[::-1]) for link in links]
            found = tuple(sagas), tuple([self.number(link) for link in links])
            self._renamed[key] = found
        return parts._replace(sagas=found[0], links=found[1])

    def registry(self, sagas: Entries) -> Registry[InFlight]:
        """The registry that has these entries."""
        found = self._registries.get(sagas)
        if found is None:
            found = Registry()
            for saga_id, number in sagas:
                found = found.set(saga_id, self.values[number])
            self._registries[sagas] = found
        return found

    def _named(self, mirror: int, links: tuple[int, ...]) -> tuple[int, ...]:
        """Connections by role; of the ways to call those not in use, one for all that are alike."""
        if not self._rename:
            return self.as_they_are
        found = self._roles.get((mirror, links))
        if found is None:
            ways = roles(self._map(links), self._scenario.peers, self._connections)
            found = min(ways, key=lambda way: self._mirror(mirror, way))
            self._roles[mirror, links] = found
        return found

    def _mirror(self, mirror: int, connections: tuple[int, ...]) -> int:
        found = self._mirrors.get((mirror, connections))
        if found is None:
            names = {old: new for new, old in enumerate(connections, start=1)}
            settled = self._scenario.settle(self.values[mirror], names)
            found = self._mirrors[mirror, connections] = self.number(settled)
        return found

    def _crew(
        self, sagas: Entries, connections: tuple[int, ...]
    ) -> tuple[Entries, tuple[int, ...]]:
        """The settled entries, and the old ids in the order of the new ones."""
        found = self._crews.get((sagas, connections))
        if found is None:
            flights = [(saga_id, self.values[number]) for saga_id, number in sagas]
            in_order = self._in_order(flights, connections)
            rank = {saga_id: place for place, (saga_id, _) in enumerate(in_order, start=1)}
            idle = sum(issue(flight) == 0 for _, flight in flights)
            entries = []
            for place, (saga_id, flight) in enumerate(in_order if self._by_issue else flights, 1):
                name = place if self._rename else saga_id
                settled = self._flight(flight, name, rank[saga_id] - idle, connections)
                entries.append((name, self.number(settled)))
            order = tuple([saga_id for saga_id, _ in (in_order if self._by_issue else flights)])
            found = self._crews[sagas, connections] = tuple(entries), order
        return found

    def _in_order(
        self, flights: list[tuple[int, InFlight]], connections: tuple[int, ...]
    ) -> list[tuple[int, InFlight]]:
        """By issue, those without a command first; if all are alike, by what they await and where.

        What is alike has the same number once it has the same name.
        """
        by_issue = sorted(flights, key=lambda entry: issue(entry[1]))
        if not self._alike:
            return by_issue
        return sorted(
            by_issue,
            key=lambda entry: (
                entry[1].awaiting is not None,
                self.number(self._flight(entry[1], 1, 1, connections)),
            ),
        )

    def _flight(
        self, flight: InFlight, saga_id: int, rank: int, connections: tuple[int, ...]
    ) -> InFlight:
        step, over = flight.awaiting, None
        if step is not None and step.connection is not None:
            over = connections.index(step.connection) + 1
        return settled_flight(self._scenario, flight, saga_id, over, rank)

    def _links(self, links: tuple[int, ...], names: Names) -> tuple[int, ...]:
        found = self._linked.get((links, names))
        if found is None:
            ids = {old: new if self._rename else old for new, old in enumerate(names.sagas, 1)}
            connections = {old: new for new, old in enumerate(names.connections, start=1)}
            settled = [settled_link(self.values[link], ids, connections) for link in links]
            if self._alike:
                settled = [replace(link, buffer=tuple(sorted(link.buffer))) for link in settled]
            found = self._linked[links, names] = tuple([self.number(link) for link in settled])
        return found

    def _map(self, links: tuple[int, ...]) -> PMap[str, Link]:
        found = self._maps.get(links)
        if found is None:
            values = [self.values[number] for number in links]
            found = self._maps[links] = pmap(dict(zip(self.targets, values, strict=True)))
        return found


def _name(entry: tuple[int, InFlight]) -> int:
    return entry[0]
