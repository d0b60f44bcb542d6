"""Things of which any one can be drawn, or taken out, in constant time."""

from collections.abc import Hashable
from typing import TypeVar

T = TypeVar("T", bound=Hashable)


class Bag(list[T]):
    """A set in an order that depends on nothing but what was put in and taken out.

    It is read like any list; only `add`, `discard` and `clear` may change it.
    """

    __slots__ = ("_places",)

    def __init__(self) -> None:
        super().__init__()
        self._places: dict[T, int] = {}

    def __contains__(self, item: object) -> bool:
        return item in self._places

    def add(self, item: T) -> None:
        """Put in what is not there yet."""
        places = self._places
        if item not in places:
            places[item] = len(places)
            self.append(item)

    def discard(self, item: T) -> None:
        """Take out what may be there; the last one takes its place."""
        place = self._places.pop(item, None)
        if place is None:
            return
        last = self.pop()
        if place < len(self):
            self[place] = last
            self._places[last] = place

    def clear(self) -> None:
        """Take out everything."""
        super().clear()
        self._places.clear()
