"""How likely each kind of move is, and how many sagas are in flight: it changes along a run.

The rules
---------
1.  A run goes through spells of weather. Each has a level: new sagas open, faster than they end,
    until so many are in flight; from then on answers come in their place. Low levels come up most:
    races are between few sagas, and each takes few moves. High ones show what many do to one
    another.
2.  A fault that concerns one saga has a share of the moves. One that concerns all sagas in flight
    (a connection ends, the process dies) costs in proportion to them, so it comes the more rarely
    the higher the level: the effects per move stay about the same.
3.  A world in which something is amiss (a peer away, the log failing, a shutdown under way) has
    shares of its own for what can happen only then.
"""

from bisect import bisect_right
from itertools import accumulate
from typing import NamedTuple

from saga_core.simulate.dice import Dice
from saga_core.simulate.moves import OWN
from saga_core.simulate.world import World

LEVELS = (2, 6, 24, 2, 6, 24, 120)
"""Sagas in flight, most of the time."""

_MOST_ONE_IN = 32
"""One spell in so many has as many as the plan allows; it lasts as long as many others."""

CALM = {
    "trigger": 500,
    "answer": 220,
    "late": 40,
    "stale": 80,
    "twice": 60,
    "failure": 12,
    "foreign": 60,
    "lost": 6,
    "deadline": 12,
}
"""Shares of what concerns one saga at most."""

DEAR = {"disconnect": 24, "second": 24, "send": 12, "log": 8, "shutdown": 5, "crash": 12}
"""Shares of what concerns all, were nobody in flight; so many sagas as `_HALVED_BY` halve them."""

AMISS = {
    "connect": 500,
    "closed": 500,
    "expiry": 200,
    "heal": 100,
    "end": 400,
    "restart": 200,
    "shutdown": 1,
    "crash": 40,
}
"""Shares of what happens while something is amiss, beside what happens anyway."""

_SPELL = 200
_SPELL_PER_SAGA = 6
_SCALE = 1_000
_HALVED_BY = 8


class Shares:
    """Kinds of moves by their shares; one is picked by 32 bits."""

    def __init__(self, shares: dict[str, int]) -> None:
        self.kinds = tuple(kind for kind, share in shares.items() if share)
        self._sums = list(accumulate(shares[kind] for kind in self.kinds))
        self._all = self._sums[-1]

    def pick(self, bits: int) -> str:
        """One kind; each is as likely as its share says."""
        return self.kinds[bisect_right(self._sums, bits * self._all >> 32)]


class Spell(NamedTuple):
    """One spell of weather: so many moves at a level."""

    level: int
    moves: int
    anyway: Shares
    amiss: Shares


def spell(dice: Dice, faults: frozenset[str], most: int) -> Spell:
    """The next spell, with at most so many sagas in flight."""
    level = most if dice.hits(_MOST_ONE_IN) else min(most, LEVELS[dice.below(len(LEVELS))])
    possible = faults | OWN.keys()
    anyway = {kind: share * _SCALE for kind, share in CALM.items()}
    for kind, share in DEAR.items():
        anyway[kind] = share * _SCALE * _HALVED_BY // (_HALVED_BY + level)
    return Spell(
        level,
        _SPELL + _SPELL_PER_SAGA * level,
        Shares({kind: share for kind, share in anyway.items() if kind in possible}),
        Shares({kind: share for kind, share in AMISS.items() if kind in possible}),
    )


def is_amiss(world: World) -> bool:
    """Whether something is not as it should be."""
    return world.peers.unwell or world.state.log_degraded or world.state.stopping
