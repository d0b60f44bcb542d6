"""Turning what an application wants done into effects, in its order."""

from msgspec.structs import replace

from saga_core.engine import links, reasons
from saga_core.engine.application import (
    Admit,
    Answer,
    Attach,
    HangUp,
    Publish,
    Reaction,
    Refuse,
    ReplaySince,
)
from saga_core.engine.effects import CloseConnection, Replay, Reply, Subscribe
from saga_core.engine.endings import fail_all
from saga_core.engine.state import M
from saga_core.engine.turn import Turn


def carry_out(turn: Turn[M], reaction: Reaction[M]) -> None:
    """Take over the application's mirror and do what it wants."""
    turn.mirror = reaction.mirror
    for output in reaction.outputs:
        if isinstance(output, Publish):
            turn.publish(output.event)
        else:
            _do(turn, output)


def hang_up(turn: Turn[M], connection: int, reason: str) -> None:
    """End a connection from our side; what was unanswered on it goes back to its link."""
    detach(turn, connection)
    turn.effects.append(CloseConnection(connection, reason))


def detach(turn: Turn[M], connection: int) -> None:
    """Take an ended connection from its link; sagas whose command no longer fits fail."""
    for target, dropped in links.detach(turn, connection).items():
        fail_all(turn, dropped, reasons.overflow(target))


def _do(turn: Turn[M], output: Answer | Refuse | ReplaySince | Admit | Attach | HangUp) -> None:
    match output:
        case Answer(connection, event):
            turn.effects.append(Reply(connection, replace(event, version=turn.version)))
        case Refuse(connection, event):
            turn.effects.append(Reply(connection, event))
        case ReplaySince(connection, since):
            turn.effects.append(Replay(connection, since, turn.version))
        case Admit(connection):
            turn.effects.append(Subscribe(connection))
        case Attach(target, connection):
            links.attach(turn, target, connection)
        case HangUp(connection, reason):
            hang_up(turn, connection, reason)
