"""What decides how a state goes on, in names that all states which behave alike share.

Left out, each with the obligation it rests on, which `promises` checks at every step:

-   `counters.version`: no rule reads it; an event gets the next one (I5).
-   `outcomes`: only a snapshot reads them; every ending is put in and what is kept stays. What
    concerns an ended saga is judged where they tell of it, too (`promises.recall`).
-   `issued`: only the order counts; a new command's number lies above all earlier ones.
-   `stay`: only equality counts; each stay in a buffer gets a number that none had before.

With `Names`, connections are called by their role, for of them only equality counts, and sagas in
flight by their rank. Of sagas order counts as well, and there are two orders: that of their ids, in
which sagas end that end in one step, and that in which they issued their commands, in which they
wait and are sent. Called by the first (`scope.NAMES`), a state remembers the second; called by the
second (`scope.ORDER`), it forgets the first, which then must decide nothing: see `twins`. A saga
that keeps its own id, instead of taking it from its context, breaks either: check it with both
switched off.
"""

from collections.abc import Hashable, Iterator, Mapping
from itertools import chain, permutations, product
from typing import Any, NamedTuple

from msgspec.structs import replace
from pyrsistent import PMap, pmap
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
    """Sagas in the order of issue; each peer's connections by role, those not in use by number."""
    return Names(in_order_of_issue(state), next(roles(state.links, peers, connections)))


def in_order_of_issue(state: State[Any]) -> tuple[int, ...]:
    """The sagas in flight by when they issued their commands; those without come first, by id."""
    flights = sorted_items(state.sagas)
    return tuple(saga_id for saga_id, _ in sorted(flights, key=lambda entry: issue(entry[1])))


def issue(flight: InFlight) -> int:
    """The place of a saga's command in the order of issue; 0 if it awaits nothing."""
    return 0 if flight.awaiting is None else flight.awaiting.issued


def roles(
    links: PMap[str, Link], peers: tuple[str, ...], connections: int
) -> Iterator[tuple[int, ...]]:
    """Every way to call connections by role: each peer's newest, the older ones, those not in use.

    The last may come in any order; in the first way they come by number.
    """
    mine: list[list[tuple[int, ...]]] = []
    for place, target in enumerate(peers):
        link = links[target]
        known = link.older if link.connection is None else (link.connection, *link.older)
        numbers = range(place * connections + 1, (place + 1) * connections + 1)
        rest = [number for number in numbers if number not in known]
        mine.append([(*known, *others) for others in permutations(rest)])
    return (tuple(chain.from_iterable(order)) for order in product(*mine))


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
