"""What a run has seen, and what it has not: the guide leads it there.

A *pair* is two kinds of move that follow one another. A *situation* is what decides what the
reducer does with a move: in a small scope its exact state, as the checker counts it; else the state
with its numbers made rough.

The guide wishes for a kind of move that never followed the last one, then for one that was not
tried in this situation. In a small scope it remembers where moves led, so where nothing is left to
be tried it wishes for the first step to the nearest state where something is.
"""

from bisect import bisect_right
from collections.abc import Hashable, Iterator, Sequence
from typing import Any

from saga_core.check.scope import FAULTS, Scenario
from saga_core.check.worlds.settling import Parts, Settling
from saga_core.engine.state import Link, State
from saga_core.simulate.moves import DEMANDS, OWN
from saga_core.simulate.plan import Plan

_NOTHING = ""
_ENDS = frozenset({"crash", "end"})
_TRIES_IN_A_SCOPE = 8
_ROUGH = (0, 1, 2, 3, 8, 64)


class Guide:
    """Counts what was seen.

    `pairs`: how often a kind of move came after another, by the former and the latter. `states`: of
    each different state, in a small scope, one as it was. `kinds` are those that may be wished for.
    """

    def __init__(self, scenario: Scenario, plan: Plan) -> None:
        self.pairs: dict[str, dict[str, int]] = {}
        self.states: dict[Parts, State[Any]] = {}
        self.exact = plan.scope is not None
        self._settling = Settling(scenario, plan.connections, rename=True, by_issue=False)
        self._leads: dict[Hashable, dict[str, Hashable]] = {}
        self._left: dict[Hashable, dict[str, int]] = {}
        self._tries = _TRIES_IN_A_SCOPE if self.exact else 1
        self._peers = scenario.peers
        self._kinds = [kind for kind in (*OWN, *FAULTS) if kind in plan.faults or kind in OWN]
        self._last = _NOTHING
        self._follows = self.pairs.setdefault(_NOTHING, {})
        self._links: object = None
        self._rough_links: Hashable = None
        self._before: Hashable = None
        self._now: Parts | None = None

    def made(self, kind: str, left: Sequence[int] | None) -> None:
        """A move of that kind was made; `left` are the triggers that may still come."""
        follows = self._follows
        follows[kind] = follows.get(kind, 0) + 1
        if kind != self._last:
            self._last = _NOTHING if kind in DEMANDS else kind
            self._follows = self.pairs.setdefault(self._last, {})
        if self.exact:
            there = self._place(left)
            if kind not in _ENDS and self._before is not None:
                self._leads.setdefault(self._before, {})[kind] = there
            self._before = None if kind in _ENDS else there

    def saw(self, state: State[Any]) -> None:
        """The reducer came to a state, in a small scope."""
        parts, _ = self._settling.settled(self._settling.parts_of(state))
        self.states.setdefault(parts, state)
        self._now = parts

    @property
    def pairs_seen(self) -> int:
        """How many different pairs came up; marks of a phase or a round are no part of any."""
        real = [follows for first, follows in self.pairs.items() if first != _NOTHING]
        return sum(second not in DEMANDS for follows in real for second in follows)

    @property
    def pairs_possible(self) -> int:
        """How many pairs the faults allow, at most: after an end comes a start, and only there."""
        ends = sum(kind in _ENDS for kind in self._kinds)
        alive = len(self._kinds) - ends - 1
        return alive * (alive + ends) + ends + alive + ends

    def moves(self) -> dict[str, int]:
        """How many moves there were of each kind."""
        found: dict[str, int] = {}
        for follows in self.pairs.values():
            for kind, count in follows.items():
                found[kind] = found.get(kind, 0) + count
        return found

    def wishes(
        self, state: State[Any], left: Sequence[int] | None, kinds: Sequence[str], bits: int
    ) -> Iterator[str]:
        """The kinds of move that lead to something new here, the newest first.

        `kinds`: those that may be wished for, the same ones each time.
        """
        situation = self._place(left) if self.exact else self._roughly(state)
        tries = self._left.get(situation)
        if tries is None:
            tries = self._left[situation] = dict.fromkeys(kinds, self._tries)
        if tries:
            yield from self._untried(tries, kinds, bits)
        way = self._way(situation) if self.exact else None
        if way is not None:
            yield way

    def _untried(self, tries: dict[str, int], kinds: Sequence[str], bits: int) -> Iterator[str]:
        turn = bits % len(kinds)
        turned = (*kinds[turn:], *kinds[:turn])
        follows = self._follows
        new = [kind for kind in turned if kind not in follows]
        for kind in (*new, *turned):
            left = tries.get(kind)
            if left is None:
                continue
            if left > 1:
                tries[kind] = left - 1
            else:
                del tries[kind]
            yield kind

    def _way(self, situation: Hashable) -> str | None:
        """The first step to the nearest state where something is left to be tried."""
        first = {situation: _NOTHING}
        met = [situation]
        for here in met:
            if first[here] and self._left.get(here) != {}:
                return first[here]
            for kind, there in self._leads.get(here, {}).items():
                if there not in first:
                    first[there] = first[here] or kind
                    met.append(there)
        return None

    def _place(self, left: Sequence[int] | None) -> Hashable:
        return self._now, tuple(left or ())

    def _roughly(self, state: State[Any]) -> Hashable:
        if state.links is not self._links:
            self._links = state.links
            self._rough_links = tuple([_rough_link(state.links[target]) for target in self._peers])
        return self._rough_links, state.stopping, state.log_degraded, _rough(len(state.sagas))


def _rough_link(link: Link) -> tuple[bool, int, int]:
    return link.connection is not None, _rough(len(link.older)), _rough(len(link.buffer))


def _rough(number: int) -> int:
    """The largest of a few numbers that is not above `number`."""
    return _ROUGH[bisect_right(_ROUGH, number) - 1]
