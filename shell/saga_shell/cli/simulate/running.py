"""Playing the run of one seed, and what it is held against."""

import gc
from collections.abc import Callable
from functools import lru_cache

from saga_core.check import Limits, Progress, Scope, Watch
from saga_core.simulate import Plan, Simulation, States, exact_states, scope_of, simulate
from saga_shell.cli.check.application import scenario_of
from saga_shell.cli.check.memory import clock_that_looks, look_at_memory
from saga_shell.cli.check.text import progress_line
from saga_shell.cli.streams import remark

COUNTING = Limits(seconds=120.0, states=5_000_000)
"""What counting the states of a scope may cost."""

_YOUNG = 100_000


def run_one(application: str | None, plan: Plan, tell: Callable[[int], None]) -> Simulation:
    """Play one run here."""

    def told(moves: int) -> None:
        look_at_memory()
        tell(moves)

    thresholds = gc.get_threshold()
    quiet_collector()
    try:
        exact = counted_states(application, scope_of(plan))
        return simulate(scenario_of(application), plan, told, exact)
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)


def watch(program: str) -> Watch:
    """The clock for the checker, and a line each second on what it does."""

    def tell(progress: Progress) -> None:
        remark(program, f"the checker: {progress_line(progress)}")

    return Watch(clock_that_looks(), tell)


@lru_cache(maxsize=1)
def counted_states(application: str | None, scope: Scope | None) -> States | None:
    """Every state of a scope; None if there is no scope, or the checker could not count them."""
    if scope is None:
        return None
    states = exact_states(scenario_of(application), scope, watch("simulate"), COUNTING)
    if states is None:
        remark("simulate", "the checker could not count the states of this scope: see `check`")
    return states


def quiet_collector() -> None:
    """Immutable values make no cycles, so looking for some time and again is wasted."""
    gc.freeze()
    gc.set_threshold(_YOUNG)
