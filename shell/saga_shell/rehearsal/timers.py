"""The shell's own timers on a clock that stands still between two moves."""

import asyncio
from collections.abc import Callable

from saga_core.engine import Timer, TimerFired
from saga_shell.launcher.timers import Timers

_LATER = 1.0
"""How much later a timer comes that is held back, in virtual seconds."""

_MOMENT = 0.001


class PlayedTimers(Timers):
    """Fires what the play reaches, when it is due and never before.

    What would be due earlier is held back: a timer may come late, and the play decides how late.
    """

    def __init__(self, sink: Callable[[TimerFired], None]) -> None:
        super().__init__(sink)
        self._due: dict[Timer, float] = {}

    def __contains__(self, timer: Timer) -> bool:
        return timer in self._due

    def left(self, timer: Timer) -> float:
        """In how many virtual seconds `timer` is due; never, if it isn't armed."""
        return self._due.get(timer, float("inf")) - self._loop.time()

    def arm(self, timer: Timer, seconds: float) -> None:
        """Arm it, and remember when it is due."""
        super().arm(timer, seconds)
        self._due[timer] = self._loop.time() + seconds

    def cancel(self, timer: Timer) -> None:
        """Cancel it."""
        super().cancel(timer)
        self._due.pop(timer, None)

    async def reach(self, timer: Timer) -> None:
        """Let the clock jump to the time at which `timer` is due, so that it fires."""
        until = max(self._due.pop(timer), self._loop.time()) + _MOMENT
        await self._jump(until)

    async def wait(self, seconds: float) -> None:
        """Let so much time pass without any timer."""
        await self._jump(self._loop.time() + seconds)

    async def _jump(self, until: float) -> None:
        for timer in [timer for timer, due in self._due.items() if due <= until]:
            self.arm(timer, until + _LATER - self._loop.time())
        await asyncio.sleep(until - self._loop.time())
