"""Playing the runs of some seeds: one in this process, several on all cores."""

import gc
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from functools import lru_cache
from multiprocessing import get_context
from multiprocessing.synchronize import Event as Stop

from msgspec.structs import replace

from saga_core.check import Limits, Progress, Scope, Watch
from saga_core.simulate import Plan, Simulation, States, exact_states, scope_of, simulate
from saga_shell.cli.check.application import scenario_of
from saga_shell.cli.check.text import progress_line
from saga_shell.cli.streams import remark

COUNTING = Limits(seconds=120.0, states=5_000_000)
"""What counting the states of a scope may cost."""

_YOUNG = 100_000

_stop: Stop | None = None
"""In a process of a swarm: set once the others are to end."""


def run_one(application: str | None, plan: Plan, tell: Callable[[int], None]) -> Simulation:
    """Play one run here."""
    thresholds = gc.get_threshold()
    _quiet_collector()
    try:
        return simulate(scenario_of(application), plan, tell, _exact(application, scope_of(plan)))
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)


def run_swarm(
    application: str | None, plan: Plan, count: int, done: Callable[[Simulation], None]
) -> str | None:
    """Play the runs of `count` seeds from the plan's on, on all cores, and hand over each one.

    Ctrl-C has the runs that began end early; it returns what cut the swarm.
    """
    context = get_context("spawn")
    stop = context.Event()
    plans = [replace(plan, seed=plan.seed + number) for number in range(count)]
    workers = min(count, os.cpu_count() or 1)
    runs: list[Future[Simulation]] = []
    with ProcessPoolExecutor(workers, context, _begin, (stop,)) as pool:
        try:
            with _deaf():
                runs += [pool.submit(_run, application, one) for one in plans]
            for run in as_completed(runs):
                runs.remove(run)
                done(run.result())
        except KeyboardInterrupt:
            _end(runs, stop, done)
            return "interrupted"
    return None


def watch(program: str) -> Watch:
    """The clock for the checker, and a line each second on what it does."""

    def tell(progress: Progress) -> None:
        remark(program, f"the checker: {progress_line(progress)}")

    return Watch(time.monotonic, tell)


def _end(runs: list[Future[Simulation]], stop: Stop, done: Callable[[Simulation], None]) -> None:
    """Have the runs that are under way end, and take what they found so far."""
    stop.set()
    for run in [run for run in runs if not run.cancel()]:
        done(run.result())


def _begin(stop: Stop) -> None:
    global _stop  # noqa: PLW0603 -- a pool gives its processes nothing else to keep things in
    _stop = stop
    _quiet_collector()


def _run(application: str | None, plan: Plan) -> Simulation:
    exact = _exact(application, scope_of(plan))
    return simulate(scenario_of(application), plan, _look, exact)


def _look(_moves: int) -> None:
    if _stop is not None and _stop.is_set():
        raise KeyboardInterrupt


@lru_cache(maxsize=1)
def _exact(application: str | None, scope: Scope | None) -> States | None:
    if scope is None:
        return None
    states = exact_states(scenario_of(application), scope, watch("simulate"), COUNTING)
    if states is None:
        remark("simulate", "the checker could not count the states of this scope: see `check`")
    return states


@contextmanager
def _deaf() -> Iterator[None]:
    """Processes that start in here never hear Ctrl-C, this one does at the end: it tells them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _quiet_collector() -> None:
    """Immutable values make no cycles, so looking for some time and again is wasted."""
    gc.freeze()
    gc.set_threshold(_YOUNG)
