"""What must happen in the end: no run that is fair may stay for ever where a saga is open.

Fairness is per action: an action that is possible again and again is taken in the end. A run
that stays open for ever goes round in a part of the graph in which every world reaches every
other. Such a part is a counterexample unless a fair action that is possible in it leads out each
time. A world in which nothing fair is possible may stay as it is for ever, which goes round too.
"""

from collections import deque
from collections.abc import Callable, Hashable, Iterator
from typing import NamedTuple

from saga_core.check.search import Search
from saga_core.check.worlds.moves import Move

Fair = Callable[[Move], Hashable | None]
"""The action of a move if that action is fair, else None."""


class Lasso(NamedTuple):
    """A run that never ends: the way to a world, and the round from there back to it.

    An empty round: nothing fair is possible, and the world stays as it is.
    """

    world: int
    round: tuple[tuple[int, int], ...]


class _Part(NamedTuple):
    worlds: frozenset[int]
    edges: dict[int, list[tuple[int, int]]]


def lasso(search: Search, stays: Callable[[int], bool], fair: Fair) -> Lasso | None:
    """A fair run that stays for ever in worlds of which `stays` says yes; None if there is none.

    Of several, the one whose round begins in the world that was met first.
    """
    waiting = [frozenset(world for world in search.worlds if stays(world))]
    found: list[tuple[int, _Part, set[Hashable]]] = []
    while waiting:
        inside = waiting.pop()
        for part in _parts(search, inside):
            shut, taken = _fairness(search, part, fair)
            if not shut:
                first = min(search.index[world] for world in part.worlds)
                found.append((first, part, taken))
                continue
            rest = frozenset(w for w in part.worlds if not (_fair_here(search, w, fair) & shut))
            if rest:
                waiting.append(rest)
    if not found:
        return None
    _, part, taken = min(found, key=lambda entry: entry[0])
    return _around(search, part, fair, taken)


def _fair_here(search: Search, world: int, fair: Fair) -> set[Hashable]:
    moves = search.places.moves
    actions = {fair(moves[move]) for move, _ in search.successors(world)}
    return actions - {None}


def _fairness(search: Search, part: _Part, fair: Fair) -> tuple[set[Hashable], set[Hashable]]:
    """The fair actions that are possible in this part but only lead out; and those taken in it."""
    moves = search.places.moves
    possible: set[Hashable] = set()
    for world in part.worlds:
        possible |= _fair_here(search, world, fair)
    taken = {fair(moves[move]) for edges in part.edges.values() for move, _ in edges} - {None}
    return possible - taken, taken


def _around(search: Search, part: _Part, fair: Fair, actions: set[Hashable]) -> Lasso:
    """A round from the world of the part that was met first, with each of these actions in it."""
    first = min(part.worlds, key=search.index.__getitem__)
    here = first
    path: list[tuple[int, int]] = []
    for action in sorted(actions, key=repr):
        if any(fair(search.places.moves[move]) == action for move, _ in path):
            continue
        sources = {
            world: (move, target)
            for world, edges in part.edges.items()
            for move, target in edges
            if fair(search.places.moves[move]) == action
        }
        if here not in sources:
            path += _leg(part, here, set(sources))
            here = path[-1][1]
        path.append(sources[here])
        here = sources[here][1]
    if here != first:
        path += _leg(part, here, {first})
    return Lasso(search.index[first], tuple(path))


def _leg(part: _Part, start: int, goals: set[int]) -> list[tuple[int, int]]:
    """The shortest way from `start` to one of `goals`, which it is none of.

    There is one, since every world of a part reaches every other.
    """
    came: dict[int, tuple[int, int]] = {}
    waiting = deque([start])
    while True:
        here = waiting.popleft()
        fresh = [(move, t) for move, t in part.edges[here] if t not in came and t != start]
        for move, target in fresh:
            came[target] = (here, move)
            if target in goals:
                return _back(came, start, target)
            waiting.append(target)


def _back(came: dict[int, tuple[int, int]], start: int, end: int) -> list[tuple[int, int]]:
    path: list[tuple[int, int]] = []
    while end != start:
        here, move = came[end]
        path.append((move, end))
        end = here
    return path[::-1]


def _parts(search: Search, inside: frozenset[int]) -> Iterator[_Part]:
    """The parts of `inside` in which every world reaches every other, by Tarjan's algorithm."""
    edges = {
        world: [(move, target) for move, target in search.successors(world) if target in inside]
        for world in inside
    }
    number: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    for root in sorted(inside, key=search.index.__getitem__):
        if root in number:
            continue
        calls = [(root, iter(edges[root]))]
        number[root] = low[root] = len(number)
        stack.append(root)
        while calls:
            here, rest = calls[-1]
            target = next((t for _, t in rest if t not in number or t in low), None)
            if target is None:
                calls.pop()
                lowest = low[here]
                if lowest == number[here]:
                    yield _part(stack, low, here, edges)
                else:
                    low[calls[-1][0]] = min(low[calls[-1][0]], lowest)
            elif target in number:
                low[here] = min(low[here], number[target])
            else:
                number[target] = low[target] = len(number)
                stack.append(target)
                calls.append((target, iter(edges[target])))


def _part(
    stack: list[int],
    low: dict[int, int],
    root: int,
    edges: dict[int, list[tuple[int, int]]],
) -> _Part:
    """Take one part off the stack; its worlds leave `low`, which holds what is on the stack."""
    worlds = set()
    while root not in worlds:
        world = stack.pop()
        del low[world]
        worlds.add(world)
    inner = {w: [(move, t) for move, t in edges[w] if t in worlds] for w in worlds}
    return _Part(frozenset(worlds), inner)
