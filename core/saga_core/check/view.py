"""What decides how a state goes on, in names that all states which behave alike share.

Left out, each with the obligation it rests on, which `promises` checks at every step:

-   `counters.version`: no rule reads it; an event gets the next one (I5).
-   `outcomes`: only a snapshot reads them; every ending is put in and what is kept stays.
-   `issued`: only the order counts; a new command's number lies above all earlier ones.
-   `stay`: only equality counts; each stay in a buffer gets a number that none had before.

With `Names`, sagas in flight are called by their rank and connections by their role, for of both
only equality and, of sagas, order counts. A saga that keeps its own id, instead of taking it from
its context, breaks that: check it with the reduction `scope.NAMES` switched off.
"""

from collections.abc import Hashable, Mapping
from typing import Any, NamedTuple

from msgspec.structs import replace
from pyrsistent import pmap
from returns.result import Failure, Success

from saga_core.check.scope import Scenario
from saga_core.engine.messages import Command
from saga_core.engine.ordered import sorted_items, sorted_keys
from saga_core.engine.outcomes import Outcomes
from saga_core.engine.registry import Registry
from saga_core.engine.state import Awaiting, Counters, InFlight, Link, State

CURRENT_STAY = 1_000_000
"""The number of every stay in a settled state."""

OLD_STAY = 0
"""A stay that is over."""


class Names(NamedTuple):
    """Old names in the order of the new ones, which count from 1."""

    sagas: tuple[int, ...]
    connections: tuple[int, ...]


def names_of(state: State[Any], peers: tuple[str, ...], connections: int) -> Names:
    """Sagas by rank; each peer's connections with the newest first, then the older ones."""
    return Names(tuple(sorted_keys(state.sagas)), named_connections(state, peers, connections))


def named_connections(
    state: State[Any], peers: tuple[str, ...], connections: int
) -> tuple[int, ...]:
    """Each peer's connections, the newest first, then the older ones, then those not in use."""
    order: list[int] = []
    for place, target in enumerate(peers):
        link = state.links[target]
        known = link.older if link.connection is None else (link.connection, *link.older)
        mine = range(place * connections + 1, (place + 1) * connections + 1)
        order += [*known, *[number for number in mine if number not in known]]
    return tuple(order)


def same_names(state: State[Any], peers: tuple[str, ...], connections: int) -> Names:
    """Every name stands for itself."""
    return Names(tuple(sorted_keys(state.sagas)), tuple(range(1, len(peers) * connections + 1)))


def settle(scenario: Scenario, state: State[Any], names: Names, *, rename: bool) -> State[Any]:
    """`state` in shared names: a state like any other, and `step` takes it."""
    ids = {old: new if rename else old for new, old in enumerate(names.sagas, start=1)}
    connections = {old: new for new, old in enumerate(names.connections, start=1)}
    flights = sorted_items(state.sagas)
    issued = sorted(f.awaiting.issued for _, f in flights if f.awaiting is not None)
    rank = {number: place for place, number in enumerate(issued, start=1)}
    sagas: Registry[InFlight] = Registry()
    for saga_id, flight in flights:
        step, over, place = flight.awaiting, None, 0
        if step is not None:
            over = None if step.connection is None else connections[step.connection]
            place = rank[step.issued]
        settled = settled_flight(scenario, flight, ids[saga_id], over, place)
        sagas = sagas.set(ids[saga_id], settled)
    next_saga_id = len(sagas) + 1 if rename else state.counters.next_saga_id
    links = sorted_items(state.links)
    return replace(
        state,
        mirror=scenario.settle(state.mirror, connections),
        sagas=sagas,
        links=pmap({target: settled_link(link, ids, connections) for target, link in links}),
        counters=Counters(0, next_saga_id, CURRENT_STAY + 1),
        outcomes=Outcomes(),
    )


def view(state: State[Any]) -> Hashable:
    """What decides, of a settled state, as a value that can be looked up."""
    return (
        state.mirror,
        tuple(sorted_items(state.sagas)),
        tuple(sorted_items(state.links)),
        state.stopping,
        state.log_degraded,
        state.counters.next_saga_id,
    )


def decides_alike(before: State[Any], after: State[Any]) -> bool:
    """Whether at most version and outcomes differ.

    Quick: it compares identities, and so may say no of two that are alike.
    """
    return (
        after.mirror is before.mirror
        and after.sagas is before.sagas
        and after.links is before.links
        and after.stopping == before.stopping
        and after.log_degraded == before.log_degraded
        and after.counters.next_saga_id == before.counters.next_saga_id
    )


def readdressed(scenario: Scenario, target: str, command: Command, saga_id: int) -> Command:
    """The same command, sent by another saga."""
    match scenario.application.address(target, command, saga_id):
        case Success(told):
            return told
        case Failure(problem):
            raise AssertionError(
                f"{target} takes {command}, but not from saga {saga_id}: {problem}"
            )


def settled_flight(
    scenario: Scenario, flight: InFlight, saga_id: int, connection: int | None, rank: int
) -> InFlight:
    """A saga's entry in shared names. `rank`: its command's place in the order of issue."""
    step = flight.awaiting
    if step is None:
        return flight
    command = step.command
    if scenario.application.saga_id_of(command) != saga_id:
        command = readdressed(scenario, step.target, command, saga_id)
    settled = Awaiting(
        step.step_index, step.target, command, connection, rank, CURRENT_STAY, step.sent
    )
    return InFlight(flight.saga, flight.name, settled, flight.next_step_index)


def settled_link(link: Link, ids: Mapping[int, int], connections: Mapping[int, int]) -> Link:
    """A link in shared names."""
    return Link(
        None if link.connection is None else connections[link.connection],
        tuple(connections[older] for older in link.older),
        tuple(ids[saga_id] for saga_id in link.buffer),
    )
