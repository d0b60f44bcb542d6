"""AgentMux as an application of the engine: who may say what, and where each message goes.

A registered client may ask questions; only a host may report (F-05, R-54), but that any peer may
answer a saga that awaits an answer of its kind; the launcher's own commands to a host, and
everything else that is no business of a client, get a private error and change nothing. A
connection that is closed, or was never opened, is not heard at all.
"""

from collections.abc import Callable
from typing import Any, ClassVar

from msgspec.structs import replace
from returns.result import Failure, Success

from saga_core.agentmux import clients, queries, wire
from saga_core.agentmux.commands import (
    CLIENT_REPORTS,
    HOST_REPORTS,
    SAGA_COMMANDS,
    SAGA_REPORTS,
    GetEvents,
    GetSnapshot,
    Goodbye,
    Ping,
    Register,
)
from saga_core.agentmux.mirror import Mirror, current_host, initial_mirror
from saga_core.agentmux.reports import REPORTS
from saga_core.agentmux.sagas import triggered_by
from saga_core.engine import (
    Application,
    BusEvent,
    Command,
    ConnectionOpened,
    LineRejected,
    Reaction,
    Saga,
    State,
    tag_of,
)

_NO_CONNECTION = 0


class AgentMux(Application[Mirror]):
    """The AgentMux launcher."""

    process: ClassVar[str] = "launcher"
    peers: ClassVar[tuple[str, ...]] = clients.PEER_KINDS

    def initial_mirror(self) -> Mirror:
        """Nobody connected, nothing open."""
        return initial_mirror()

    def triggers(self, event: BusEvent) -> tuple[Saga, ...]:
        """FACTS 3.2."""
        return triggered_by(event)

    def saga_id_of(self, message: Command | BusEvent) -> int:
        """What belongs to a saga has a field `saga_id`, 0 or None without a saga (FACTS 2.9)."""
        saga_id: int | None = getattr(message, "saga_id", None)
        return saga_id or 0

    def address(
        self, target: str, command: Command, saga_id: int
    ) -> Success[Command] | Failure[str]:
        """Peers take the three saga commands; the launcher takes the reports that carry an id."""
        takes = SAGA_REPORTS if target == self.own_target else SAGA_COMMANDS
        if type(command) not in takes:
            return Failure(f"{target} cannot take {tag_of(command)}")
        return _checked(target, replace(command, saga_id=saga_id))

    def on_opened(self, mirror: Mirror, opened: ConnectionOpened) -> Reaction[Mirror]:
        """A socket opened."""
        return clients.opened(mirror, opened.connection, opened.barred)

    def on_closed(self, mirror: Mirror, connection: int) -> Reaction[Mirror]:
        """A socket ended."""
        return clients.closed(mirror, connection)

    def on_rejected(self, mirror: Mirror, rejected: LineRejected) -> Reaction[Mirror]:
        """A line that is no command."""
        return clients.rejected(mirror, rejected.connection, rejected.reason, fatal=rejected.fatal)

    def on_command(
        self, state: State[Mirror], connection: int, command: Command
    ) -> Reaction[Mirror]:
        """A command came in: gate it, then follow its rule."""
        mirror = state.mirror
        client = mirror.clients.get(connection)
        if client is None:
            return Reaction(mirror)
        if client.kind is None and not isinstance(command, Register):
            return clients.too_early(mirror, connection, command)
        if (request := _REQUESTS.get(type(command))) is not None:
            return request(state, connection, command)
        if type(command) in REPORTS:
            return self._reported(state, connection, client.kind, command)
        if type(command) in CLIENT_REPORTS:
            return Reaction(mirror)
        return _misplaced(mirror, connection, command)

    def on_own_command(self, mirror: Mirror, command: Command) -> Reaction[Mirror]:
        """A saga reports to the launcher; what it reports belongs to the current host, if any."""
        return REPORTS[type(command)](mirror, current_host(mirror) or _NO_CONNECTION, command)

    def _reported(
        self, state: State[Mirror], connection: int, kind: str | None, command: Command
    ) -> Reaction[Mirror]:
        mirror, report = state.mirror, REPORTS[type(command)]
        if kind == "host":
            return report(mirror, connection, command)
        if self._is_awaited(state, kind, command):
            return _published(report(mirror, connection, command), mirror)
        return _misplaced(mirror, connection, command)

    def _is_awaited(self, state: State[Mirror], kind: str | None, command: Command) -> bool:
        """Whether a command answers a saga whose step went to peers of that kind (DESIGN 4)."""
        if type(command) not in SAGA_REPORTS:
            return False
        flight = state.sagas.get(self.saga_id_of(command))
        return flight is not None and flight.awaiting is not None and flight.awaiting.target == kind


def _published(reaction: Reaction[Mirror], mirror: Mirror) -> Reaction[Mirror]:
    """What a report tells the bus; the mirror is only of hosts."""
    return Reaction(mirror, reaction.outputs)


def _checked(target: str, command: Command) -> Success[Command] | Failure[str]:
    """`command`, if a peer that reads it strictly would accept it (R-36)."""
    if wire.reads_back(command):
        return Success(command)
    match wire.try_encode(command):
        case Failure(problem):
            return Failure(f"{target} cannot take {problem}")
        case Success(_):
            return Success(command)


def _misplaced(mirror: Mirror, connection: int, command: Command) -> Reaction[Mirror]:
    tag = tag_of(command)
    if type(command) in HOST_REPORTS:
        message = f"only a host may send {tag}"
    else:
        message = f"{tag} goes from the launcher to a host, not to the launcher"
    return Reaction(mirror, (clients.refusal(connection, "invalid_command", message),))


_REQUESTS: dict[type[Command], Callable[[State[Mirror], int, Any], Reaction[Mirror]]] = {
    Register: lambda state, connection, command: clients.register(
        state.mirror, connection, command
    ),
    Goodbye: lambda state, connection, _: clients.goodbye(state.mirror, connection),
    Ping: lambda state, connection, command: queries.ping(state.mirror, connection, command),
    GetSnapshot: lambda state, connection, _: queries.snapshot(state, connection),
    GetEvents: lambda state, connection, command: queries.events(state.mirror, connection, command),
}
