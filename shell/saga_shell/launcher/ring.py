"""The last events, as the lines that went out, for `get_events` (FACTS 6.4)."""

from collections import deque
from itertools import islice

RING_EVENTS = 4096
"""How many events a late subscriber can still ask for (FACTS 1.2, `MAX_RING_EVENTS`)."""

RING_BYTES = 4 * 1_048_576
"""What they may come to: a replay of all of them must fit into what may wait for one peer."""


class Ring:
    """Holds exactly what was on the bus, in the order of versions (FACTS R-55, R-56).

    `left_for_bytes` counts the events that had to leave because so few long ones fill it.
    """

    def __init__(self, capacity: int = RING_EVENTS, most_bytes: int = RING_BYTES) -> None:
        self.left_for_bytes = 0
        self._capacity = capacity
        self._most_bytes = most_bytes
        self._lines: deque[bytes] = deque()
        self._bytes = 0
        self._newest = 0

    def append(self, version: int, line: bytes) -> None:
        """Keep one more; the oldest goes when the ring is full."""
        self._lines.append(line)
        self._bytes += len(line)
        self._newest = version
        if len(self._lines) > self._capacity:
            self._bytes -= len(self._lines.popleft())
        while self._bytes > self._most_bytes:
            self._bytes -= len(self._lines.popleft())
            self.left_for_bytes += 1

    def since(self, version: int) -> tuple[list[bytes], bool]:
        """The lines with a version above `version`, and whether older ones of them are gone.

        Versions are contiguous, so a line's place tells its version (I5). `version` may lie
        beyond all of them (F-13).
        """
        held = len(self._lines)
        oldest = self._newest - held + 1
        skip = min(max(0, version + 1 - oldest), held)
        return list(islice(self._lines, skip, None)), version + 1 < oldest
