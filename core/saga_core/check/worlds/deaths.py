"""What a process leaves that dies, by number, and what becomes of it at the next start."""

from collections.abc import Callable

from saga_core.check.worlds.rows import Down, crashes, shape
from saga_core.engine.effects import Effect

Torn = tuple[tuple[int, int], ...]
"""After how many effects the process dies, and the number of what is left."""

NOTHING = -1
"""The number of no effects."""


class Deaths:
    """Dead processes as integers.

    `by_shape`: ids make no difference. `harmless` says of one whether its next run starts like the
    first and breaks no promise; the rows of those are forgotten. None: rows are kept.
    """

    def __init__(
        self, *, by_shape: bool, renamed: bool, harmless: Callable[[int], bool] | None
    ) -> None:
        self.downs: list[Down] = []
        self._by_shape = by_shape
        self._renamed = renamed
        self._starts_well = harmless
        self._numbers: dict[Down, int] = {}
        self._torn: dict[tuple[int, int, int], Torn] = {}
        self._harmless: dict[int, bool] = {}

    def number(self, down: Down) -> int:
        """The number of a dead process."""
        number = self._numbers.get(down)
        if number is None:
            number = self._numbers[down] = len(self.downs)
            self.downs.append(down)
        return number

    def in_step(self, left: int, next_saga_id: int, told: int, effects: tuple[Effect, ...]) -> Torn:
        """What can be left of a process that dies in a step, whose effects have number `told`."""
        key = left, next_saga_id, told
        found = self._torn.get(key)
        if found is None:
            first: dict[int, int] = {}
            for done, down in crashes(self.downs[left], next_saga_id, effects):
                first.setdefault(self.kept(down), done)
            found = self._torn[key] = tuple((done, down) for down, done in first.items())
        return found

    def kept(self, down: Down) -> int:
        """The number of a dead process, or of what is not forgotten of it."""
        number = self.number(shape(down) if self._by_shape else down)
        if self._starts_well is None or not self._is_harmless(number, self._starts_well):
            return number
        return self.number(Down(1 if self._renamed else down.next_saga_id))

    def is_forgotten(self, number: int) -> bool:
        """Whether this is all that is kept of a dead process."""
        down = self.downs[number]
        return down == Down(down.next_saga_id)

    def _is_harmless(self, number: int, starts_well: Callable[[int], bool]) -> bool:
        """A start can be cut short, which leaves less, or the same: that counts as harmless."""
        found = self._harmless.get(number)
        if found is None:
            self._harmless[number] = True
            found = self._harmless[number] = starts_well(number)
        return found
