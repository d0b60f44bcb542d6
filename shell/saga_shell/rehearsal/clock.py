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
from functools import partial
from typing import Any, TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
Ready = list[tuple[selectors.SelectorKey, int]]


class StuckError(AssertionError):
    """Nothing is ready, no timer is set and no thread works: the run would wait for ever."""


class JumpingSelector(selectors.DefaultSelector):
    """Tells `idle` how long the loop would sleep, instead of sleeping.

    `deaf`: nothing outside can wake the loop, so the kernel need not be asked.
    """

    def __init__(self, idle: Callable[[float | None], float | None], *, deaf: bool) -> None:
        super().__init__()
        self._idle = idle
        self._deaf = deaf

    def select(self, timeout: float | None = None) -> Ready:
        """What is ready now; else wait as long as `idle` says."""
        ready = [] if self._deaf else super().select(0)
        if ready or timeout == 0:
            return ready
        return super().select(self._idle(timeout))


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """`time()` starts at 0 and passes only by jumps.

    Without `threads`, work for them is done on the loop itself, one turn after it was given. Then
    a run depends on nothing but the loop's own order, and is the same each time.
    """

    def __init__(self, *, threads: bool = True) -> None:
        self._now = 0.0
        self._outside = 0
        self._threads = threads
        self._resting: list[asyncio.Future[None]] = []
        super().__init__(JumpingSelector(self._idle, deaf=not threads))

    def time(self) -> float:
        """Virtual seconds since the start."""
        return self._now

    async def rest(self) -> None:
        """Wait until nothing more can happen at this moment. No time passes."""
        resting = self.create_future()
        self._resting.append(resting)
        await resting

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
        if not self._threads:
            return self._do_here(partial(func, *args))
        future = super().run_in_executor(executor, func, *args)
        self._outside += 1
        future.add_done_callback(self._returned)
        return future

    async def shutdown_default_executor(self) -> None:
        """The threads are joined in real time."""
        with self.outside():
            await super().shutdown_default_executor()

    def _do_here(self, work: Callable[[], T]) -> asyncio.Future[T]:
        future: asyncio.Future[T] = self.create_future()
        self.call_soon(_do, work, future)
        return future

    def _returned(self, _future: asyncio.Future[Any]) -> None:
        self._outside -= 1

    def _idle(self, timeout: float | None) -> float | None:
        """How long to wait for real; the clock has jumped if it is not at all."""
        if self._outside:
            return None
        if self._resting:
            self._wake_the_resting()
        elif timeout is None:
            raise StuckError("the loop waits for something that can't come")
        else:
            self._now += timeout
        return 0

    def _wake_the_resting(self) -> None:
        resting, self._resting = self._resting, []
        for future in resting:
            if not future.done():
                future.set_result(None)


async def rest() -> None:
    """Wait until nothing more can happen at this moment of a virtual clock."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop), "this needs a loop with a virtual clock"
    await loop.rest()


def run_virtually(main: Coroutine[Any, Any, T], *, threads: bool = True) -> T:
    """`asyncio.run`, in virtual time."""
    with asyncio.Runner(loop_factory=partial(VirtualTimeLoop, threads=threads)) as runner:
        return runner.run(main)


def _do(work: Callable[[], T], future: asyncio.Future[T]) -> None:
    if future.cancelled():
        return
    try:
        result = work()
    except Exception as error:  # noqa: BLE001 -- whoever waits for the future gets it
        future.set_exception(error)
    else:
        future.set_result(result)
