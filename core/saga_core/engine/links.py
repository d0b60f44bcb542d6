"""The way to a peer: send now, or keep until the peer is back.

The rules
---------
1.  While a link is connected, a command goes out on its newest connection, and the buffer is
    empty. The command is *unanswered* until its saga moves on or ends.
2.  While a link is not connected, before the first connection too, commands wait in the buffer,
    in the order of issue (FACTS R-27). Each stay has its own expiry, armed at its start
    (R-26); when it fires, the stay's saga fails as unreachable.
3.  The buffer holds at most `buffer_cap` commands on every path (R-29). What is beyond that is
    dropped, oldest first, and the dropped commands' sagas fail (R-01).
4.  A new connection becomes the newest one and gets the whole buffer, in order. The one before
    it becomes an older one: it may still answer, and it gets nothing new, not even when the
    newest one ends first (R-24).
5.  When a connection ends, its unanswered commands go to the newest connection at once if there
    is one, else back into the buffer: to the front, since they were issued first (R-17). Whatever
    came in between, the buffer is in the order of issue (R-30).
6.  A command that is known not to have been sent ends its connection (R-25, R-33).
7.  A command lives in its saga's entry, so it can't outlive its saga (F-33, R-28); the buffer
    holds ids only.

Nothing here ends a saga: what a rule drops it returns, for `endings` to claim.
"""

from collections.abc import Iterable

from msgspec.structs import replace

from saga_core.engine.effects import Dispatch
from saga_core.engine.events import FrameExpiry
from saga_core.engine.messages import Command
from saga_core.engine.ordered import sorted_items
from saga_core.engine.state import Awaiting, Link, M
from saga_core.engine.turn import Turn


def newest(turn: Turn[M], target: str) -> int | None:
    """The connection that a new command goes out on; None if it has to wait, or needs no link."""
    link = turn.links.get(target)
    return link.connection if link is not None else None


def send(turn: Turn[M], saga_id: int, step: Awaiting) -> tuple[int, ...]:
    """Dispatch or buffer a new step's command (rules 1 to 3); return the sagas it pushed out."""
    if step.connection is not None:
        turn.effects.append(Dispatch(step.target, step.connection, step.command))
        return ()
    _limit(turn, saga_id, step)
    return _fill(turn, step.target, (*turn.links[step.target].buffer, saga_id))


def attach(turn: Turn[M], target: str, connection: int) -> None:
    """Make `connection` the newest one and drain the buffer to it (rule 4)."""
    link = turn.links[target]
    older = link.older if link.connection is None else (*link.older, link.connection)
    turn.links = turn.links.set(target, Link(connection, older))
    for saga_id in link.buffer:
        _dispatch(turn, saga_id, connection)


def detach(turn: Turn[M], connection: int) -> dict[str, tuple[int, ...]]:
    """Forget an ended connection (rule 5); return the sagas pushed out, by target."""
    dropped: dict[str, tuple[int, ...]] = {}
    for target in turn.app.peers:
        link = turn.links[target]
        if connection == link.connection:
            turn.links = turn.links.set(target, replace(link, connection=None))
        elif connection in link.older:
            older = tuple(other for other in link.older if other != connection)
            turn.links = turn.links.set(target, replace(link, older=older))
        else:
            continue
        dropped[target] = _take_back(turn, target, connection)
    return dropped


def is_unanswered(turn: Turn[M], connection: int, command: Command) -> bool:
    """Whether a saga in flight still waits for the answer to this command on this connection."""
    step = pending_step(turn, turn.app.saga_id_of(command))
    return step is not None and step.connection == connection and step.command == command


def pending_step(turn: Turn[M], saga_id: int) -> Awaiting | None:
    """The step whose answer a saga awaits, if it is in flight and awaits one."""
    flight = turn.sagas.get(saga_id)
    return flight.awaiting if flight is not None else None


def waiting_step(turn: Turn[M], timer: FrameExpiry) -> Awaiting | None:
    """The step whose stay in the buffer this timer belongs to, if that stay still lasts."""
    step = pending_step(turn, timer.saga_id)
    if step is None or step.connection is not None or step.stay != timer.stay:
        return None
    return step


def release(turn: Turn[M], saga_id: int, step: Awaiting) -> None:
    """Take the command of an answered step or an ended saga out of the buffer, if it is there."""
    if step.connection is not None:
        return
    link = turn.links.get(step.target)
    if link is None or saga_id not in link.buffer:
        return
    turn.cancel(FrameExpiry(saga_id, step.stay))
    buffer = tuple(other for other in link.buffer if other != saga_id)
    turn.links = turn.links.set(step.target, replace(link, buffer=buffer))


def _take_back(turn: Turn[M], target: str, connection: int) -> tuple[int, ...]:
    returned = _unanswered(turn, target, connection)
    link = turn.links[target]
    if link.connection is not None:
        for saga_id in returned:
            _dispatch(turn, saga_id, link.connection)
        return ()
    dropped = _fill(turn, target, _in_order(turn, (*returned, *link.buffer)))
    for saga_id in returned:
        if saga_id not in dropped:
            _wait(turn, saga_id)
    return dropped


def _fill(turn: Turn[M], target: str, buffer: tuple[int, ...]) -> tuple[int, ...]:
    """Set the buffer to the newest of `buffer` that fit; return the rest, which is older."""
    excess = max(0, len(buffer) - turn.config.buffer_cap)
    turn.links = turn.links.set(target, replace(turn.links[target], buffer=buffer[excess:]))
    for saga_id in buffer[:excess]:
        if (step := _pending(turn, saga_id)).connection is None:
            turn.cancel(FrameExpiry(saga_id, step.stay))
    return buffer[:excess]


def _unanswered(turn: Turn[M], target: str, connection: int) -> tuple[int, ...]:
    """The sagas whose command was sent there and not answered, in the order of issue."""
    sent = [
        saga_id
        for saga_id, flight in sorted_items(turn.sagas)
        if (step := flight.awaiting) is not None
        and step.connection == connection
        and step.target == target
    ]
    return _in_order(turn, sent)


def _in_order(turn: Turn[M], saga_ids: Iterable[int]) -> tuple[int, ...]:
    return tuple(sorted(saga_ids, key=lambda saga_id: _pending(turn, saga_id).issued))


def _dispatch(turn: Turn[M], saga_id: int, connection: int) -> None:
    """Send a command that waited, or that was sent before."""
    step = _pending(turn, saga_id)
    if step.connection is None:
        turn.cancel(FrameExpiry(saga_id, step.stay))
    _move(turn, saga_id, connection)
    turn.effects.append(Dispatch(step.target, connection, step.command, redelivery=step.sent))


def _wait(turn: Turn[M], saga_id: int) -> None:
    """Begin another stay in the buffer."""
    _limit(turn, saga_id, _move(turn, saga_id, None))


def _limit(turn: Turn[M], saga_id: int, step: Awaiting) -> None:
    """Give a stay its end."""
    turn.arm(FrameExpiry(saga_id, step.stay), turn.config.frame_expiry_seconds)


def _move(turn: Turn[M], saga_id: int, connection: int | None) -> Awaiting:
    step, stay = _pending(turn, saga_id), turn.take_sequence()
    sent = step.sent or connection is not None
    moved = replace(step, connection=connection, stay=stay, sent=sent)
    _store(turn, saga_id, moved)
    return moved


def _store(turn: Turn[M], saga_id: int, step: Awaiting) -> None:
    turn.sagas = turn.sagas.set(saga_id, replace(turn.sagas[saga_id], awaiting=step))


def _pending(turn: Turn[M], saga_id: int) -> Awaiting:
    step = pending_step(turn, saga_id)
    assert step is not None, f"saga {saga_id} has no command to move"
    return step
