"""The original reducer's tables: every step that checks of all worlds make, and what it does.

A mutant that does the same in each of these steps reaches the same states, and so is the same
reducer within these worlds: equivalence is decided, not guessed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from unittest.mock import patch

from msgspec.structs import replace
from tests.core.check.running import watch
from tests.mutants.live import StepError
from tests.mutants.worlds import World

from saga_core.check import Limits
from saga_core.check.promises.contracts import Contracts
from saga_core.check.search import Search
from saga_core.check.sometimes import unmet
from saga_core.check.worlds.memo import Memo
from saga_core.check.worlds.places import Places
from saga_core.engine import Effect, Event, Reducer, State


class Entry(NamedTuple):
    """One step. `same`: it returned the state object itself. `probe`: it must decide nothing."""

    reducer: Reducer[Any]
    before: State[Any]
    event: Event
    after: State[Any]
    effects: tuple[Effect, ...]
    same: bool
    probe: bool


class Original(NamedTuple):
    """A world, every step that is made in its states, and what never happens there."""

    world: World
    entries: list[Entry]
    unmet: frozenset[str]


class Difference(NamedTuple):
    """A step with another result than the original's. `raised`: or with none."""

    where: str
    entry: Entry
    after: State[Any]
    effects: tuple[Effect, ...]
    raised: str = ""


def tabled(world: World, reductions: frozenset[str]) -> Original:
    """Go through a world to its end, with these reductions, and make each step by itself."""
    plain = replace(world.scope, reductions=reductions)
    met: dict[tuple[int, int], bool] = {}
    with _noticed(met):
        search = Search(Places(world.scenario, plain), Limits(), watch())
        found = search.run()
    assert found is None, f"the original keeps its promises in {world.name}: {found}"
    assert search.cut is None, f"{world.name} has an end"
    memo = search.places.memo
    entries = [
        _entry(memo.reducer, memo.states[state], memo.events[event], probe)
        for (state, event), probe in met.items()
    ]
    return Original(world, entries, frozenset(unmet(search.places)))


def _entry(reducer: Reducer[Any], before: State[Any], event: Event, probe: bool) -> Entry:
    after, effects = reducer.step(before, event)
    return Entry(reducer, before, event, after, effects, after is before, probe)


def differences(original: Original) -> Iterator[Difference]:
    """The steps that have another result than the original's, in the order of the search."""
    where = original.world.name
    for entry in original.entries:
        try:
            after, effects = entry.reducer.step(entry.before, entry.event)
        except StepError as crash:
            yield Difference(where, entry, entry.before, (), str(crash))
            continue
        same = after is entry.before
        if same != entry.same or effects != entry.effects or after != entry.after:
            yield Difference(where, entry, after, effects)


@contextmanager
def _noticed(met: dict[tuple[int, int], bool]) -> Iterator[None]:
    """Note each state and event that meet, and whether that is only to decide nothing."""
    result, broken_in, probing = Memo.result, Contracts.broken_in, [False]

    def noticing(memo: Memo, state: int, event: int) -> Any:
        met[state, event] = probing[0] and met.get((state, event), True)
        return result(memo, state, event)

    def marked(contracts: Contracts, state: int) -> Any:
        probing[0] = True
        found = broken_in(contracts, state)
        probing[0] = False
        return found

    with patch.object(Memo, "result", noticing), patch.object(Contracts, "broken_in", marked):
        yield
