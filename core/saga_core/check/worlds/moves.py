"""Moves as small integers."""

from typing import NamedTuple


class Move(NamedTuple):
    """What happens, and to whom. `events` are numbers of events.

    `died`: the process dies in the last of the events, after so many effects (`rows.crashes`).
    """

    kind: str
    subject: int
    events: tuple[int, ...]
    died: int | None = None


class Moves:
    """The moves of one scope. `known` has them by number."""

    def __init__(self) -> None:
        self.known: list[Move] = []
        self._numbers: dict[Move, int] = {}

    def number(self, move: Move) -> int:
        """The number of a move."""
        number = self._numbers.get(move)
        if number is None:
            number = self._numbers[move] = len(self.known)
            self.known.append(move)
        return number

    def dying(self, move: int, event: int, effects: int) -> int:
        """The same move, but the process dies in that event, after so many effects."""
        kind, subject, events, _ = self.known[move]
        return self.number(Move(kind, subject, events[:event], effects))
