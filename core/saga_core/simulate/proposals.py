"""For each kind of move, one that is likely to be possible here, chosen by the bits of a throw.

The bits are used up from the low end; a bias of less than 1 in 2^32 is of no account. None: there
is no such move here.
"""

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from saga_core.simulate.moves import Move
from saga_core.simulate.peers import Connections
from saga_core.simulate.world import World


def propose(world: World, kind: str, bits: int) -> Move | None:
    """A move of that kind."""
    return _PROPOSALS[kind](world, kind, bits)


def _trigger(world: World, kind: str, bits: int) -> Move | None:
    if world.left is None:
        return Move(kind, which=bits % len(world.triggers))
    left = [which for which, count in enumerate(world.left) if count]
    return Move(kind, which=left[bits % len(left)]) if left else None


def _said(world: World, kind: str, bits: int) -> Move | None:
    """A peer says something to a command of a saga in flight."""
    asked = world.peers.asked
    count = len(asked)
    if not count:
        return None
    saga_id = asked[bits % count]
    bits //= count
    commands = world.peers.held[saga_id]
    which = bits % len(commands)
    connection = _over(world.peers.links[commands[which].target], bits >> 3)
    return Move(kind, saga_id, connection, which, bits >> 8 & 0xFF) if connection else None


def _foreign(world: World, kind: str, bits: int) -> Move | None:
    said = _said(world, kind, bits)
    if said is None:
        return None
    others = len(world.deadlines)
    place = (bits >> 40) % (others + 1)
    other = world.deadlines[place] if place < others else world.state.counters.next_saga_id
    return replace(said, more=other) if other != said.saga else None


def _late(world: World, kind: str, bits: int) -> Move | None:
    late = world.peers.late
    if not late.sagas:
        return None
    saga_id = late.sagas[bits % len(late.sagas)]
    commands = late.of(saga_id)
    if not commands:
        return None
    bits >>= 9
    which = bits % len(commands)
    connection = _over(world.peers.links[commands[which].target], bits >> 3)
    return Move(kind, saga_id, connection, which, bits >> 8 & 0xFF) if connection else None


def _lost(world: World, kind: str, bits: int) -> Move | None:
    asked = world.peers.asked
    return Move(kind, asked[bits % len(asked)], which=bits >> 32) if len(asked) else None


def _deadline(world: World, kind: str, bits: int) -> Move | None:
    armed = world.deadlines
    return Move(kind, armed[bits % len(armed)]) if len(armed) else None


def _expiry(world: World, kind: str, bits: int) -> Move | None:
    armed = world.expiries
    return Move(kind, armed[bits % len(armed)].saga_id) if len(armed) else None


def _stale(world: World, kind: str, bits: int) -> Move | None:
    stays, ended = world.stays.sagas, world.peers.late.sagas
    if stays and bits & 1:
        return Move(kind, stays[(bits >> 1) % len(stays)], which=1 + (bits >> 16 & 0xFF))
    return Move(kind, ended[(bits >> 1) % len(ended)]) if ended else None


def _send(world: World, kind: str, bits: int) -> Move | None:
    asked = world.peers.asked
    if not len(asked):
        return None
    saga_id = asked[bits % len(asked)]
    flight = world.state.sagas.get(saga_id)
    step = flight.awaiting if flight is not None else None
    if step is None or step.connection is None:
        return None
    return Move(kind, saga_id, step.connection, more=bits >> 40 & 1)


def _connect(world: World, kind: str, bits: int) -> Move | None:
    peers, most = world.peers, world.plan.connections
    which = bits % len(peers.targets)
    if bool(peers.links[peers.targets[which]]) == (kind == "connect"):
        return None
    numbers = range(which * most + 1, (which + 1) * most + 1)
    free = [number for number in numbers if number not in peers.owners]
    return Move(kind, 0, free[bits // 64 % len(free)], which) if free else None


def _disconnect(world: World, kind: str, bits: int) -> Move | None:
    link = world.peers.links[world.peers.targets[bits % len(world.peers.targets)]]
    numbers = link.closing if kind == "closed" else link.open
    return Move(kind, 0, numbers[bits // 64 % len(numbers)]) if numbers else None


def _restart(world: World, kind: str, bits: int) -> Move | None:
    which = bits % len(world.peers.targets)
    target = world.peers.targets[which]
    if world.peers.links[target] or not world.peers.knows(target):
        return None
    return Move(kind, which=which)


def _log(world: World, kind: str, _bits: int) -> Move | None:
    return Move(kind) if world.state.log_degraded == (kind == "heal") else None


def _shutdown(world: World, kind: str, _bits: int) -> Move | None:
    return Move(kind) if world.state.stopping == (kind == "end") else None


def _over(link: Connections, bits: int) -> int:
    """One of a peer's connections; 0 if it has none."""
    if len(link.open) == 1 and not link.closing:
        return link.open[0]
    numbers: Sequence[int] = link.open + link.closing
    return numbers[bits % len(numbers)] if numbers else 0


_PROPOSALS: dict[str, Callable[[World, str, int], Move | None]] = {
    "trigger": _trigger,
    "answer": _said,
    "twice": _said,
    "failure": _said,
    "foreign": _foreign,
    "late": _late,
    "lost": _lost,
    "deadline": _deadline,
    "expiry": _expiry,
    "stale": _stale,
    "send": _send,
    "connect": _connect,
    "second": _connect,
    "disconnect": _disconnect,
    "closed": _disconnect,
    "restart": _restart,
    "log": _log,
    "heal": _log,
    "shutdown": _shutdown,
    "end": _shutdown,
}
