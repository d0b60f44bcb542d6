"""One number for a whole run: two runs with the same number did the same."""

from hashlib import sha256

import msgspec

from saga_core.engine.effects import Effect
from saga_core.engine.events import Event

_BATCH = 256


class Trace:
    """SHA-256 over every move's kind, event and effects, in their canonical encoding.

    Fields are told by name and in the order of declaration, so neither the machine nor the hash
    seed has a say. Two different runs with the same number: less than 1 in 2^128.
    """

    __slots__ = ("_encode_into", "_hash", "_line", "_waiting")

    def __init__(self) -> None:
        self._hash = sha256()
        self._encode_into = msgspec.msgpack.Encoder().encode_into
        self._line = bytearray()
        self._waiting: list[tuple[str, Event, tuple[Effect, ...]]] = []

    def add(self, kind: str, event: Event, effects: tuple[Effect, ...]) -> None:
        """One call of `step`."""
        waiting = self._waiting
        waiting.append((kind, event, effects))
        if len(waiting) == _BATCH:
            self._flush()

    def hexdigest(self) -> str:
        """The number so far, as 64 hexadecimal digits."""
        self._flush()
        return self._hash.hexdigest()

    def _flush(self) -> None:
        self._encode_into(self._waiting, self._line)
        self._hash.update(self._line)
        self._waiting = []
