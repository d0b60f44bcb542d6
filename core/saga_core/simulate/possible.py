"""Which moves are possible here, and the events that each one makes.

Every move is checked before it is made, so that any part of a run can be played again: what it
needs may be missing there. A move that is possible may make no event at all.
"""

from collections.abc import Callable

from returns.result import Success

from saga_core.engine.events import (
    CommandReceived,
    ConnectionClosed,
    Event,
    FrameExpiry,
    LogCommitFailed,
    LogCommitRecovered,
    SagaDeadline,
    SendFailed,
    ShutdownRequested,
    Timer,
    TimerFired,
)
from saga_core.engine.messages import Command
from saga_core.simulate.moves import LIVES, Move
from saga_core.simulate.peers import Held
from saga_core.simulate.world import World

Events = tuple[Event, ...] | None
"""None: the move is not possible here."""

_FAIR = frozenset({"answer", "connect", "closed", "trigger", "disconnect", "settled", "overdue"})
"""What may happen while peers do what they are asked."""


def events_of(world: World, move: Move) -> Events:
    """The events of a move, once it has taken from the world what it uses up."""
    if not world.running:
        return _ANYTIME[move.kind](world, move) if move.kind in _ANYTIME else None
    if world.honest and not _is_fair(world, move):
        return None
    return _POSSIBLE[move.kind](world, move)


def _is_fair(world: World, move: Move) -> bool:
    """Whether every saga completes all the same: no command is lost, no buffer overflows."""
    if move.kind not in _FAIR or move.dies != LIVES:
        return False
    if move.kind == "trigger":
        return _all_connected(world)
    return move.kind != "disconnect" or len(world.state.sagas) <= world.state.config.buffer_cap


def _all_connected(world: World) -> bool:
    return all(link.newest for link in world.peers.links.values())


def _trigger(world: World, move: Move) -> Events:
    if move.which >= len(world.triggers):
        return None
    if world.left is not None:
        if not world.left[move.which]:
            return None
        world.left[move.which] -= 1
    return (world.triggers[move.which],)


def _connect(world: World, move: Move) -> Events:
    peers = world.peers
    target = peers.targets[move.which]
    alone = not peers.links[target]
    if alone != (move.kind == "connect") or move.connection in peers.owners:
        return None
    peers.opened(target, move.connection)
    return world.scenario.connect(target, move.connection)


def _disconnect(world: World, move: Move) -> Events:
    target = world.peers.owners.get(move.connection)
    if target is None:
        return None
    link = world.peers.links[target]
    if move.connection not in (link.closing if move.kind == "closed" else link.open):
        return None
    world.peers.closed(move.connection)
    return (ConnectionClosed(move.connection),)


def _sayable(world: World, move: Move) -> Held | None:
    """The command that a peer has something to say to, over a connection of its own."""
    commands = world.peers.held.get(move.saga)
    if not commands:
        return None
    held = commands[move.which % len(commands)]
    return held if world.peers.owners.get(move.connection) == held.target else None


def _answer(world: World, move: Move) -> Events:
    held = _sayable(world, move)
    if held is None:
        return None
    if move.kind == "answer":
        world.peers.drop(move.saga, held)
    return _answered(world, move, held.command)


def _failure(world: World, move: Move) -> Events:
    held = _sayable(world, move)
    if held is None:
        return None
    world.peers.drop(move.saga, held)
    return (CommandReceived(move.connection, world.scenario.failure(held.command)),)


def _foreign(world: World, move: Move) -> Events:
    """What a peer says, as if another saga had asked."""
    held = _sayable(world, move)
    if held is None or move.saga == move.more:
        return None
    match world.app.address(held.target, held.command, move.more):
        case Success(command):
            return _answered(world, move, command)
        case _:
            return None


def _late(world: World, move: Move) -> Events:
    commands = world.peers.late.of(move.saga)
    if not commands:
        return None
    held = commands[move.which % len(commands)]
    if world.peers.owners.get(move.connection) != held.target:
        return None
    said = (*world.scenario.answers(held.command), world.scenario.failure(held.command))
    return (CommandReceived(move.connection, said[move.more % len(said)]),)


def _answered(world: World, move: Move, command: Command) -> Events:
    answers = world.scenario.answers(command)
    return (CommandReceived(move.connection, answers[move.more % len(answers)]),)


def _lost(world: World, move: Move) -> Events:
    commands = world.peers.held.get(move.saga)
    if not commands:
        return None
    world.peers.lose(move.saga, commands[move.which % len(commands)])
    return ()


def _deadline(world: World, move: Move) -> Events:
    if move.saga not in world.deadlines:
        return None
    world.deadlines.discard(move.saga)
    return (TimerFired(SagaDeadline(move.saga)),)


def _expiry(world: World, move: Move) -> Events:
    flight = world.state.sagas.get(move.saga)
    if flight is None or flight.awaiting is None:
        return None
    timer = FrameExpiry(move.saga, flight.awaiting.stay)
    if timer not in world.expiries:
        return None
    world.expiries.discard(timer)
    world.stays.add(timer.saga_id, [timer])
    return (TimerFired(timer),)


def _stale(world: World, move: Move) -> Events:
    timer: Timer
    if move.which == 0:
        timer = SagaDeadline(move.saga)
        live = move.saga in world.deadlines
    else:
        stays = world.stays.of(move.saga)
        if not stays:
            return None
        timer = stays[move.which % len(stays)]
        live = timer in world.expiries
    return None if live else (TimerFired(timer),)


def _send_fails(world: World, move: Move) -> Events:
    """`more`: the peer got the command all the same."""
    flight = world.state.sagas.get(move.saga)
    step = flight.awaiting if flight is not None else None
    if step is None or step.connection != move.connection:
        return None
    if move.connection not in world.peers.links[step.target].open:
        return None
    held = Held(step.target, step.command)
    if not move.more and held in world.peers.held.get(move.saga, ()):
        world.peers.lose(move.saga, held)
    return (SendFailed(move.connection, step.command),)


def _restart(world: World, move: Move) -> Events:
    target = world.peers.targets[move.which]
    if world.peers.links[target] or not world.peers.knows(target):
        return None
    world.peers.forget(target)
    return ()


def _log_fails(world: World, _move: Move) -> Events:
    return None if world.state.log_degraded else (LogCommitFailed("disk full", 1),)


def _log_heals(world: World, _move: Move) -> Events:
    return (LogCommitRecovered(1),) if world.state.log_degraded else None


def _shutdown(world: World, _move: Move) -> Events:
    return None if world.state.stopping else (ShutdownRequested("asked to end"),)


def _end(world: World, _move: Move) -> Events:
    return () if world.state.stopping else None


def _start(world: World, _move: Move) -> Events:
    if world.running or world.behind is None:
        return None
    world.running = True
    world.state = world.initial
    return (world.behind.recovery(world.next_saga_id),)


def _always(_world: World, _move: Move) -> Events:
    return ()


def _mend(world: World, _move: Move) -> Events:
    """Peers that are away do nothing that they are asked."""
    amiss = world.state.stopping or world.state.log_degraded
    return () if _all_connected(world) and not amiss else None


def _settled(world: World, _move: Move) -> Events:
    return () if world.honest else None


def _rest(world: World, _move: Move) -> Events:
    return None if len(world.deadlines) else ()


_POSSIBLE: dict[str, Callable[[World, Move], Events]] = {
    "trigger": _trigger,
    "connect": _connect,
    "second": _connect,
    "disconnect": _disconnect,
    "closed": _disconnect,
    "answer": _answer,
    "twice": _answer,
    "failure": _failure,
    "foreign": _foreign,
    "late": _late,
    "lost": _lost,
    "deadline": _deadline,
    "expiry": _expiry,
    "stale": _stale,
    "send": _send_fails,
    "restart": _restart,
    "log": _log_fails,
    "heal": _log_heals,
    "shutdown": _shutdown,
    "end": _end,
    "crash": _always,
    "start": _start,
    "mend": _mend,
    "settled": _settled,
    "overdue": _settled,
    "rest": _rest,
    "anew": _always,
}

_ANYTIME = {"start": _start, "anew": _always}
"""What is possible while no process runs."""
