"""JSON read as strictly as the original's parser reads it (FACTS 2.2).

Python's own parser takes what a peer in another language refuses: NaN, half a surrogate pair, a
key that stands twice, integers of any size. Here those are failures, or stay visible in the
result. No bytes whatsoever make it raise.
"""

import json
import math
import re
from collections import Counter
from itertools import accumulate

from returns.result import Failure, Success

from saga_core.engine import Json

MAX_NESTING = 128
"""Objects and arrays inside each other, the outermost one included (DESIGN 7, Lines)."""

_U64_MAX = 2**64 - 1
_I64_MIN = -(2**63)
_LONGEST_INTEGER = len(str(_I64_MIN))
_LEVELS = {ord("{"): 1, ord("["): 1, ord("}"): -1, ord("]"): -1}
_BETWEEN_BRACKETS = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[^][{}"]++', re.DOTALL)
_WHOLE_ESCAPE = re.compile(r"\\(?:[^u]|u(?:[^dD]|[dD](?:[0-7]|[89abAB]..\\u[dD][c-fC-F])))")


class JsonObject(dict[str, Json]):
    """An object that remembers which of its keys stood there more than once."""

    __slots__ = ("repeated",)

    def __init__(self, pairs: list[tuple[str, Json]]) -> None:
        super().__init__(pairs)
        self.repeated: frozenset[str] = frozenset()
        if len(self) < len(pairs):
            counts = Counter(key for key, _ in pairs)
            self.repeated = frozenset(key for key, count in counts.items() if count > 1)

    def without(self, key: str) -> "JsonObject":
        """The same object, as if `key` had never stood there."""
        rest = JsonObject([pair for pair in self.items() if pair[0] != key])
        rest.repeated = self.repeated - {key}
        return rest


def parse_strictly(line: bytes) -> Success[Json] | Failure[str]:
    """The value of one JSON text, or one short sentence that says what is wrong with it.

    Every object in it is a `JsonObject`. An integer that fits no 64 bits, and `-0`, comes out as a
    float, as in the original: harmless where nobody looks, refused where an integer belongs.
    """
    if nested_too_deep(line):
        return Failure(f"nested deeper than {MAX_NESTING} levels")
    try:
        text = line.decode("utf-8")
        value: Json = _DECODER.decode(text)
    except UnicodeDecodeError as error:
        return Failure(f"byte {error.start + 1} is not UTF-8")
    except json.JSONDecodeError as error:
        return Failure(f"not JSON at character {error.pos + 1}: {error.msg}")
    except _NumberError as error:
        return Failure(str(error))
    if "\\" in _WHOLE_ESCAPE.sub("", text):
        return Failure("an escape is half of a surrogate pair")
    return Success(value)


def nested_too_deep(line: bytes) -> bool:
    """Whether brackets stand more than `MAX_NESTING` deep; linear in time, for any bytes.

    Up to the first error in a text it counts what a parser would have open, so a text that passes
    can't exhaust a parser's stack either.
    """
    if len(line) <= MAX_NESTING or line.count(b"{") + line.count(b"[") <= MAX_NESTING:
        return False
    brackets = _BETWEEN_BRACKETS.sub(b"", line)
    depths = accumulate(map(_LEVELS.__getitem__, brackets))
    return max(depths, default=0) > MAX_NESTING


class _NumberError(ValueError):
    """Python would read this as a number, the wire doesn't."""


def _integer(literal: str) -> int | float:
    if literal != "-0" and len(literal) <= _LONGEST_INTEGER:
        number = int(literal)
        if _I64_MIN <= number <= _U64_MAX:
            return number
    return _real(literal)


def _real(literal: str) -> float:
    number = float(literal)
    if math.isinf(number):
        raise _NumberError("a number is out of range")
    return number


def _constant(word: str) -> float:
    raise _NumberError(f"{word} is not JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=JsonObject,
    parse_int=_integer,
    parse_float=_real,
    parse_constant=_constant,
)
