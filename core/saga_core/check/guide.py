"""Following a reduced trace without the reductions: every reduced trace replays.

In a reduced search a saga or a connection may have another name in each world. The same search
without reductions has a move to a world that looks like the next one of the trace, whatever the
names; the guide takes it. Where there is none, the reduction merged what does not behave alike:
that is a bug of the checker.
"""

from collections.abc import Iterator
from itertools import chain, permutations, product
from typing import NamedTuple

from msgspec.structs import replace

from saga_core.check.happenings import Up
from saga_core.check.memo import bits
from saga_core.check.places import Dead, Places
from saga_core.check.rows import Down
from saga_core.check.scope import NAMES
from saga_core.check.search import Search
from saga_core.check.view import Names, settle, view
from saga_core.engine.ordered import sorted_keys


class Step(NamedTuple):
    """A move of a trace, and the world that it leads to."""

    move: int
    world: int


def follow(reduced: Search, path: list[tuple[int, int]], plain: Search) -> list[Step]:
    """The moves of `path`, which `reduced` found, in the search without reductions.

    Ends early in a world in which a promise is broken already: `plain` may know of a command that
    `reduced` had not met there yet, and hold the contracts to it.
    """
    here, steps = plain.worlds[0], []
    for move, world in path:
        if plain.broken_in(here) is not None:
            break
        found = next(_alike(reduced, move, world, plain, here), None)
        assert found is not None, f"nothing like {reduced.places.moves[move]} can happen"
        steps.append(found)
        here = found.world
    return steps


def _alike(reduced: Search, move: int, world: int, plain: Search, here: int) -> Iterator[Step]:
    """The moves from `here` that are like `move`, to a world that is like `world`."""
    kind, triggers = reduced.places.moves[move].kind, reduced.triggers_of(world)
    goal = reduced.places.places[reduced.place_of(world)]
    for taken, target in plain.successors(here):
        if plain.places.moves[taken].kind != kind or plain.triggers_of(target) != triggers:
            continue
        place = plain.places.places[plain.place_of(target)]
        if _looks_like(reduced.places, goal, plain.places, place):
            yield Step(taken, target)


def _looks_like(reduced: Places, goal: Up | Dead, plain: Places, here: Up | Dead) -> bool:
    if isinstance(goal, Dead) or isinstance(here, Dead):
        return (
            isinstance(goal, Dead)
            and isinstance(here, Dead)
            and _shape(reduced.memo.downs[goal.down]) == _shape(plain.memo.downs[here.down])
        )
    state = plain.memo.states[here.state]
    wanted, rename = view(reduced.memo.states[goal.state]), NAMES in reduced.scope.reductions
    same = Names(reduced.memo.in_flight[goal.state], ())
    awaited = reduced.memo.held(goal.held, same)
    sagas = tuple(sorted_keys(state.sagas))
    for connections in _namings(plain):
        names = Names(sagas, connections)
        slots = tuple(here.slots[old - 1] for old in connections)
        if slots != goal.slots or _held(reduced, plain, here, names) != awaited:
            continue
        if view(settle(reduced.memo.scenario, state, names, rename=rename)) == wanted:
            return True
    return False


def _namings(places: Places) -> Iterator[tuple[int, ...]]:
    """Every way to name the connections anew, each within its peer's."""
    numbers = list(enumerate(places.world.targets, start=1))
    mine = [
        permutations([number for number, owner in numbers if owner == target])
        for target in places.memo.scenario.peers
    ]
    return (tuple(chain.from_iterable(naming)) for naming in product(*mine))


def _held(reduced: Places, plain: Places, here: Up, names: Names) -> int:
    held = 0
    for bit in bits(here.held):
        held |= reduced.memo.bit(plain.memo.commands[bit])
    return reduced.memo.held(held, names)


def _shape(down: Down) -> Down:
    """Sagas by rank; the next id is left out, and so are the rows of a log that lacks some."""
    if down.excused:
        return Down(0, excused=True)
    told = (*(row.saga_id for row in down.rows), *(o.saga_id for o in down.outcomes), *down.lost)
    rank = {saga_id: place for place, saga_id in enumerate(sorted(set(told)), start=1)}
    return Down(
        0,
        tuple(replace(row, saga_id=rank[row.saga_id]) for row in down.rows),
        tuple(replace(ended, saga_id=rank[ended.saga_id]) for ended in down.outcomes),
        tuple(rank[saga_id] for saga_id in down.lost),
        down.excused,
    )
