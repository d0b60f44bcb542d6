"""The last events, as the lines that went out, for `get_events` (FACTS 6.4)."""

from collections import deque
from itertools import islice

RING_EVENTS = 4096
"""How many events a late subscriber can still ask for (FACTS 1.2, `MAX_RING_EVENTS`)."""


class Ring:
    """Holds exactly what was on the bus, in the order of versions (FACTS R-55, R-56)."""

    def __init__(self, capacity: int = RING_EVENTS) -> None:
        self._lines: deque[bytes] = deque(maxlen=capacity)
        self._newest = 0

    def append(self, version: int, line: bytes) -> None:
        """Keep one more; the oldest goes when the ring is full."""
        self._lines.append(line)
        self._newest = version

    def since(self, version: int) -> tuple[list[bytes], bool]:
        """The lines with a version above `version`, and whether older ones of them are gone.

        Versions are contiguous, so a line's place tells its version (I5). `version` may lie
        beyond all of them (F-13).
        """
        held = len(self._lines)
        oldest = self._newest - held + 1
        skip = min(max(0, version + 1 - oldest), held)
        return list(islice(self._lines, skip, None)), version + 1 < oldest
