"""Who is connected: registering, leaving, and what may be said before (FACTS 2.7, 2.8).

The rules
---------
1.  A connection says `register` first. Before, a question gets a private `not_registered` error
    and the connection stays; a report or a goodbye gets a fatal one and the connection ends.
2.  Registering admits the connection to the bus, so it sees its own `process_spawned`, and, if
    it is the first host, the phase change; then it gets `registered`; then, if it is a peer of
    sagas, the commands that waited for it.
3.  A pid that is registered and alive can't register again: fatal, and the connection ends
    (R-52). A second `register` on one connection is refused; the connection stays.
4.  While the launcher supervises a peer, only that process may take its role (R-53).
5.  A goodbye and the end of a socket mean the same: the process exited, and what a host showed
    is gone (F-15, R-58).
"""

from msgspec.structs import replace

from saga_core.agentmux import leaving
from saga_core.agentmux.commands import (
    HOST_COMMANDS,
    GetEvents,
    GetSnapshot,
    Ping,
    Register,
    ReportUiThreadAlive,
)
from saga_core.agentmux.events import (
    Error,
    LifecyclePhaseChanged,
    ProcessExited,
    ProcessSpawned,
    Registered,
)
from saga_core.agentmux.mirror import Client, Mirror
from saga_core.agentmux.vocabulary import ErrorCode
from saga_core.engine import (
    UNSTAMPED,
    Admit,
    Answer,
    Attach,
    Command,
    HangUp,
    Output,
    Publish,
    Reaction,
    Refuse,
    tag_of,
)

PEER_KINDS = ("host", "srv")
"""The kinds that sagas can send commands to."""

_QUESTIONS = frozenset({Ping, GetSnapshot, GetEvents, ReportUiThreadAlive}) | HOST_COMMANDS
"""What may come too early without ending the connection."""


def opened(mirror: Mirror, connection: int, barred: tuple[str, ...]) -> Reaction[Mirror]:
    """A socket opened; nobody knows yet who it is. One that is open already stays who it is."""
    if connection in mirror.clients:
        return Reaction(mirror)
    return Reaction(replace(mirror, clients=mirror.clients.set(connection, Client(barred))))


def closed(mirror: Mirror, connection: int) -> Reaction[Mirror]:
    """A socket ended (rule 5)."""
    client = mirror.clients.get(connection)
    if client is None:
        return Reaction(mirror)
    return _exited(mirror, connection, client)


def goodbye(mirror: Mirror, connection: int) -> Reaction[Mirror]:
    """A client leaves on purpose (rule 5)."""
    exited = _exited(mirror, connection, mirror.clients[connection])
    return Reaction(exited.mirror, (*exited.outputs, HangUp(connection, "goodbye")))


def too_early(mirror: Mirror, connection: int, command: Command) -> Reaction[Mirror]:
    """A command before `register` (rule 1)."""
    message = f"register first: {tag_of(command)} came before register"
    if type(command) in _QUESTIONS:
        return Reaction(mirror, (refusal(connection, "not_registered", message),))
    return _turn_away(mirror, connection, "not_registered", message)


def register(mirror: Mirror, connection: int, command: Register) -> Reaction[Mirror]:
    """The first command of a client (rules 2 to 4)."""
    client = mirror.clients[connection]
    if client.kind is not None:
        message = f"this connection is registered already, as {client.kind} with pid {client.pid}"
        return Reaction(mirror, (refusal(connection, "already_registered", message),))
    if command.kind in client.barred:
        message = (
            f"only the {command.kind} that this launcher started may register as {command.kind}"
        )
        return _turn_away(mirror, connection, "invalid_command", message)
    if command.pid in mirror.live_pids:
        message = f"pid {command.pid} is registered and alive"
        return _turn_away(mirror, connection, "already_registered", message)
    return _welcome(mirror, connection, command)


def refusal(connection: int, code: ErrorCode, message: str, *, fatal: bool = False) -> Refuse:
    """A private error; it carries version 0 (FACTS F-17)."""
    return Refuse(connection, Error(code, message, fatal, UNSTAMPED))


def rejected(mirror: Mirror, connection: int, reason: str, *, fatal: bool) -> Reaction[Mirror]:
    """A line that is no command; after a fatal one the stream can't be read on."""
    if connection not in mirror.clients:
        return Reaction(mirror)
    error = refusal(connection, "invalid_command", f"parse failed: {reason}", fatal=fatal)
    if not fatal:
        return Reaction(mirror, (error,))
    exited = _exited(mirror, connection, mirror.clients[connection])
    return Reaction(exited.mirror, (error, *exited.outputs, HangUp(connection, reason)))


def _welcome(mirror: Mirror, connection: int, command: Register) -> Reaction[Mirror]:
    first_host = command.kind == "host" and mirror.lifecycle == "starting"
    client = replace(
        mirror.clients[connection],
        kind=command.kind,
        pid=command.pid,
        client_id=mirror.next_client_id,
    )
    joined = replace(
        mirror,
        clients=mirror.clients.set(connection, client),
        live_pids=mirror.live_pids.set(command.pid, connection),
        next_client_id=mirror.next_client_id + 1,
        lifecycle="running" if first_host else mirror.lifecycle,
    )
    outputs: list[Output] = [
        Admit(connection),
        Publish(ProcessSpawned(command.pid, command.kind, command.version, UNSTAMPED)),
    ]
    if first_host:
        outputs.append(Publish(LifecyclePhaseChanged("starting", "running", UNSTAMPED)))
    launcher = mirror.identity
    registered = Registered(client.client_id, launcher.pid, launcher.version, UNSTAMPED)
    outputs.append(Answer(connection, registered))
    if command.kind in PEER_KINDS:
        outputs.append(Attach(command.kind, connection))
    return Reaction(joined, tuple(outputs))


def _turn_away(mirror: Mirror, connection: int, code: ErrorCode, message: str) -> Reaction[Mirror]:
    gone = replace(mirror, clients=mirror.clients.remove(connection))
    error = refusal(connection, code, message, fatal=True)
    return Reaction(gone, (error, HangUp(connection, message)))


def _exited(mirror: Mirror, connection: int, client: Client) -> Reaction[Mirror]:
    gone = replace(mirror, clients=mirror.clients.remove(connection))
    if client.kind is None:
        return Reaction(gone)
    gone = replace(gone, live_pids=mirror.live_pids.remove(client.pid))
    exit_event = Publish(ProcessExited(client.pid, 0, UNSTAMPED))
    left = leaving.forget(gone, connection)
    return Reaction(left.mirror, (exit_event, *left.outputs))
