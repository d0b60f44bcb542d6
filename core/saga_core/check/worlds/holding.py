"""What peers hold, as one number: a bit for each command that was ever sent."""

from collections.abc import Iterator

from saga_core.check.scope import Scenario
from saga_core.check.worlds.sent import Sent
from saga_core.check.worlds.view import Names


class Holding:
    """Commands as bits. `sent` has them in the order of their bits.

    `rename`: commands that are kept carry the new names of their sagas.
    """

    def __init__(self, scenario: Scenario, *, rename: bool) -> None:
        self.sent: list[Sent] = []
        self._scenario = scenario
        self._rename = rename
        self._numbers: dict[Sent, int] = {}
        self._of_saga: dict[int, int] = {}
        self._of_target: dict[str, int] = {}
        self._kept: dict[tuple[int, tuple[int, ...]], int] = {}

    def bit(self, sent: Sent) -> int:
        """The bit of a command."""
        number = self._numbers.get(sent)
        if number is None:
            number = self._numbers[sent] = len(self.sent)
            self.sent.append(sent)
            self._of_saga[sent.saga_id] = self._of_saga.get(sent.saga_id, 0) | 1 << number
            self._of_target[sent.target] = self._of_target.get(sent.target, 0) | 1 << number
        return 1 << number

    def asked_of(self, target: str) -> int:
        """The commands that were ever sent to that peer."""
        return self._of_target.get(target, 0)

    def kept(self, held: int, names: Names) -> int:
        """Those commands of `held` whose sagas are in flight, in their new names."""
        key = held, names.sagas
        found = self._kept.get(key)
        if found is None:
            kept = [
                (rank if self._rename else saga_id, self.sent[bit])
                for rank, saga_id in enumerate(names.sagas, start=1)
                for bit in bits(held & self._of_saga.get(saga_id, 0))
            ]
            found = sum(self.bit(sent.by(self._scenario, name)) for name, sent in kept)
            self._kept[key] = found
        return found


def bits(mask: int) -> Iterator[int]:
    """The bits that are set in `mask`, from the lowest."""
    bit = 0
    while mask:
        if mask & 1:
            yield bit
        mask, bit = mask >> 1, bit + 1
