"""How much each part measures."""

from msgspec import Struct


class Sizes(Struct, frozen=True):
    """Counts, all of them.

    `in_flight`: sagas that are on their way together. `others`: sagas that are in flight beside
    the measured ones, for the reducer. `alone`: sagas that are measured where one goes after the
    other. `rounds`: how many times as many sagas as are in flight are measured. `history`: ended
    sagas in the file, and `unresolved` those in flight, at a start. `held`: sagas in flight when
    their memory is counted. `through`: sagas that one launcher runs one after the other while what
    it holds is watched, a fifth of them to warm up. `load_seconds`: how long it is loaded.
    """

    runs: int
    in_flight: tuple[int, ...]
    others: tuple[int, ...]
    alone: int
    rounds: int
    steps: int
    subscribers: tuple[int, ...]
    history: tuple[int, ...]
    unresolved: tuple[int, ...]
    held: int
    through: int
    load_seconds: float

    def sagas(self, in_flight: int) -> int:
        """How many sagas to measure with so many in flight."""
        return max(self.alone, self.rounds * in_flight)


FULL = Sizes(
    runs=5,
    in_flight=(1, 16, 256, 1_024),
    others=(10, 1_000, 100_000, 1_000_000),
    alone=150,
    rounds=16,
    steps=400,
    subscribers=(0, 1, 10, 50),
    history=(1_000, 10_000, 100_000, 1_000_000),
    unresolved=(0, 1_000, 100_000),
    held=20_000,
    through=100_000,
    load_seconds=60,
)

QUICK = Sizes(
    runs=2,
    in_flight=(1, 256),
    others=(10, 1_000, 20_000),
    alone=20,
    rounds=2,
    steps=50,
    subscribers=(0, 1, 10),
    history=(200, 2_000),
    unresolved=(0, 500),
    held=500,
    through=2_000,
    load_seconds=4,
)
