"""All armed timers behind one timer of the loop (FACTS R-19)."""

import asyncio
import heapq
from collections.abc import Callable

from saga_core.engine import Timer, TimerFired

SLACK = 64
"""Stale entries that may stay in the heap, however few timers are armed."""


class Timers:
    """Arms and cancels the core's timers; the sink gets `TimerFired`, in order of time.

    A timer that was cancelled or armed anew leaves a stale entry, which goes when it is due or
    when such entries outnumber the armed ones.
    """

    def __init__(self, sink: Callable[[TimerFired], None]) -> None:
        self._sink = sink
        self._loop = asyncio.get_running_loop()
        self._heap: list[tuple[float, int, Timer]] = []
        self._armed: dict[Timer, int] = {}
        self._last_entry = 0
        self._handle: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._armed)

    @property
    def entries(self) -> int:
        """What the heap holds, stale entries included."""
        return len(self._heap)

    def arm(self, timer: Timer, seconds: float) -> None:
        """Let `timer` fire in `seconds`; an earlier arming of it no longer counts."""
        self._last_entry += 1
        self._armed[timer] = self._last_entry
        heapq.heappush(self._heap, (self._loop.time() + seconds, self._last_entry, timer))
        self._drop_stale()
        if self._heap[0][1] == self._last_entry:
            self._schedule()

    def cancel(self, timer: Timer) -> None:
        """Forget `timer`; nothing happens if it isn't armed."""
        self._armed.pop(timer, None)
        self._drop_stale()

    def stop(self) -> None:
        """Let nothing fire any more."""
        self._heap.clear()
        self._armed.clear()
        self._schedule()

    def _fire(self) -> None:
        now = self._loop.time()
        while self._heap and self._heap[0][0] <= now:
            entry = heapq.heappop(self._heap)
            if self._is_armed(entry):
                del self._armed[entry[2]]
                self._sink(TimerFired(entry[2]))
        self._schedule()

    def _drop_stale(self) -> None:
        if len(self._heap) > 2 * len(self._armed) + SLACK:
            self._heap = [entry for entry in self._heap if self._is_armed(entry)]
            heapq.heapify(self._heap)
            self._schedule()

    def _is_armed(self, entry: tuple[float, int, Timer]) -> bool:
        return self._armed.get(entry[2]) == entry[1]

    def _schedule(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
        due = self._heap[0][0] if self._heap else None
        self._handle = None if due is None else self._loop.call_at(due, self._fire)
