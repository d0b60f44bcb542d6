"""Choosing moves: with faults for so many moves, then healing until every saga has ended.

The rules
---------
1.  *Faults*: the high half of a throw picks a kind by the weather's shares, the low half chooses
    whom it concerns; what has to be decided beside that takes the lowest bits of the high half,
    which hardly matter for the kind. One throw in `_CURIOUS_ONE_IN` is the guide's: where few sagas
    are in flight, it names a kind that was not made in this situation, or not after the last move.
2.  A dead process is started again. A world of a small scope begins anew some time after its last
    trigger came.
3.  *Healing*: the log works again, a shutdown is seen through, peers connect, and from then on
    they do what they are asked. Who got all its answers has ended. It may have failed if a peer
    refused before: a saga that has to undo what it did fails by the last answer, and by nothing
    else. Each peer connects once more if all in flight fit into its buffer, so that what got lost
    on its way comes too. Each saga is triggered once again, and completes.
4.  What is still in flight had its command lost; its deadline passes, and then nothing is left.
5.  A round of a small scope may have no trigger left; one more round, without any fault, has all.
"""

from collections.abc import Iterator

from msgspec.structs import replace

from saga_core.simulate.dice import Dice
from saga_core.simulate.guide import Guide
from saga_core.simulate.moves import OWN, Move
from saga_core.simulate.plan import HEALING, MOVES, Plan
from saga_core.simulate.proposals import propose
from saga_core.simulate.weather import AMISS, CALM, DEAR, Spell, is_amiss, spell
from saga_core.simulate.world import World

_CURIOUS_ONE_IN = 8
_CURIOUS_IN_A_SCOPE = 2
_CURIOUS_BELOW = 32
_ANEW_ONE_IN = 128
_DIES_AT_START_ONE_IN = 8
_WEATHERED = tuple(dict.fromkeys((*CALM, *DEAR, *AMISS)))
_HALF = 32
_LOW = (1 << _HALF) - 1
_AMISS = 8
"""The bit of a throw that says whether what is amiss comes next, if something is."""


class Player:
    """Chooses the moves of one run. `plan` has its faults switched off already."""

    def __init__(self, plan: Plan, guide: Guide) -> None:
        self._plan = plan
        self._guide = guide
        self._dice = Dice(plan.seed, MOVES)
        most = plan.sagas if plan.scope is None else sum(count for _, count in plan.scope)
        self._most = max(1, most)
        self._kinds = tuple(kind for kind in _WEATHERED if kind in plan.faults or kind in OWN)
        self._idle = (_CURIOUS_ONE_IN if plan.scope is None else _CURIOUS_IN_A_SCOPE) - 1
        self._spell: Spell = spell(self._dice, plan.faults, self._most)
        self._moves_left = self._spell.moves

    def next(self, world: World) -> Move | None:
        """The next move of the first phase; None if the throw came to nothing."""
        if not world.running:
            return self._dying(Move("start"))
        self._moves_left -= 1
        if self._moves_left < 0:
            self._spell = spell(self._dice, self._plan.faults, self._most)
            self._moves_left = self._spell.moves
        bits = self._dice.bits()
        high, low = bits >> _HALF, bits & _LOW
        if not high & self._idle:
            move = self._curious(world, low)
            if move is not None:
                return move
        if world.left is not None and self._is_over(world, high >> 4):
            return Move("anew")
        shares = self._spell.amiss if high & _AMISS and is_amiss(world) else self._spell.anyway
        return self._proposed(world, shares.pick(high), low)

    def _proposed(self, world: World, kind: str, bits: int) -> Move | None:
        if kind == "trigger":
            if len(world.deadlines) >= self._spell.level:
                kind = "answer"
        elif kind == "crash":
            return self._crash(world)
        elif kind == "anew":
            return Move(kind)
        return propose(world, kind, bits)

    def _crash(self, world: World) -> Move:
        """The process dies in some other move, or between two."""
        bits = self._dice.bits()
        kind = self._spell.anyway.pick(bits >> _HALF)
        move = propose(world, kind, bits & _LOW) if kind != "crash" else None
        return Move("crash") if move is None else replace(move, dies=self._dice.bits())

    def _dying(self, move: Move) -> Move:
        """A process that starts may die in that, too."""
        if "crash" not in self._plan.faults or not self._dice.hits(_DIES_AT_START_ONE_IN):
            return move
        return replace(move, dies=self._dice.bits())

    def _curious(self, world: World, bits: int) -> Move | None:
        few = len(world.deadlines) < _CURIOUS_BELOW
        for kind in self._guide.wishes(world.state, world.left, self._kinds, bits):
            if few or kind not in DEAR:
                move = self._proposed(world, kind, bits)
                if move is not None:
                    return move
        return None

    def _is_over(self, world: World, bits: int) -> bool:
        """Whether a round ends: no trigger is left, and nothing keeps anybody."""
        over = world.left is not None and not any(world.left) and not len(world.deadlines)
        return over and not bits % _ANEW_ONE_IN


def healing(world: World, plan: Plan) -> Iterator[Move]:
    """The moves of the second phase."""
    dice = Dice(plan.seed, HEALING)
    yield from _healing(world, dice)
    if world.left is not None:
        yield Move("anew")
        yield from _healing(world, dice)


def _healing(world: World, dice: Dice) -> Iterator[Move]:
    yield from _mending(world)
    yield from _answering(world, dice)
    yield Move("settled")
    if len(world.state.sagas) <= world.state.config.buffer_cap:
        yield from _reconnecting(world)
        yield from _answering(world, dice)
    yield from _once_more(world)
    yield from _answering(world, dice)
    yield Move("settled")
    yield Move("overdue")
    while len(world.deadlines):
        yield Move("deadline", world.deadlines[0])
    yield Move("rest")


def _mending(world: World) -> Iterator[Move]:
    if not world.running:
        yield Move("start")
    if world.state.log_degraded:
        yield Move("heal")
    if world.state.stopping:
        yield Move("end")
        yield Move("start")
    yield from _connecting(world)
    yield Move("mend")


def _connecting(world: World) -> Iterator[Move]:
    for which, target in enumerate(world.peers.targets):
        link = world.peers.links[target]
        for connection in list(link.closing):
            yield Move("closed", connection=connection)
        if not link.newest:
            for connection in list(link.open):
                yield Move("disconnect", connection=connection)
            yield Move("connect", connection=which * world.plan.connections + 1, which=which)


def _reconnecting(world: World) -> Iterator[Move]:
    for link in world.peers.links.values():
        if link.newest:
            yield Move("disconnect", connection=link.newest)
    yield from _connecting(world)


def _answering(world: World, dice: Dice) -> Iterator[Move]:
    """Peers answer until they have nothing left to say."""
    while (move := propose(world, "answer", dice.bits())) is not None:
        yield move


def _once_more(world: World) -> Iterator[Move]:
    for which, _ in enumerate(world.triggers):
        if world.left is None or world.left[which]:
            yield Move("trigger", which=which)
