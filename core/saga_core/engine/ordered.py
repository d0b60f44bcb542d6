"""Reading a map in an order that every machine and hash seed agrees on."""

from collections.abc import Mapping
from typing import TypeVar, cast, overload

from pyrsistent import PMap

from saga_core.engine.registry import Registry

K = TypeVar("K", int, str)
V = TypeVar("V")


@overload
def sorted_items(mapping: Registry[V]) -> list[tuple[int, V]]: ...
@overload
def sorted_items(mapping: PMap[K, V]) -> list[tuple[K, V]]: ...
def sorted_items(mapping: PMap[K, V] | Registry[V]) -> list[tuple[K, V]] | list[tuple[int, V]]:
    """The entries of `mapping`, ascending by key: the only way the core iterates a map."""
    if isinstance(mapping, Registry):
        return mapping.items()
    return sorted(cast("Mapping[K, V]", mapping).items(), key=_key)


@overload
def sorted_keys(mapping: Registry[V]) -> list[int]: ...
@overload
def sorted_keys(mapping: PMap[K, V]) -> list[K]: ...
def sorted_keys(mapping: PMap[K, V] | Registry[V]) -> list[K] | list[int]:
    """The keys of `mapping`, ascending."""
    if isinstance(mapping, Registry):
        return [key for key, _ in mapping.items()]
    return [key for key, _ in sorted_items(mapping)]


def _key(entry: tuple[K, V]) -> K:
    return entry[0]
