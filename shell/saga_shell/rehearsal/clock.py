"""An asyncio loop whose clock jumps to the next timer when nothing else can happen.

A deadline of 30 seconds passes at once, and in the right order with everything else. Work on
threads takes real time: while some is outstanding the clock stands still, so that a deadline
never overtakes a commit. Child processes are no such work: don't use this loop with them.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any, TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
Ready = list[tuple[selectors.SelectorKey, int]]


class StuckError(AssertionError):
    """Nothing is ready, no timer is set and no thread works: the run would wait for ever."""


class JumpingSelector(selectors.DefaultSelector):
    """Tells `idle` how long the loop would sleep, instead of sleeping."""

    def __init__(self, idle: Callable[[float | None], float | None]) -> None:
        super().__init__()
        self._idle = idle

    def select(self, timeout: float | None = None) -> Ready:
        """What is ready now; else wait as long as `idle` says."""
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        return super().select(self._idle(timeout))


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """`time()` starts at 0 and passes only by jumps."""

    def __init__(self) -> None:
        self._now = 0.0
        self._outside = 0
        super().__init__(JumpingSelector(self._idle))

    def time(self) -> float:
        """Virtual seconds since the start."""
        return self._now

    @contextmanager
    def outside(self) -> Iterator[None]:
        """Something goes on elsewhere in real time, and will wake the loop."""
        self._outside += 1
        try:
            yield
        finally:
            self._outside -= 1

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """The clock stands still until the work is done or given up."""
        future = super().run_in_executor(executor, func, *args)
        self._outside += 1
        future.add_done_callback(self._returned)
        return future

    async def shutdown_default_executor(self) -> None:
        """The threads are joined in real time."""
        with self.outside():
            await super().shutdown_default_executor()

    def _returned(self, _future: asyncio.Future[Any]) -> None:
        self._outside -= 1

    def _idle(self, timeout: float | None) -> float | None:
        """How long to wait for real; the clock has jumped if it is not at all."""
        if self._outside:
            return None
        if timeout is None:
            raise StuckError("the loop waits for something that can't come")
        self._now += timeout
        return 0


def run_virtually(main: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run`, in virtual time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)
