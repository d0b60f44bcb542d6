"""What a step read of the registry: states that agree on it are stepped alike.

`step` is a pure function, so it does the same in two states that differ only in what it does not
look at. An answer concerns one saga, and its step looks at that saga alone, however many others
are in flight. So a step is called in a state whose registry notes what is asked of it, and its
result holds for every state that would have answered the same. All other parts of the state count
as read.
"""

from typing import Generic, NamedTuple, TypeVar

from msgspec import field

from saga_core.check.worlds.settling import Entries
from saga_core.engine.registry import Registry
from saga_core.engine.state import InFlight

EVERYTHING = -1
"""Read instead of one saga's id: all that is in flight."""

ABSENT = -1
"""Instead of the number of an entry: there is no such saga."""

T = TypeVar("T")


class Watched(Registry[InFlight], frozen=True, gc=False, kw_only=True):
    """A registry that notes in `read` which ids were asked for, in order, but for its own changes.

    `written`: those that the step changed itself.
    """

    entries: Registry[InFlight]
    read: list[int]
    written: frozenset[int] = field(default=frozenset())

    def __len__(self) -> int:
        self._note(EVERYTHING)
        return len(self.entries)

    def get(self, key: int) -> InFlight | None:
        """The value of `key`, if it has one."""
        self._note(key)
        return self.entries.get(key)

    def set(self, key: int, value: InFlight) -> "Watched":
        """The same but for `key`, whose value is `value`."""
        return self._with(self.entries.set(key, value), key)

    def remove(self, key: int) -> "Watched":
        """The same without `key`. Raises `KeyError` if it has no value."""
        self._note(key)
        return self._with(self.entries.remove(key), key)

    def items(self) -> list[tuple[int, InFlight]]:
        """All entries, ascending by key."""
        self._note(EVERYTHING)
        return self.entries.items()

    def _note(self, key: int) -> None:
        if key not in self.written and key not in self.read and EVERYTHING not in self.read:
            self.read.append(key)

    def _with(self, entries: Registry[InFlight], key: int) -> "Watched":
        return Watched(entries=entries, read=self.read, written=self.written | {key})


class Flag:
    """A truth value that notes in `read` whether it was asked for."""

    __slots__ = ("read", "value")

    def __init__(self, value: bool) -> None:
        self.value = value
        self.read = False

    def __bool__(self) -> bool:
        self.read = True
        return self.value

    def __eq__(self, other: object) -> bool:
        """That it is what it was says nothing of what it is."""
        return other is self or bool(self) == other

    def __hash__(self) -> int:
        return hash(bool(self))


class _Asking(NamedTuple, Generic[T]):
    """What a step reads next, and what follows from each answer."""

    about: int
    answers: "dict[int | Entries, _Asking[T] | T]"


class Readings(Generic[T]):
    """Results of steps, by event and by what the step read."""

    def __init__(self) -> None:
        self._first: dict[tuple[int, int], _Asking[T] | T] = {}

    def find(self, event: int, rest: int, sagas: Entries) -> T | None:
        """The result in a state with these sagas; `rest` is the number of its other parts."""
        found = self._first.get((event, rest))
        while isinstance(found, _Asking):
            found = found.answers.get(answer(found.about, sagas))
        return found

    def add(self, event: int, rest: int, sagas: Entries, read: list[int], result: T) -> None:
        """Keep a result of a step that read this."""
        if not read:
            self._first[event, rest] = result
            return
        node = self._first.setdefault((event, rest), _Asking(read[0], {}))
        for about, following in zip(read, [*read[1:], None], strict=True):
            assert isinstance(node, _Asking), "a step that is no pure function"
            assert node.about == about, "a step that is no pure function"
            told = answer(about, sagas)
            if following is None:
                node.answers[told] = result
            else:
                node = node.answers.setdefault(told, _Asking(following, {}))


def answer(about: int, sagas: Entries) -> int | Entries:
    """What a registry with these entries answers."""
    if about == EVERYTHING:
        return sagas
    for saga_id, number in sagas:
        if saga_id == about:
            return number
    return ABSENT
