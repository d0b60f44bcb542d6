"""AgentMux's two sagas and a host, for the checker."""

from collections.abc import Mapping

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from pyrsistent import pmap

from saga_core.agentmux import wire
from saga_core.agentmux.application import AgentMux
from saga_core.agentmux.commands import (
    DrainPoolIfLast,
    ReapPanes,
    Register,
    ReportPanesReaped,
    ReportPoolDrainDecision,
    ReportPoolWindowAdded,
    ReportSagaActionFailed,
    SpawnPoolWindow,
)
from saga_core.agentmux.events import PoolWindowPromoted, WindowClosed
from saga_core.agentmux.mirror import Client, Mirror
from saga_core.agentmux.sagas import PoolRespawn, WindowCleanup
from saga_core.check.scope import LogForm, Scenario
from saga_core.engine.events import CommandReceived, ConnectionOpened, Event
from saga_core.engine.messages import UNSTAMPED, BusEvent, Command
from saga_core.engine.ordered import sorted_items


def connect(target: str, connection: int) -> tuple[Event, ...]:
    """A peer of that kind comes in; its pid is the connection's number."""
    assert target == "host", "both sagas use the host alone"
    register = Register("host", connection, "1")
    return ConnectionOpened(connection), CommandReceived(connection, register)


def answers(command: Command) -> tuple[Command, ...]:
    """What the host says when it did what it was asked."""
    match command:
        case SpawnPoolWindow(saga_id):
            return (ReportPoolWindowAdded("", saga_id),)
        case ReapPanes(label, saga_id):
            return (ReportPanesReaped(label, saga_id),)
        case DrainPoolIfLast(label, saga_id):
            return tuple(ReportPoolDrainDecision(label, was, saga_id) for was in (True, False))
        case _:
            raise AssertionError(f"no saga sends {command}")


def failure(command: Command) -> Command:
    """What the host says when it could not."""
    saga_id = AgentMux().saga_id_of(command)
    return ReportSagaActionFailed(saga_id, "could not")


def settled(mirror: Mirror, names: Mapping[int, int]) -> Mirror:
    """Connections and pids by their new names; client ids by rank: only their order counts."""
    ids = sorted(client.client_id for _, client in sorted_items(mirror.clients))
    clients = {
        names[connection]: _client(client, ids, names)
        for connection, client in sorted_items(mirror.clients)
    }
    pids = {names[pid]: names[connection] for pid, connection in sorted_items(mirror.live_pids)}
    return replace(mirror, clients=pmap(clients), live_pids=pmap(pids), next_client_id=len(ids) + 1)


def _client(client: Client, ids: list[int], names: Mapping[int, int]) -> Client:
    if client.kind is None:
        return client
    return replace(client, pid=names[client.pid], client_id=ids.index(client.client_id) + 1)


class Promoted(Struct, frozen=True):
    """What a refill was started with."""

    promoted_label: str


class Closed(Struct, frozen=True):
    """What a cleanup was started with."""

    closed_label: str


def trigger_of(name: str, input_json: str) -> BusEvent | None:
    """The report of the host that started a saga (FACTS 3.2)."""
    try:
        if name == PoolRespawn.NAME:
            promoted = msgspec.json.decode(input_json, type=Promoted)
            return PoolWindowPromoted(promoted.promoted_label, UNSTAMPED)
        if name == WindowCleanup.NAME:
            closed = msgspec.json.decode(input_json, type=Closed)
            return WindowClosed(closed.closed_label, UNSTAMPED)
    except (msgspec.MsgspecError, RecursionError):
        return None
    return None


def event_of(line: str) -> BusEvent | None:
    """The event of a line of the wire."""
    return wire.decode_event(line.encode()).value_or(None)


SCENARIO = Scenario(
    application=AgentMux(),
    triggers={
        PoolRespawn.NAME: PoolWindowPromoted("w", UNSTAMPED),
        WindowCleanup.NAME: WindowClosed("main", UNSTAMPED),
    },
    connect=connect,
    answers=answers,
    failure=failure,
    peers=("host",),
    settle=settled,
    log=LogForm(trigger_of, event_of, wire.encode),
)
