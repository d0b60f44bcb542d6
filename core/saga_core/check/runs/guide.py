"""Following a trace of a search in real names: every trace replays.

In a reduced search a saga or a connection may have another name in each world. Where the search
took a move, the guide looks for one in the world as it is (`stage`) that leads to the same,
whatever the names. Where there is none, a reduction merged what does not behave alike: then the
search has to be made again with fewer.
"""

from collections.abc import Iterator
from itertools import chain, permutations, product

from msgspec.structs import replace

from saga_core.check.runs.scene import Scene
from saga_core.check.runs.stage import Stage, Taken
from saga_core.check.scope import NAMES
from saga_core.check.search import Search, Triggers
from saga_core.check.worlds.happenings import Up
from saga_core.check.worlds.places import Dead, Places
from saga_core.check.worlds.rows import Down, shape
from saga_core.check.worlds.sent import Sent
from saga_core.check.worlds.view import Names, in_order_of_issue, settle, view
from saga_core.engine.history import Violation
from saga_core.engine.ordered import sorted_keys


class UntoldError(Exception):
    """What a search found can't be played in real names."""


def follow(search: Search, path: list[tuple[int, int]], stage: Stage, here: Scene) -> list[Taken]:
    """The moves of `path`, which `search` found, played from `here` on."""
    played: list[Taken] = []
    for move, world in path:
        found = next(_alike(search, move, world, stage, here), None)
        if found is None:
            raise UntoldError(f"nothing like {search.places.moves[move]} can happen")
        played.append(found)
        here = found.here
    return played


def breaking(search: Search, promise: str, stage: Stage, run: list[Taken]) -> list[Taken]:
    """`run` with a move at its end that breaks `promise`, as `search` says is possible there.

    It ends early in a world where the promise can be broken already: a search that meets a command
    late does not go back to hold earlier worlds to it.
    """
    known = tuple(search.places.memo.holding.sent)
    scenes = [stage.first(), *(taken.here for taken in run)]
    for count, here in enumerate(scenes):
        found = next(_broken(stage, here, known, promise), None)
        if found is not None:
            return [*run[:count], found]
    raise UntoldError(f"nothing along the way breaks {promise}")


def _broken(stage: Stage, here: Scene, known: tuple[Sent, ...], promise: str) -> Iterator[Taken]:
    options = (stage.take(here, option) for option in stage.options.of(here))
    for taken in chain(stage.strays(here, known), options):
        match taken.broken:
            case Violation(invariant) if invariant == promise:
                yield taken
            case _:
                pass


def _alike(search: Search, number: int, world: int, stage: Stage, here: Scene) -> Iterator[Taken]:
    """The moves from `here` that are like a move of the search and lead to what is like `world`."""
    move = search.places.moves[number]
    left = Triggers(stage.scope).left[search.triggers_of(world)]
    goal = search.places.places[search.place_of(world)]
    for option in stage.options.of(here):
        if option.here.left != left:
            continue
        plain = option.cue.move == move.kind and move.died is None
        ways = [stage.take(here, option)] if plain else stage.deaths(here, option)
        for taken in ways if plain or _dies(move.kind, move.died, option.cue.move) else ():
            if taken.broken is None and looks_like(search.places, goal, stage, taken.here):
                yield taken


def _dies(kind: str, died: int | None, option: str) -> bool:
    """Whether a death in `option` may be the move; a crash while the log fails may be in any."""
    return kind == "crash" if died is None else kind == option


def looks_like(places: Places, goal: Up | Dead, stage: Stage, here: Scene) -> bool:
    """Whether a place of a search and a world are the same, whatever the names in them."""
    if isinstance(goal, Dead):
        return here.state is None and _alike_dead(places, goal.down, here.down)
    assert here.state is not None, "a move that the process survives has killed it"
    wanted, rename = view(places.memo.states[goal.state]), places.scope.uses(NAMES)
    awaited = places.memo.holding.kept(goal.held, Names(places.memo.in_flight[goal.state], ()))
    by_issue = places.memo.by_issue
    sagas = in_order_of_issue(here.state) if by_issue else tuple(sorted_keys(here.state.sagas))
    for connections in _namings(stage):
        names = Names(sagas, connections)
        slots = tuple(here.slots[old - 1] for old in connections)
        if slots != goal.slots or _held(places, here, names) != awaited:
            continue
        if view(settle(stage.scenario, here.state, names, rename=rename)) == wanted:
            return True
    return False


def _namings(stage: Stage) -> Iterator[tuple[int, ...]]:
    """Every way to name the connections anew, each within its peer's."""
    numbers = list(enumerate(stage.options.targets, start=1))
    mine = [
        permutations([number for number, owner in numbers if owner == target])
        for target in stage.scenario.peers
    ]
    return (tuple(chain.from_iterable(naming)) for naming in product(*mine))


def _held(places: Places, here: Scene, names: Names) -> int:
    held = 0
    for sent in here.held:
        held |= places.memo.holding.bit(sent)
    return places.memo.holding.kept(held, names)


def _alike_dead(places: Places, goal: int, here: Down) -> bool:
    """Whether a dead process is the one meant; forgotten rows may be any, and so may late ones."""
    if places.memo.deaths.is_forgotten(goal):
        return True
    wanted = places.memo.deaths.downs[goal]
    if wanted.excused:
        return here.excused
    return (
        shape(wanted) == shape(here) if places.memo.by_issue else _ranked(wanted) == _ranked(here)
    )


def _ranked(down: Down) -> Down:
    """What is left, with sagas by rank; the next id is left out."""
    told = (*(row.saga_id for row in down.rows), *(o.saga_id for o in down.outcomes), *down.lost)
    rank = {saga_id: place for place, saga_id in enumerate(sorted(set(told)), start=1)}
    return Down(
        0,
        tuple(replace(row, saga_id=rank[row.saga_id]) for row in down.rows),
        tuple(replace(ended, saga_id=rank[ended.saga_id]) for ended in down.outcomes),
        tuple(rank[saga_id] for saga_id in down.lost),
        down.excused,
    )
