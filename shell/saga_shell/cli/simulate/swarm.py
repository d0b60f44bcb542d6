"""Playing the runs of several seeds on all cores.

Each process is a pool of its own, and plays one seed after the other: of a pool of several, all are
ended when one dies. One that dies takes the run of its seed with it, and another goes on.
"""

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from ctypes import c_bool
from multiprocessing import get_context

from msgspec.structs import replace

from saga_core.check.search import INTERRUPTED, OUT_OF_MEMORY
from saga_core.simulate import Plan, Simulation, scope_of, simulate
from saga_shell.cli.check.application import scenario_of
from saga_shell.cli.check.memory import look_at_memory
from saga_shell.cli.simulate.running import counted_states, quiet_collector

DIED = "its process died: was there memory enough?"

_stop: c_bool | None = None
"""In a process of a swarm: true once it is to end. Without a lock, which could die with a process
that holds it."""


def run_swarm(
    application: str | None, plan: Plan, count: int, done: Callable[[Simulation], None]
) -> str | None:
    """Play the runs of `count` seeds from the plan's on, and hand over each one.

    Ctrl-C has the runs that began end early. Returns what cut the swarm.
    """
    with ExitStack() as stack:
        swarm = _Swarm(application, plan, count, stack)
        try:
            swarm.begin()
            swarm.play(done)
        except KeyboardInterrupt:
            swarm.end(done)
            return INTERRUPTED
    return swarm.losses()


class _Swarm:
    """Processes that play. `lost`: by seed, why its run was not played to its end."""

    def __init__(self, application: str | None, plan: Plan, count: int, stack: ExitStack) -> None:
        self.lost: dict[int, str] = {}
        self._context = get_context("spawn")
        self._stop = self._context.RawValue(c_bool, False)
        self._application = application
        self._waiting = iter([replace(plan, seed=plan.seed + number) for number in range(count)])
        self._size = min(count, os.cpu_count() or 1)
        self._stack = stack
        self._playing: dict[Future[Simulation], tuple[ProcessPoolExecutor, int]] = {}

    def begin(self) -> None:
        """Have each process play a first seed."""
        for _ in range(self._size):
            self._next(self._pool())

    def play(self, done: Callable[[Simulation], None]) -> None:
        """Go on to the end of the last seed."""
        while self._playing:
            ended, _ = wait(self._playing, return_when=FIRST_COMPLETED)
            for run in ended:
                pool, seed = self._playing[run]
                alive = self._told(run, seed, done)
                self._next(pool if alive else self._pool())
                del self._playing[run]

    def end(self, done: Callable[[Simulation], None]) -> None:
        """Have the runs that are under way end, and take what they found so far."""
        self._stop.value = True
        for run, (_, seed) in self._playing.items():
            self._told(run, seed, done)

    def losses(self) -> str | None:
        """Which runs were not played to their end, and why, in one line; None if all were."""
        if not self.lost:
            return None
        seed = min(self.lost)
        more = f"; and {len(self.lost) - 1} more seed(s)" if len(self.lost) > 1 else ""
        return f"seed {seed}: {self.lost[seed]}{more}"

    def _pool(self) -> ProcessPoolExecutor:
        pool = ProcessPoolExecutor(1, self._context, _begin, (self._stop,))
        return self._stack.enter_context(pool)

    def _next(self, pool: ProcessPoolExecutor) -> None:
        """Have this process play the next seed, if there is one; another, if it can't."""
        with _deaf():
            for plan in self._waiting:
                try:
                    run = pool.submit(_run, self._application, plan)
                except (BrokenProcessPool, OSError):
                    self.lost[plan.seed] = DIED
                    pool = self._pool()
                else:
                    self._playing[run] = pool, plan.seed
                    return

    def _told(self, run: Future[Simulation], seed: int, done: Callable[[Simulation], None]) -> bool:
        """Hand over what a run found, once it ended; False if its process is no more."""
        try:
            done(run.result())
        except BrokenProcessPool:
            self.lost[seed] = DIED
            return False
        except MemoryError:
            self.lost[seed] = OUT_OF_MEMORY
        return True


def _begin(stop: c_bool) -> None:
    global _stop  # noqa: PLW0603 -- a pool gives its processes nothing else to keep things in
    _stop = stop
    quiet_collector()


def _run(application: str | None, plan: Plan) -> Simulation:
    exact = counted_states(application, scope_of(plan))
    return simulate(scenario_of(application), plan, _look, exact)


def _look(_moves: int) -> None:
    if _stop is not None and _stop.value:
        raise KeyboardInterrupt
    look_at_memory()


@contextmanager
def _deaf() -> Iterator[None]:
    """Processes that start in here never hear Ctrl-C, this one does at the end: it tells them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
