"""All states of small launchers, all events in each: what must never be, and what must once be.

Each world is explored to its end, so the numbers of states are exact. One that changes means that
the reducer behaves differently; look at the difference before you write the new number down.
"""

from collections.abc import Callable, Hashable, Iterator
from functools import cache

import pytest
from tests.core.agentmux.launcher import report_for
from tests.core.exploration import (
    Edge,
    Node,
    World,
    alphabet,
    canonical,
    edges_of,
    explore,
    foreign,
    take,
)
from tests.core.harness import emitted, of, sent, timers_wanted

from saga_core import step
from saga_core.agentmux.commands import Register, SpawnPoolWindow
from saga_core.agentmux.events import PoolWindowPromoted, WindowClosed
from saga_core.engine import (
    ArmTimer,
    CancelTimer,
    CommandReceived,
    ConnectionClosed,
    ConnectionOpened,
    FrameExpiry,
    LogDegraded,
    LogRecovered,
    SagaCompleted,
    SagaDeadline,
    SagaFailed,
    SagaStarted,
    TimerFired,
)
from saga_core.engine.ordered import sorted_items, sorted_keys

PROMOTED, CLOSED = PoolWindowPromoted("w", 0), WindowClosed("main", 0)

WORLDS: dict[str, tuple[World, int]] = {
    "one saga, failing log": (World((PROMOTED,), sagas=1, buffer_cap=1, log_fails=True), 260),
    "two sagas, buffer of one": (World((PROMOTED, CLOSED), sagas=2, buffer_cap=1), 598),
    "two sagas, one socket": (World((PROMOTED, CLOSED), 2, buffer_cap=2, connections=1), 244),
    "three sagas, buffer of two": (World((PROMOTED,), sagas=3, buffer_cap=2), 276),
}

every_world = pytest.mark.parametrize("name", WORLDS)


class Report:
    """What one exploration found; every edge of it kept all promises that an edge can break."""

    def __init__(self, world: World) -> None:
        self.seen: set[str] = set()
        self.met: dict[Hashable, Node] = {}
        self.nodes: dict[Hashable, Node] = explore(world, self.visit)

    def visit(self, edge: Edge, key: Hashable) -> None:
        """Hold one edge to the contracts, and note what it is an example of."""
        if edge.effects or edge.after is not edge.before:
            check_endings(edge)
            check_timers(edge)
            check_expiry(edge)
            check_dispatches(edge)
            self.met[key] = edge.after
        for happening, example in SOMETIMES.items():
            if happening not in self.seen and example(edge):
                self.seen.add(happening)


@cache
def report_on(name: str) -> Report:
    """The exploration of a world, done once for all tests."""
    return Report(WORLDS[name][0])


def ends_of(edge: Edge) -> list[SagaCompleted | SagaFailed]:
    """The brackets that close."""
    return [e for e in emitted(edge.effects) if isinstance(e, SagaCompleted | SagaFailed)]


def check_endings(edge: Edge) -> None:
    """A saga that ended is in no registry and in no buffer; the others are still there."""
    ended = {end.saga_id for end in ends_of(edge)}
    started = {e.saga_id for e in of(SagaStarted, emitted(edge.effects))}
    before = set(sorted_keys(edge.before.state.sagas))
    after = set(sorted_keys(edge.after.state.sagas))
    assert after == (before | started) - ended
    for _, link in sorted_items(edge.after.state.links):
        assert set(link.buffer) <= after
        assert len(set(link.buffer)) == len(link.buffer)


def check_timers(edge: Edge) -> None:
    """What is armed is what is wanted: no timer is forgotten, armed twice, or left behind."""
    armed = timers_wanted(edge.before.state)
    if isinstance(edge.event, TimerFired):
        armed.discard(edge.event.timer)
    for effect in edge.effects:
        match effect:
            case ArmTimer(timer):
                assert timer not in armed
                armed.add(timer)
            case CancelTimer(timer):
                armed.discard(timer)
            case _:
                pass
    assert armed == timers_wanted(edge.after.state)


def check_expiry(edge: Edge) -> None:
    """An expiry ends a saga whose command waits, and no other."""
    if isinstance(edge.event, TimerFired) and isinstance(edge.event.timer, FrameExpiry):
        saga_id = edge.event.timer.saga_id
        assert saga_id in edge.before.state.links["host"].buffer
        assert [end.saga_id for end in ends_of(edge)] == [saga_id]


def check_dispatches(edge: Edge) -> None:
    """What is sent is what its saga in flight awaits, on the newest connection, in order."""
    issued: list[int] = []
    for dispatch in sent(edge.effects):
        command = dispatch.command
        saga_id = getattr(command, "saga_id", 0)
        awaiting = edge.after.state.sagas[saga_id].awaiting
        assert awaiting is not None
        assert (awaiting.command, awaiting.connection) == (command, dispatch.connection)
        assert dispatch.connection == edge.after.state.links[dispatch.target].connection
        assert dispatch.connection in edge.after.sockets
        issued.append(awaiting.issued)
    assert issued == sorted(issued)


def failed_for(reason: str) -> Callable[[Edge], bool]:
    """Whether a saga failed for this reason."""
    return lambda edge: any(
        isinstance(end, SagaFailed) and end.reason == reason for end in ends_of(edge)
    )


SOMETIMES: dict[str, Callable[[Edge], bool]] = {
    "a saga starts": lambda edge: bool(of(SagaStarted, emitted(edge.effects))),
    "a saga completes": lambda edge: bool(of(SagaCompleted, emitted(edge.effects))),
    "a saga times out": failed_for("saga timeout"),
    "a host reports a failure": failed_for("host action failed: no"),
    "a command expires": failed_for("host unreachable"),
    "a command is pushed out": failed_for("host pipe backpressure overflow"),
    "a shutdown ends a saga": failed_for("launcher shutting down"),
    "two sagas end in one step": lambda edge: len(ends_of(edge)) > 1,
    "a command is sent": lambda edge: bool(sent(edge.effects)),
    "a command is sent again": lambda edge: any(d.redelivery for d in sent(edge.effects)),
    "a buffer of two drains": lambda edge: len(sent(edge.effects)) > 1,
    "a command comes back": lambda edge: (
        isinstance(edge.event, ConnectionClosed)
        and bool(edge.after.state.links["host"].buffer)
        and not edge.before.state.links["host"].buffer
    ),
    "a command moves at once": lambda edge: (
        isinstance(edge.event, ConnectionClosed) and bool(sent(edge.effects))
    ),
    "a host is superseded": lambda edge: bool(edge.after.state.links["host"].older),
    "a stale expiry comes": lambda edge: (
        isinstance(edge.event, TimerFired)
        and isinstance(edge.event.timer, FrameExpiry)
        and not edge.effects
    ),
    "the log fails": lambda edge: bool(of(LogDegraded, emitted(edge.effects))),
    "the log works again": lambda edge: bool(of(LogRecovered, emitted(edge.effects))),
}


@every_world
def test_the_number_of_states_is_known(name: str) -> None:
    """DESIGN 4: states that behave alike are one, so a small world has finitely many."""
    assert len(report_on(name).nodes) == WORLDS[name][1]


def test_everything_that_can_happen_happens() -> None:
    """DESIGN 4: no promise is kept for want of an example: each of these was seen."""
    seen = set().union(*(report_on(name).seen for name in WORLDS))
    assert seen == set(SOMETIMES)


@every_world
def test_foreign_events_change_nothing_in_any_state(name: str) -> None:
    """FACTS I8, F-20: unknown and ended ids and sockets give the same object and no effects."""
    count = 0
    for node in report_on(name).nodes.values():
        for event in foreign(node):
            assert step(node.state, event) == (node.state, ())
            assert step(node.state, event)[0] is node.state
            count += 1
    assert count > len(report_on(name).nodes)


@every_world
def test_fair_timers_end_every_saga(name: str) -> None:
    """DESIGN 4, liveness: from any state, once the deadlines fired, nothing is in flight."""
    for node in report_on(name).nodes.values():
        ended = node
        for saga_id in sorted_keys(node.state.sagas):
            ended = take(ended, TimerFired(SagaDeadline(saga_id))).after
        assert len(ended.state.sagas) == 0
        assert timers_wanted(ended.state) == set()


@every_world
def test_a_host_that_answers_completes_every_saga(name: str) -> None:
    """DESIGN 4, liveness: from any state, a new host that does what it is sent completes all."""
    for node in report_on(name).nodes.values():
        in_flight = sorted_keys(node.state.sagas)
        assert completed_by_a_new_host(node) == in_flight


def completed_by_a_new_host(node: Node) -> list[int]:
    """Close all sockets, connect a host, let it answer.

    Returns the sagas that completed, and those whose command no longer fitted into the buffer.
    """
    dropped = []
    for socket in node.sockets:
        edge = take(node, ConnectionClosed(socket))
        node = edge.after
        dropped += [end.saga_id for end in ends_of(edge)]
    socket = node.next_socket
    node = take(node, ConnectionOpened(socket)).after
    edge = take(node, CommandReceived(socket, Register("host", socket, "1")))
    waiting, done = sent(edge.effects), []
    while waiting:
        report = report_for(waiting.pop(0).command)
        edge = take(edge.after, CommandReceived(socket, report))
        waiting += sent(edge.effects)
        done += [end.saga_id for end in of(SagaCompleted, emitted(edge.effects))]
    return sorted(done + dropped)


@every_world
def test_states_that_count_as_one_behave_alike(name: str) -> None:
    """DESIGN 4: the first and the last run that led to one canonical state go on alike."""
    world, report = WORLDS[name][0], report_on(name)
    twins = [(node, report.met[key]) for key, node in report.nodes.items() if key in report.met]
    different = [pair for pair in twins if pair[0].state.counters != pair[1].state.counters]
    assert len(different) > len(report.nodes) // 4
    for first, last in different[::5]:
        assert list(ways_on(world, first)) == list(ways_on(world, last))


def ways_on(world: World, node: Node) -> Iterator[tuple[str, tuple[str, ...], Hashable]]:
    """For each event: its kind, the kinds of its effects, and where it leads."""
    for edge in edges_of(world, node):
        kinds = tuple(type(effect).__name__ for effect in edge.effects)
        yield type(edge.event).__name__, kinds, canonical(edge.after)


def test_the_alphabet_reaches_the_sagas() -> None:
    """DESIGN 4: where a saga is in flight, the alphabet answers it, fails it and times it out."""
    world = WORLDS["one saga, failing log"][0]
    node = next(n for n in report_on("one saga, failing log").nodes.values() if len(n.state.sagas))
    (saga_id,) = sorted_keys(node.state.sagas)
    events = list(alphabet(world, node))
    assert TimerFired(SagaDeadline(saga_id)) in events
    awaiting = node.state.sagas[saga_id].awaiting
    assert awaiting is not None
    assert awaiting.command == SpawnPoolWindow(saga_id)
