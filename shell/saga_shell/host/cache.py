"""Answers already given, so that a command delivered twice is carried out once (FACTS 2.9)."""

from collections import OrderedDict
from typing import Generic, TypeVar

CAPACITY = 256
"""How many answers are kept: FACTS 1.2, `SAGA_LRU_CAP`."""

Key = tuple[int, str]
"""A saga's id and the kind of its command: two commands of one saga don't collide."""

A = TypeVar("A")


class AnswerCache(Generic[A]):
    """The last `capacity` answers, the least recently used one forgotten first (FACTS F-39)."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._answers: OrderedDict[Key, A] = OrderedDict()

    def __len__(self) -> int:
        return len(self._answers)

    def lookup(self, key: Key) -> A | None:
        """The answer given to `key`, if it is still known. Counts as a use."""
        answer = self._answers.get(key)
        if answer is not None:
            self._answers.move_to_end(key)
        return answer

    def insert(self, key: Key, answer: A) -> None:
        """Remember the answer given to `key`; forget the oldest one if there is no room."""
        self._answers[key] = answer
        self._answers.move_to_end(key)
        if len(self._answers) > self._capacity:
            self._answers.popitem(last=False)
