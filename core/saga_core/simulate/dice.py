"""Chance as a value: the same seed gives the same throws, on every machine and for ever.

The stream is splitmix64 (Steele, Lea, Flood 2014): throw number n of a seed is a pure function of
both, so nothing but two integers has to be kept.
"""

_MASK = (1 << 64) - 1
_GAMMA = 0x9E3779B97F4A7C15
_FIRST, _SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB

LARGEST_SEED = _MASK
"""Seeds are unsigned 64 bit numbers."""


def mixed(seed: int, number: int) -> int:
    """Throw `number`, from 1, of the stream of `seed`: 64 bits."""
    bits = (seed + number * _GAMMA) & _MASK
    bits = ((bits ^ bits >> 30) * _FIRST) & _MASK
    bits = ((bits ^ bits >> 27) * _SECOND) & _MASK
    return bits ^ bits >> 31


class Dice:
    """The stream of one seed; `thrown` counts. `purpose` separates streams of the same seed.

    Throw number n is `mixed(mixed(seed, purpose + 1), n)`.
    """

    __slots__ = ("_state", "thrown")

    def __init__(self, seed: int, purpose: int = 0) -> None:
        self._state = mixed(seed, purpose + 1)
        self.thrown = 0

    def bits(self) -> int:
        """A throw: 64 bits."""
        self.thrown += 1
        bits = self._state = (self._state + _GAMMA) & _MASK
        bits = ((bits ^ bits >> 30) * _FIRST) & _MASK
        bits = ((bits ^ bits >> 27) * _SECOND) & _MASK
        return bits ^ bits >> 31

    def below(self, count: int) -> int:
        """A number from 0 to `count` - 1; each is as likely as the others, to 1 in 2^32."""
        return self.bits() * count >> 64

    def hits(self, one_in: int) -> bool:
        """Whether something happens that happens once in so many times."""
        return self.below(one_in) == 0
