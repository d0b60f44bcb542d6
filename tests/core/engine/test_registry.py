"""The registry of what is in flight: a map by id whose cost never jumps."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saga_core.engine.ordered import sorted_items, sorted_keys
from saga_core.engine.registry import Registry

Numbers = Registry[int]

KEYS = st.integers(0, 70) | st.integers(0, 2**64 - 1)
CHANGES = st.lists(st.tuples(KEYS, st.none() | st.integers()), max_size=40)


def registry_of(entries: dict[int, int]) -> Numbers:
    """A registry with these entries, set in this order."""
    registry: Numbers = Registry()
    for key, value in entries.items():
        registry = registry.set(key, value)
    return registry


def nodes_of(value: object) -> Iterator[int]:
    """The identities of all nodes of a registry's tree."""
    if isinstance(value, tuple):
        yield id(value)
        for child in value:
            yield from nodes_of(child)


@given(CHANGES)
def test_it_is_a_map(changes: list[tuple[int, int | None]]) -> None:
    """DESIGN 3: whatever is set and removed, it holds what a dict holds, ascending by key."""
    registry, model = Numbers(), dict[int, int]()
    for key, value in changes:
        if value is not None:
            registry, model[key] = registry.set(key, value), value
        elif key in registry:
            registry = registry.remove(key)
            del model[key]
        assert len(registry) == len(model)
        assert registry.get(key) == model.get(key)
    assert sorted_items(registry) == sorted(model.items())
    assert sorted_keys(registry) == sorted(model)
    assert [registry[key] for key in model] == list(model.values())


@given(st.dictionaries(KEYS, st.integers()), st.sets(KEYS))
def test_equal_content_is_equal(entries: dict[int, int], passing: set[int]) -> None:
    """DESIGN 3: two registries with the same entries are equal, however they came to them."""
    straight = registry_of(dict(sorted(entries.items())))
    detour = registry_of(dict.fromkeys(passing, 0) | entries)
    for key in sorted(passing - set(entries)):
        detour = detour.remove(key)
    assert detour == straight
    assert hash(detour) == hash(straight)
    assert registry_of(entries | {5: -1}) != registry_of(entries | {5: -2})


def test_what_was_read_stays() -> None:
    """DESIGN 3: a registry never changes; a change makes another one."""
    before = registry_of({1: 10, 40: 20})
    before.set(1, 11)
    before.set(5_000, 12)
    before.remove(40)
    assert before == registry_of({1: 10, 40: 20})
    assert repr(before) == "Registry({1: 10, 40: 20})"


def test_what_is_not_there() -> None:
    """FACTS 1.3: an unknown id is no error to ask for, and is one to remove or to rely on."""
    registry = registry_of({3: 30, 2_000: 1})
    assert [registry.get(key) for key in (-1, 0, 4, 35, 1_999, 2**70)] == [None] * 6
    assert 4 not in registry
    with pytest.raises(KeyError, match="4"):
        registry[4]
    for missing in (-1, 35, 2**70):
        with pytest.raises(KeyError, match=str(missing)):
            registry.remove(missing)
    with pytest.raises(AssertionError, match="-1 is negative"):
        registry.set(-1, 0)


@pytest.mark.parametrize("key", [1, 1_000, 4_999, 5_000])
def test_a_change_copies_one_way_from_the_root(key: int) -> None:
    """DESIGN 3: no step copies all that is in flight, as a map that doubles would."""
    many = registry_of({key: key for key in range(5_000)})
    shared = set(nodes_of(many._root))
    for after in (many.set(key, -1), many.set(key, -1).remove(key)):
        copied = [node for node in nodes_of(after._root) if node not in shared]
        assert len(copied) <= 3


@given(CHANGES, CHANGES)
def test_every_change_is_found(
    some: list[tuple[int, int | None]], more: list[tuple[int, int | None]]
) -> None:
    """DESIGN 4: whatever was set and removed, the keys that don't hold the same are found."""
    before = changed(Numbers(), some)
    for after in (changed(before, more), changed(Numbers(), more)):
        old, new = dict(before.items()), dict(after.items())
        wanted = sorted(key for key in old | new if old.get(key) is not new.get(key))
        assert after.changed_keys(before) == wanted
        assert before.changed_keys(after) == wanted


def test_what_is_shared_is_passed_over() -> None:
    """DESIGN 3: comparing two registries costs as much as they differ, not as much as they hold."""
    looked_at: list[int] = []

    class Loud(tuple[object, ...]):
        """A node that tells when it is gone through."""

        __slots__ = ()

        def __iter__(self) -> Iterator[object]:
            looked_at.append(1)
            return super().__iter__()

    many = registry_of({key: key for key in range(1_000)})
    assert many._root is not None
    nodes = tuple(node and Loud(node) for node in many._root)
    before: Numbers = Registry(len(many), many._shift, nodes)
    after = before.set(999, -1)
    looked_at.clear()
    assert after.changed_keys(before) == [999]
    assert len(looked_at) == 1


def changed(registry: Numbers, changes: list[tuple[int, int | None]]) -> Numbers:
    """The registry after these changes; None is a removal, if there is anything to remove."""
    for key, value in changes:
        if value is not None:
            registry = registry.set(key, value)
        elif key in registry:
            registry = registry.remove(key)
    return registry
