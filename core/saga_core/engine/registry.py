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
"""

from typing import Any, Generic, TypeVar

from msgspec import Struct

V = TypeVar("V")

_BITS = 5
_WIDTH = 1 << _BITS
_LAST = _WIDTH - 1

_Node = tuple[Any, ...]
_EMPTY: _Node = (None,) * _WIDTH
_OTHERS_EMPTY = _EMPTY[1:]


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
        if key >> shift + _BITS:
            return None
        while shift and node is not None:
            node = node[key >> shift & _LAST]
            shift -= _BITS
        return None if node is None else node[key & _LAST]

    def set(self, key: int, value: V) -> "Registry[V]":
        """The same but for `key`, whose value is `value`."""
        assert key >= 0, f"{key} is negative"
        if key >> self._shift + _BITS:
            return self._higher().set(key, value)
        size = self._size + (self.get(key) is None)
        return Registry(size, self._shift, _put(self._root, self._shift, key, value))

    def remove(self, key: int) -> "Registry[V]":
        """The same without `key`. Raises `KeyError` if it has no value."""
        if self.get(key) is None:
            raise KeyError(key)
        root, shift = _put(self._root, self._shift, key, None), self._shift
        while root is not None and shift and root[1:] == _OTHERS_EMPTY:
            root, shift = root[0], shift - _BITS
        return Registry(self._size - 1, shift, root) if root is not None else Registry()

    def items(self) -> list[tuple[int, V]]:
        """All entries, ascending by key."""
        found: list[tuple[int, V]] = []
        if self._root is not None:
            _collect(self._root, self._shift, 0, found)
        return found

    def __repr__(self) -> str:
        return f"Registry({dict(self.items())})"

    def _higher(self) -> "Registry[V]":
        """The same with one more level on top, to be filled at once."""
        root = self._root
        top = None if root is None else (root, *_OTHERS_EMPTY)
        return Registry(self._size, self._shift + _BITS, top)


def _put(node: _Node | None, shift: int, key: int, value: object) -> _Node | None:
    """`node` with `value` at its place below; None empties that place."""
    places = list(_EMPTY if node is None else node)
    place = key >> shift & _LAST
    places[place] = _put(places[place], shift - _BITS, key, value) if shift else value
    changed = tuple(places)
    return None if value is None and changed == _EMPTY else changed


def _collect(node: _Node, shift: int, key: int, found: list[tuple[int, V]]) -> None:
    for place, child in enumerate(node):
        if child is None:
            continue
        here = key | place << shift
        if shift:
            _collect(child, shift - _BITS, here, found)
        else:
            found.append((here, child))
