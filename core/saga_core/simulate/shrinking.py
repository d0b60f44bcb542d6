"""From a long run that breaks a promise to the shortest one there is.

The rules
---------
1.  The run is played once more from its seed, and every move is kept.
2.  If it breaks the same promise under a smaller buffer cap, that one is kept: a fault at a cap of
    64 takes 65 sagas, at a cap of 1 two. That every saga completes is promised of a cap that has
    room for what waits, so then the cap stays.
3.  Parts of the run are left out, halves first, single moves last (delta debugging, Zeller 1999),
    as long as it breaks the same promise in the same way: told by the same sentence but for its
    numbers. One promise can break in several ways, and another one may be another fault. The moves
    that this plays are bounded.
4.  What is left says which sagas, which faults and how many connections it takes. In that scope
    the checker searches every world, breadth first: what it finds is provably shortest. Where it
    finds nothing, the run itself is the counterexample (`retelling`).
"""

import re
from collections.abc import Iterable, Iterator
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from saga_core.check.checker import COMPLETES, check
from saga_core.check.report import CheckedScope, Counterexample
from saga_core.check.scope import FAULTS, HONEST, REDUCTIONS, Scenario, Scope
from saga_core.check.search import Limits, Watch
from saga_core.engine.history import Violation
from saga_core.simulate.again import Again, Made, again
from saga_core.simulate.moves import Move, title
from saga_core.simulate.plan import Plan, cap_of
from saga_core.simulate.playing import RAISES
from saga_core.simulate.retelling import retold
from saga_core.simulate.simulation import Run

MOVES_PLAYED = 1_000_000
"""What leaving parts out may cost, in moves."""

MOST_TRIGGERS = 4
"""With more sagas than this the checker is not asked."""

CHECK_LIMITS = Limits(seconds=60.0, states=500_000)

_NUMBERS = re.compile(r"\d+(?:, \d+)*")
"""A number, or some in a list, which may be as many as there are sagas."""

_CONNECTIONS = 2
"""The checker lets each peer have so many at once, even if the run takes fewer."""

_CAPS = (0, 1, 2, 4, 8, 16, 32)


Checked = Literal["found", "held", "cut", "not asked", "asks less"]
"""What the checker says of the scope that a run takes. `found`: a run that breaks a promise, the
shortest there is. `held`: nothing breaks there, with its reductions and without; so the checker and
the simulation disagree, and one of them is wrong. `cut`: it came to no end. `not asked`: the run
takes more sagas than it is asked about, or `step` raises. `asks less`: that a saga goes on
is nothing that it looks for under these faults; see `asks_less`."""


class Shrunk(Struct, frozen=True):
    """A broken promise as short as it got.

    `moves` are what is left of the run, one line each; the last one breaks `promise`. `scope` is
    what the checker searched for a shorter one, None if it was not asked; `checked` is what came
    of that. `counterexample` is what it found, or the run itself; None, if a capsule can't hold it.
    """

    promise: str
    sentence: str
    buffer_cap: int
    moves: tuple[str, ...]
    checked: Checked = "not asked"
    scope: CheckedScope | None = None
    counterexample: Counterexample | None = None


def shrink(
    scenario: Scenario, plan: Plan, watch: Watch, limits: Limits = CHECK_LIMITS
) -> Shrunk | None:
    """The shortest run that breaks what the run of `plan` breaks; None, if that keeps all."""
    run = Run(scenario, plan)
    made = [Made(move, tuple(run.world.opened)) for move in run.moves()]
    if run.world.broken is None:
        return None
    plan, left = _Shorter(scenario, run.plan).shortest(tuple(made))
    return _searched(scenario, plan, left, watch, limits)


class _Shorter:
    """Leaves parts of a run out while it breaks the same promise in the same way.

    `played` counts moves.
    """

    def __init__(self, scenario: Scenario, plan: Plan) -> None:
        self._scenario = scenario
        self._plan = replace(plan, scope=None)
        self._way = ("", "")
        self.played = 0

    def shortest(self, run: tuple[Made, ...]) -> tuple[Plan, Again]:
        """What is left of a run, and the plan to play it under."""
        best = again(self._scenario, self._plan, run)
        assert best.broken is not None, "a run that is played again does the same"
        self._way = _way(best.broken)
        for cap in _CAPS if best.broken.invariant != COMPLETES else ():
            tried = again(self._scenario, replace(self._plan, buffer_cap=cap), run)
            if cap < cap_of(self._plan) and self._breaks(tried):
                self._plan, best = replace(self._plan, buffer_cap=cap), tried
                break
        size = len(best.made) // 2
        while size:
            best, shorter = self._without_parts(best, size)
            size = size if shorter and size == 1 else size // 2
        return self._plan, best

    def _without_parts(self, best: Again, size: int) -> tuple[Again, bool]:
        """The run without each part of that size that it can do without, and if there was any."""
        start, before = 0, len(best.made)
        while start < len(best.made) and self.played < MOVES_PLAYED:
            rest = best.made[:start] + best.made[start + size :]
            tried = again(self._scenario, self._plan, rest)
            self.played += len(rest)
            if self._breaks(tried):
                best = tried
            else:
                start += size
        return best, len(best.made) < before

    def _breaks(self, tried: Again) -> bool:
        return tried.broken is not None and _way(tried.broken) == self._way


def _way(broken: Violation) -> tuple[str, str]:
    """The promise, and how it is broken: the sentence without its numbers.

    Of what `step` raised, the type: its text may be about anything.
    """
    told, sentence = broken.invariant, broken.sentence
    return told, sentence.split(":")[0] if told == RAISES else _NUMBERS.sub("#", sentence)


def asks_less(broken: Violation, faults: frozenset[str]) -> bool:
    """Whether a check under these faults passes over what a simulation found.

    That a saga ends by its answers, and not by its deadline, is promised under `HONEST` faults and
    refusals (`SETTLES`); a simulation demands it of every saga, whatever happened before.
    """
    return broken.invariant == COMPLETES and not faults <= HONEST | {"failure"}


def _searched(scenario: Scenario, plan: Plan, left: Again, watch: Watch, limits: Limits) -> Shrunk:
    broken = left.broken
    assert broken is not None, "a run is shrunk while it breaks a promise"
    names = tuple(scenario.triggers)
    moves = tuple(title(move, names, scenario.peers) for move in left.moves)
    shrunk = Shrunk(broken.invariant, broken.sentence, cap_of(plan), moves)
    if shrunk.promise == RAISES:
        return shrunk
    shrunk = _checked(scenario, shrunk, _scopes(plan, left, names), watch, limits)
    if shrunk.checked == "held" and asks_less(broken, _faults_of(left.moves)):
        shrunk = replace(shrunk, checked="asks less")
    if shrunk.counterexample is not None:
        return shrunk
    return replace(shrunk, counterexample=retold(scenario, plan, left, broken))


def _checked(
    scenario: Scenario, shrunk: Shrunk, scopes: Iterable[Scope], watch: Watch, limits: Limits
) -> Shrunk:
    """What the checker says: of each scope, up to the first in which something breaks."""
    for scope in scopes:
        report = check(scenario, scope, watch, limits)
        checked: Checked = "held" if report.cut is None else "cut"
        if report.counterexample is not None:
            checked = "found"
        if shrunk.checked != "cut" or checked == "found":
            told = report.scope, report.counterexample
            shrunk = replace(shrunk, checked=checked, scope=told[0], counterexample=told[1])
        if checked == "found" or report.cut == "interrupted":
            break
    return shrunk


def _scopes(plan: Plan, left: Again, names: tuple[str, ...]) -> Iterator[Scope]:
    """Where to look for the run: with the faults that it takes, then with all of its seed.

    At last with the former once more, and nothing merged: a reduction may hide what breaks.
    """
    which = [move.which for move in left.moves if move.kind == "trigger"]
    if len(which) > MOST_TRIGGERS:
        return
    sagas = tuple((name, which.count(i)) for i, name in enumerate(names) if i in which)
    connections = min(plan.connections, max(_CONNECTIONS, left.connections))
    faults = _faults_of(left.moves)
    scope = Scope(sagas or ((names[0], 1),), cap_of(plan), faults, connections)
    yield from (scope, replace(scope, faults=plan.faults), scope.without(REDUCTIONS))


def _faults_of(moves: Iterable[Move]) -> frozenset[str]:
    return frozenset({move.called for move in moves} & FAULTS.keys())
