"""What is in flight, by id: an immutable map whose cost never jumps.

A `PMap` copies all that it holds each time it doubles: beside a million sagas, one step in a while
takes half a second. Here a change copies one short way down a tree and nothing else.

The rules
---------
1.  A node has `_WIDTH` places. An id is read as digits of `_BITS` bits, highest first: each says
    which place to take on its level. The lowest level holds the values, the others hold nodes.
2.  An empty place, and a node in which nothing is left, is None.
3.  The tree is as high as its highest id needs. So equal content has equal shape, and comparing
    fields compares content.
4.  A node that two registries share holds the same in both. So what a change left alone is passed
    over when they are compared (`Registry.changed_keys`).
"""

from itertools import compress
from operator import is_not
from typing import Any, Generic, TypeVar

from msgspec import Struct
from msgspec.structs import astuple

V = TypeVar("V")

_BITS = 5
_WIDTH = 1 << _BITS
_LAST = _WIDTH - 1

_Node = tuple[Any, ...]
_EMPTY: _Node = (None,) * _WIDTH
_OTHERS_EMPTY = _EMPTY[1:]
_PLACES = range(_WIDTH)


class Registry(Struct, Generic[V], frozen=True, gc=False):
    """Values, none of them None, by numbers that are not negative. `_shift` is the root's."""

    _size: int = 0
    _shift: int = 0
    _root: _Node | None = None

    def __len__(self) -> int:
        return self._size

    def __contains__(self, key: int) -> bool:
        return self.get(key) is not None

    def __getitem__(self, key: int) -> V:
        value = self.get(key)
        if value is None:
            raise KeyError(key)
        return value

    def get(self, key: int) -> V | None:
        """The value of `key`, if it has one."""
        node: Any = self._root
        shift = self._shift
        if node is None or key >> shift + _BITS:
            return None
        while shift:
            node = node[key >> shift & _LAST]
            if node is None:
                return None
            shift -= _BITS
        value: V | None = node[key & _LAST]
        return value

    def set(self, key: int, value: V) -> "Registry[V]":
        """The same but for `key`, whose value is `value`."""
        assert key >= 0, f"{key} is negative"
        if key >> self._shift + _BITS:
            return self._higher().set(key, value)
        root, is_new = _put(self._root, self._shift, key, value)
        return Registry(self._size + is_new, self._shift, root)

    def remove(self, key: int) -> "Registry[V]":
        """The same without `key`. Raises `KeyError` if it has no value."""
        shift = self._shift
        if key >> shift + _BITS:
            raise KeyError(key)
        root = _without(self._root, shift, key)
        while root is not None and shift and root[1:] == _OTHERS_EMPTY:
            root, shift = root[0], shift - _BITS
        return Registry(self._size - 1, shift, root) if root is not None else Registry()

    def items(self) -> list[tuple[int, V]]:
        """All entries, ascending by key."""
        found: list[tuple[int, V]] = []
        if self._root is not None:
            _collect(self._root, self._shift, 0, found)
        return found

    def changed_keys(self, before: "Registry[V]") -> list[int]:
        """The keys under which the two don't hold the very same object, ascending.

        Every difference is found, wherever it came from; the cost is that of the ways to them.
        """
        _, shift, root = astuple(before)
        top = max(shift, self._shift)
        found: list[int] = []
        if root is not self._root:
            old, new = _raised(root, shift, top), _raised(self._root, self._shift, top)
            _compare(old, new, top, 0, found)
        return found

    def __repr__(self) -> str:
        return f"Registry({dict(self.items())})"

    def _higher(self) -> "Registry[V]":
        """The same with one more level on top, to be filled at once."""
        shift = self._shift + _BITS
        return Registry(self._size, shift, _raised(self._root, self._shift, shift))


def _raised(root: _Node | None, shift: int, top: int) -> _Node | None:
    """`root`, which is that of `shift`, with as many levels above it as make it that of `top`."""
    while root is not None and shift < top:
        root, shift = (root, *_OTHERS_EMPTY), shift + _BITS
    return root


def _put(node: _Node | None, shift: int, key: int, value: object) -> tuple[_Node, bool]:
    """`node` with `value` at its place below, and whether that place was empty."""
    places = list(node or _EMPTY)
    place = key >> shift & _LAST
    if shift:
        places[place], is_new = _put(places[place], shift - _BITS, key, value)
    else:
        is_new = places[place] is None
        places[place] = value
    return tuple(places), is_new


def _without(node: _Node | None, shift: int, key: int) -> _Node | None:
    """`node` with nothing at its place below, which is not empty yet."""
    places = list(node or _EMPTY)
    place = key >> shift & _LAST
    if places[place] is None:
        raise KeyError(key)
    places[place] = _without(places[place], shift - _BITS, key) if shift else None
    changed = tuple(places)
    return None if changed == _EMPTY else changed


def _collect(node: _Node, shift: int, key: int, found: list[tuple[int, V]]) -> None:
    for place, child in enumerate(node):
        if child is None:
            continue
        here = key | place << shift
        if shift:
            _collect(child, shift - _BITS, here, found)
        else:
            found.append((here, child))


def _compare(old: _Node | None, new: _Node | None, shift: int, key: int, found: list[int]) -> None:
    """Collect the keys that differ below two nodes of one height, which are not the same."""
    old, new = old or _EMPTY, new or _EMPTY
    for place in compress(_PLACES, map(is_not, old, new)):
        here = key | place << shift
        if shift:
            _compare(old[place], new[place], shift - _BITS, here, found)
        else:
            found.append(here)
