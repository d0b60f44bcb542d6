"""The ways to find out that a reducer is wrong: each says what it found, and how long that was.

Each method works alone, so that the table can say what it is worth: contracts judge single steps
from the original's states; the search judges runs; liveness asks only whether sagas end and
complete, and judges no step; simulation and Hypothesis try their luck.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from time import process_time
from typing import NamedTuple
from unittest.mock import patch

from tests.core.check.odd import ODD, orders
from tests.core.check.running import BOTH, CLEANUP, FEW, POOL, watch
from tests.mutants.live import StepError
from tests.mutants.original import Difference, Original
from tests.mutants.outcomes import CRASH, Outcome
from tests.mutants.worlds import FULFILMENT, World

from saga_core.check import COMPLETES, CONTRACTS, ENDS, SOMETIMES, Limits, Scope, check
from saga_core.check.agentmux import SCENARIO
from saga_core.check.liveness import lasso
from saga_core.check.promises.judging import Judging
from saga_core.check.promises.steps import broken_by, implied_history, unheard
from saga_core.check.search import Search
from saga_core.check.sometimes import unmet
from saga_core.check.worlds import stepping
from saga_core.check.worlds.moves import Move
from saga_core.check.worlds.places import Places

_LIMITS = Limits(states=3_000)
_LIVELY_LIMITS = Limits(states=1_000)
"""In worlds: several times as many as the original has."""


class Kill(NamedTuple):
    """A promise that broke, where, and in how many moves."""

    by: str
    where: str
    length: int | None


Method = Callable[[], Kill | None]


def outcome(method: Method) -> Outcome:
    """What a method says, and its CPU time. What `step` raises kills too.

    A checker that stumbles over what a mutant told it has not said which promise that breaks.
    """
    began, kill, stumbled = process_time(), None, ""
    try:
        kill = method()
    except StepError as crash:
        kill = Kill(f"{CRASH}: {crash}", "", None)
    except Exception as error:  # noqa: BLE001  a checker may stumble over anything
        stumbled = f"stumbled: {type(error).__name__}"
    seconds = round(process_time() - began, 2)
    if kill is None:
        return Outcome("survived", seconds, stumbled)
    return Outcome("killed", seconds, kill.by, kill.where, kill.length)


def contracts(found: Iterable[Difference]) -> Kill | None:
    """Every event in each of the original's states, judged by that step alone.

    A step that does the same as the original's keeps what that keeps: `found` are the others.
    """
    for where, entry, after, effects, raised in found:
        if raised:
            return Kill(f"{CRASH}: {raised}", where, 1)
        app, told = entry.reducer.application, implied_history(entry.before)
        broken = broken_by(app, told, entry.before, entry.event, after, effects)
        if after is entry.before and not effects:
            broken = unheard(entry.before, entry.event)
        if broken is not None:
            return Kill(broken.invariant, where, 1)
        if entry.probe:
            return Kill(CONTRACTS, where, 1)
    return None


def search(original: Original) -> Kill | None:
    """Every run of its world, judged move by move; and whether all happens that should."""
    world = original.world
    places = Places(world.scenario, world.scope)
    searched = Search(places, _LIMITS, watch())
    try:
        found = searched.run()
    except StepError as crash:
        return Kill(f"{CRASH}: {crash}", world.name, searched.depth + 1)
    if found is not None:
        return Kill(found.violation.invariant, world.name, len(searched.path_to(found.world)) + 1)
    missing = set(unmet(places)) - original.unmet if searched.cut is None else set()
    return Kill(SOMETIMES + min(missing), world.name, None) if missing else None


def liveness(world: World) -> Kill | None:
    """Does every saga end, and complete if its peers are honest? Nothing else is asked."""
    with _nothing_judged():
        report = check(world.scenario, world.scope, watch(), _LIVELY_LIMITS)
    found = report.counterexample
    if found is None or found.promise not in {ENDS, COMPLETES}:
        return None
    return Kill(found.promise, world.name, len(found.moves))


def alone(world: World) -> Kill | None:
    """FACTS R-10: a saga that gives up or goes wrong ends by itself, without a deadline."""
    search = Search(Places(world.scenario, world.scope), _LIVELY_LIMITS, watch())
    with _nothing_judged():
        if search.run() is not None or search.cut is not None:
            return None
        found = lasso(search, lambda w: bool(search.places.open_sagas(search.place_of(w))), _fair)
    if found is None:
        return None
    return Kill(ENDS, world.name, len(search.path_to(found.world)) + len(found.round))


def _fair(move: Move) -> Hashable | None:
    """Peers come and answer."""
    return move[:2] if move.kind in {"connect", "answer"} else None


_PLAIN: frozenset[str] = frozenset()
_LIVELY = frozenset({"deadline", "disconnect", "send", "crash"})

LIVELY = (
    World("one pool_respawn", SCENARIO, Scope(POOL, faults=_LIVELY, reductions=_PLAIN)),
    World("one window_cleanup", SCENARIO, Scope(CLEANUP, faults=_LIVELY, reductions=_PLAIN)),
    World("one of each, few faults", SCENARIO, Scope(BOTH, faults=FEW, reductions=_PLAIN)),
    World("one order", FULFILMENT, Scope((("book", 1),), 1, FEW, 1, _PLAIN)),
)
"""Worlds without reductions: these rest on promises that liveness does not judge."""

ALONE = tuple(
    World(f"a saga that {name}", orders([name]), Scope(((name, 1),), 1, _PLAIN, 1, _PLAIN))
    for name in ODD
    if name != "waits"
)
"""Worlds without faults, of sagas that end by what they do themselves."""


@contextmanager
def _nothing_judged() -> Iterator[None]:
    with (
        patch.object(Judging, "broken_by", lambda *_: None),
        patch.object(stepping, "unheard", lambda *_: None),
        patch.object(Places, "contract", lambda *_: None),
    ):
        yield


def first(kills: Iterator[Kill | None]) -> Kill | None:
    """The first kill, if there is any."""
    return next((kill for kill in kills if kill is not None), None)
