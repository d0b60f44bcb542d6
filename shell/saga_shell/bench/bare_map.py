"""The limit of the reducer: the same reads, sets and removals of `PMap`, with nothing around them.

What sagas ask of their maps is counted once, then the same number is asked of bare maps of the same
sizes: one as large as the registry of sagas in flight, one as small as the mirror's. The registry
is no `PMap` itself; what is asked of it counts as if it were one.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Literal, TypeVar

from msgspec import Struct
from pyrsistent import PMap, pmap

from saga_core.engine.registry import Registry

Kind = Literal["read", "set", "remove"]
V = TypeVar("V")

SMALL = 8
"""Entries of the small map."""

_KINDS: dict[type, dict[str, Kind]] = {
    PMap: {
        "get": "read",
        "__getitem__": "read",
        "__contains__": "read",
        "set": "set",
        "remove": "remove",
        "discard": "remove",
    },
    Registry: {
        "get": "read",
        "__getitem__": "read",
        "__contains__": "read",
        "set": "set",
        "remove": "remove",
    },
}


class Touches(Struct, frozen=True):
    """How often a map was read and changed."""

    reads: int
    sets: int
    removals: int


class Counted:
    """What was done to large maps and to small ones."""

    def __init__(self) -> None:
        self._seen: Counter[tuple[Kind, bool]] = Counter()

    def see(self, kind: Kind, *, large: bool) -> None:
        """Count one more."""
        self._seen[kind, large] += 1

    def touches(self, *, large: bool) -> Touches:
        """The numbers so far."""
        seen = self._seen
        return Touches(seen["read", large], seen["set", large], seen["remove", large])


@contextmanager
def counting(large_from: int) -> Iterator[Counted]:
    """Yields what is done to maps meanwhile; those of `large_from` entries or more are large."""
    counted, depth = Counted(), [0]
    with ExitStack() as restored:
        for owner, kinds in _KINDS.items():
            for name, kind in kinds.items():
                original = getattr(owner, name)
                restored.callback(setattr, owner, name, original)
                setattr(owner, name, _counting(original, kind, counted, depth, large_from))
        yield counted


def replay(touches: Touches, bare: PMap[int, V], key: int, value: V) -> None:
    """Touch `bare`, which has `key`, as often; each change is one of `bare` itself."""
    new_key = len(bare) + key + 1
    for _ in range(touches.reads):
        bare.get(key)
    for _ in range(touches.sets):
        bare.set(new_key, value)
    for _ in range(touches.removals):
        bare.remove(key)


def small_map(value: V) -> PMap[int, V]:
    """A map as small as those of the mirror."""
    return pmap(dict.fromkeys(range(SMALL), value))


def _counting(
    original: Callable[..., Any],
    kind: Kind,
    counted: Counted,
    depth: list[int],
    large_from: int,
) -> Callable[..., Any]:
    """`original`, which may call others of its kind: only the outermost call counts."""

    def touch(self: PMap[Any, Any] | Registry[Any], *arguments: Any) -> Any:
        if depth[0] == 0:
            counted.see(kind, large=len(self) >= large_from)
        depth[0] += 1
        try:
            return original(self, *arguments)
        finally:
            depth[0] -= 1

    return touch
