"""Running a check in a test: a clock that counts, and nobody to tell."""

from importlib import import_module
from itertools import count
from typing import Any

from saga_core.agentmux import PoolRespawn, WindowCleanup
from saga_core.check import AGENTMUX, Limits, Report, Scenario, Scope, Watch, check
from saga_core.check.agentmux import SCENARIO

POOL = ((PoolRespawn.NAME, 1),)
CLEANUP = ((WindowCleanup.NAME, 1),)
BOTH = POOL + CLEANUP
THREE = ((PoolRespawn.NAME, 2), (WindowCleanup.NAME, 1))
FOUR = ((PoolRespawn.NAME, 2), (WindowCleanup.NAME, 2))
FEW = frozenset({"deadline", "send"})
SMALL = frozenset({"deadline", "disconnect", "second", "send", "crash"})


def watch() -> Watch:
    """A clock on which every look takes a thousandth of a second."""
    ticks = count()
    return Watch(lambda: next(ticks) / 1000, lambda _: None)


def scenario_of(application: str) -> Scenario:
    """AgentMux's scenario, or the one at `module:name`."""
    if application == AGENTMUX:
        return SCENARIO
    module, _, name = application.partition(":")
    found = getattr(import_module(module), name)
    assert isinstance(found, Scenario), f"{application} is a scenario"
    return found


def run(
    sagas: tuple[tuple[str, int], ...],
    scenario: Scenario = SCENARIO,
    limits: Limits | None = None,
    **scope: Any,
) -> Report:
    """Check a scope; what is not given is as usual."""
    return check(scenario, Scope(sagas, **scope), watch(), limits)
