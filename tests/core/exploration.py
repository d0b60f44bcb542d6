"""Every state that a small launcher can get into, and every event in each of them.

Two states that behave alike are one: saga ids, connection numbers and sequence numbers count only
by their order, and what only tells of the past (counters, outcomes) counts not at all. So the
states are finitely many although a run is not bounded: as many sagas as one likes may start, as
long as no more than `sagas` are in flight at once.
"""

from collections import deque
from collections.abc import Callable, Hashable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from saga_core import Config, Mirror, initial_state, step
from saga_core.agentmux import AgentMux
from saga_core.agentmux.commands import Goodbye, Register, ReportPoolWindowAdded, SpawnPoolWindow
from saga_core.agentmux.events import PanesReaped, PoolDrained, PoolWindowAdded
from saga_core.engine import (
    Awaiting,
    BusEvent,
    CommandReceived,
    ConnectionClosed,
    ConnectionOpened,
    Effect,
    Event,
    FrameExpiry,
    History,
    InFlight,
    LineRejected,
    Link,
    LogCommitFailed,
    LogCommitRecovered,
    SagaActionFailed,
    SagaDeadline,
    SagaFailed,
    SendFailed,
    ShutdownRequested,
    State,
    TimerFired,
    empty_history,
    observe,
)
from saga_core.engine.ordered import sorted_items

APPLICATION = AgentMux()
NEVER = 10**9
"""A saga id, or a sequence number, that no run of a test reaches."""


class World(Struct, frozen=True):
    """What bounds an exploration; `triggers` are the events that may start a saga."""

    triggers: tuple[BusEvent, ...]
    sagas: int
    buffer_cap: int
    connections: int = 2
    log_fails: bool = False


class Node(Struct, frozen=True):
    """A state, the history that goes with it, and the sockets that are open."""

    state: State[Mirror]
    history: History
    sockets: tuple[int, ...] = ()
    next_socket: int = 1


class Edge(Struct, frozen=True):
    """One event in one state, and what it brought about."""

    before: Node
    event: Event
    effects: tuple[Effect, ...]
    after: Node


def start_of(world: World) -> Node:
    """Nobody connected, nothing in flight."""
    return Node(initial_state(Config(buffer_cap=world.buffer_cap)), empty_history())


def explore(world: World, visit: Callable[[Edge, Hashable], None]) -> dict[Hashable, Node]:
    """Visit every event in every reachable state; returns one node for each of them.

    `visit` gets the edge and the canonical form of where it leads.
    """
    start = start_of(world)
    seen: dict[Hashable, Node] = {canonical(start): start}
    waiting = deque([start])
    while waiting:
        node = waiting.popleft()
        here = canonical(node)
        for edge in edges_of(world, node):
            key = here if edge.after is node else canonical(edge.after)
            visit(edge, key)
            if key not in seen:
                seen[key] = edge.after
                waiting.append(edge.after)
    return seen


def edges_of(world: World, node: Node) -> Iterator[Edge]:
    """Every event of the alphabet, stepped from this node and held to every promise."""
    for event in alphabet(world, node):
        yield take(node, event)


def take(node: Node, event: Event) -> Edge:
    """One step; no promise may break."""
    state, effects = step(node.state, event)
    history, broken = observe(APPLICATION, node.history, node.state, event, state, effects)
    assert broken == (), (event, broken)
    after = node if state is node.state else replace(node, state=state, history=history)
    match event:
        case ConnectionOpened(socket):
            after = replace(after, sockets=(*node.sockets, socket), next_socket=socket + 1)
        case ConnectionClosed(socket):
            after = replace(after, sockets=tuple(s for s in node.sockets if s != socket))
        case _:
            pass
    return Edge(node, event, effects, after)


def alphabet(world: World, node: Node) -> Iterator[Event]:
    """Everything that can come in."""
    if len(node.state.sagas) < world.sagas:
        yield from world.triggers
    yield from from_sockets(world, node)
    for saga_id, flight in sorted_items(node.state.sagas):
        yield from about(saga_id)
        yield from about_step(node, saga_id, flight.awaiting)
    if world.log_fails:
        yield LogCommitFailed("disk full")
        yield LogCommitRecovered(1)
    yield ShutdownRequested("SIGTERM")


def from_sockets(world: World, node: Node) -> Iterator[Event]:
    """What peers do to their sockets."""
    if len(node.sockets) < world.connections:
        yield ConnectionOpened(node.next_socket)
    for socket in node.sockets:
        yield CommandReceived(socket, Register("host", socket, "1"))
        yield CommandReceived(socket, Goodbye())
        yield LineRejected(socket, "too long", fatal=True)
        yield ConnectionClosed(socket)


def about(saga_id: int) -> Iterator[Event]:
    """What can be said about any saga."""
    yield PoolWindowAdded("", 0, saga_id)
    yield PanesReaped("main", 0, saga_id)
    yield PoolDrained("main", 0, saga_id)
    yield SagaActionFailed(saga_id, "no", 0)
    yield TimerFired(SagaDeadline(saga_id))


def about_step(node: Node, saga_id: int, awaiting: Awaiting | None) -> Iterator[Event]:
    """What can be said about a saga's command."""
    if awaiting is not None:
        yield TimerFired(FrameExpiry(saga_id, awaiting.stay))
        yield TimerFired(FrameExpiry(saga_id, NEVER))
        for socket in node.sockets:
            yield SendFailed(socket, awaiting.command)


def foreign(node: Node) -> Iterator[Event]:
    """What must change nothing: ids never used, used up, or none at all, and unknown sockets."""
    newest = node.state.counters.next_saga_id - 1
    for saga_id in (0, newest, NEVER):
        if saga_id not in node.state.sagas:
            yield from about(saga_id)
            yield TimerFired(FrameExpiry(saga_id, 1))
            yield SagaFailed(saga_id, "no", 0)
    yield CommandReceived(NEVER, ReportPoolWindowAdded("w"))
    yield LineRejected(NEVER, "too long", fatal=True)
    yield ConnectionClosed(NEVER)
    yield SendFailed(NEVER, SpawnPoolWindow(newest))


def canonical(node: Node) -> Hashable:
    """What decides how a node goes on, in names that two nodes that behave alike share."""
    state = node.state
    ids = {saga_id: rank for rank, (saga_id, _) in enumerate(sorted_items(state.sagas))}
    sockets = {socket: rank for rank, socket in enumerate(node.sockets)}
    mirror = state.mirror
    return (
        tuple(_flight(state, ids, sockets, flight) for _, flight in sorted_items(state.sagas)),
        tuple(_link(ids, sockets, link) for _, link in sorted_items(state.links)),
        tuple(_client(mirror, socket) for socket in node.sockets),
        (mirror.lifecycle, state.stopping, state.log_degraded),
    )


def _flight(
    state: State[Mirror], ids: dict[int, int], sockets: dict[int, int], flight: InFlight
) -> Hashable:
    awaiting = flight.awaiting
    assert awaiting is not None, "both sagas of the launcher always await something"
    earlier = [
        other.awaiting
        for _, other in sorted_items(state.sagas)
        if other.awaiting is not None and other.awaiting.issued < awaiting.issued
    ]
    return (
        repr(flight.saga),
        flight.next_step_index,
        awaiting.step_index,
        awaiting.target,
        repr(replace(awaiting.command, saga_id=ids[APPLICATION.saga_id_of(awaiting.command)])),
        sockets.get(awaiting.connection) if awaiting.connection is not None else None,
        len(earlier),
        awaiting.sent,
    )


def _link(ids: dict[int, int], sockets: dict[int, int], link: Link) -> Hashable:
    newest = sockets[link.connection] if link.connection is not None else None
    older = tuple(sockets[socket] for socket in link.older)
    return newest, older, tuple(ids[saga_id] for saga_id in link.buffer)


def _client(mirror: Mirror, socket: int) -> Hashable:
    client = mirror.clients.get(socket)
    return client.kind if client is not None else "gone"
