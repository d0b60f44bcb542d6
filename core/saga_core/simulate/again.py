"""Playing part of a run again, without what is not possible any more.

Sagas are told apart by the moves that opened them, since their ids depend on what came before. What
a peer said over a connection that is left out, it says over the one that it has.
"""

from collections.abc import Iterable
from typing import NamedTuple

from msgspec.structs import replace

from saga_core.check.scope import Scenario
from saga_core.engine.history import Violation
from saga_core.simulate.moves import Move
from saga_core.simulate.plan import Plan
from saga_core.simulate.playing import play
from saga_core.simulate.world import World

_FEW = 400
"""Of a run as short as this, the whole is judged after each step."""

_SAID = frozenset({"answer", "twice", "failure", "foreign", "late"})


class Made(NamedTuple):
    """A move as it was made in the first run, and the sagas that it opened there."""

    move: Move
    opened: tuple[int, ...]


class Again(NamedTuple):
    """What became of a part of a run.

    `made`: the moves that could be made, as they were; `moves`: as they are now, with other ids.
    `broken`: the promise that the last one broke. `connections`: how many some peer had at once.
    """

    made: tuple[Made, ...]
    moves: tuple[Move, ...]
    broken: Violation | None
    connections: int


def again(scenario: Scenario, plan: Plan, run: Iterable[Made]) -> Again:
    """Play those moves of `run` that are possible, up to the first that breaks a promise."""
    run = tuple(run)
    world = World(scenario, plan, thorough=len(run) <= _FEW)
    made: list[Made] = []
    moves: list[Move] = []
    ids: dict[int, int] = {}
    most = 0
    for one in run:
        move = _renamed(one.move, ids, world)
        if move is None:
            continue
        move = _over(move, world)
        if not play(world, move):
            continue
        made.append(one)
        moves.append(move)
        ids.update(zip(one.opened, world.opened, strict=False))
        most = max(most, *map(len, world.peers.links.values()))
        if world.broken is not None:
            return Again(tuple(made), tuple(moves), world.broken, most)
    return Again(tuple(made), tuple(moves), world.judge.whole(world.state), most)


def _renamed(move: Move, ids: dict[int, int], world: World) -> Move | None:
    """The move with the ids of this run; None, if a saga of it never opened here.

    A foreign answer may name a saga that nobody ever opened.
    """
    if not move.saga:
        return move
    saga_id = ids.get(move.saga)
    if saga_id is None:
        return None
    if move.kind != "foreign":
        return replace(move, saga=saga_id)
    other = ids.get(move.more, world.state.counters.next_saga_id)
    return replace(move, saga=saga_id, more=other)


def _over(move: Move, world: World) -> Move:
    """The move over a connection that there is: what a peer says, it may say over its newest."""
    if move.kind not in _SAID or move.connection in world.peers.owners:
        return move
    target = world.peers.targets[(move.connection - 1) // world.plan.connections]
    newest = world.peers.links[target].newest
    return replace(move, connection=newest) if newest else move
