"""What is remembered of the last sagas, and forgotten in the order in which it came."""

from typing import Generic, TypeVar

T = TypeVar("T")


class Lately(Generic[T]):
    """Things by saga, of the last `kept` sagas that any were kept of; `forgotten` counts sagas."""

    __slots__ = ("_by_saga", "_kept", "_next", "forgotten", "sagas")

    def __init__(self, kept: int) -> None:
        self.sagas: list[int] = []
        self.forgotten = 0
        self._by_saga: dict[int, list[T]] = {}
        self._kept = kept
        self._next = 0

    def __len__(self) -> int:
        return len(self.sagas)

    def of(self, saga_id: int) -> list[T]:
        """What is remembered of a saga."""
        return self._by_saga.get(saga_id, [])

    def add(self, saga_id: int, things: list[T]) -> None:
        """Remember some things; the oldest saga makes room for a new one."""
        known = self._by_saga.get(saga_id)
        if known is not None:
            known += things
            return
        self._by_saga[saga_id] = things
        if len(self.sagas) < self._kept:
            self.sagas.append(saga_id)
            return
        del self._by_saga[self.sagas[self._next]]
        self.sagas[self._next] = saga_id
        self._next = (self._next + 1) % self._kept
        self.forgotten += 1

    def clear(self) -> None:
        """Forget everything."""
        self.sagas.clear()
        self._by_saga.clear()
        self._next = 0
