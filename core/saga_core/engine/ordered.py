"""Reading a `PMap` in an order that every machine and hash seed agrees on."""

from collections.abc import Mapping
from typing import TypeVar, cast

from pyrsistent import PMap

K = TypeVar("K", int, str)
V = TypeVar("V")


def sorted_items(mapping: PMap[K, V]) -> list[tuple[K, V]]:
    """The entries of `mapping`, ascending by key: the only way the core iterates a map."""
    return sorted(cast("Mapping[K, V]", mapping).items(), key=_key)


def sorted_keys(mapping: PMap[K, V]) -> list[K]:
    """The keys of `mapping`, ascending."""
    return [key for key, _ in sorted_items(mapping)]


def _key(entry: tuple[K, V]) -> K:
    return entry[0]
