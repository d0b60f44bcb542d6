"""The methods that try their luck: random lives by Hypothesis, and simulated ones.

What they find is as long as it was when it was found; nothing is made shorter.
"""

from re import search
from typing import ClassVar

from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis.stateful import run_state_machine_as_test
from tests.mutants.live import StepError
from tests.mutants.methods import Kill
from tests.mutants.outcomes import CRASH
from tests.mutants.worlds import FULFILMENT

from saga_core.check import Scenario
from saga_core.check.agentmux import SCENARIO
from saga_core.engine import Violation
from saga_core.simulate import Plan, simulate
from saga_core.simulate.playing import RAISES
from saga_shell.testing.life import ENDLESS, Life
from saga_shell.testing.machine import BrokenPromiseError, SagaMachine

_SEEDS = (1, 2, 3, 4)
_MOVES = 2_000

_LIVES = settings(
    max_examples=15,
    stateful_step_count=40,
    deadline=None,
    database=None,
    derandomize=True,
    print_blob=False,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
    verbosity=Verbosity.quiet,
)
"""A few lives, the same ones each time."""


class _Launcher(SagaMachine):
    """Lives of the launcher; `newest` is the one that broke a promise, if any did."""

    scenario = SCENARIO
    newest: ClassVar[Life | None] = None

    def teardown(self) -> None:
        """Remember how it went."""
        type(self).newest = self._life
        super().teardown()


class _Shop(_Launcher):
    """Lives of the shop, whose buffers take all: those of the launcher overflow."""

    scenario = FULFILMENT
    buffer_caps = (ENDLESS,)


def simulation() -> Kill | None:
    """The simulator that `simulate` runs: few sagas at a time, and buffers that overflow."""
    return _simulated(SCENARIO, "the launcher") or _simulated(FULFILMENT, "the shop")


def _simulated(scenario: Scenario, where: str) -> Kill | None:
    for seed in _SEEDS:
        plan = Plan(seed=seed, steps=_MOVES, sagas=5, buffer_cap=2)
        run = simulate(scenario, plan)
        if run.broken is not None:
            return Kill(_by(run.broken), where, sum(run.moves.values()))
    return None


def _by(broken: Violation) -> str:
    """The promise that a simulation broke; a step that raised says at its end what."""
    if broken.invariant != RAISES:
        return broken.invariant
    return f"{CRASH}: {broken.sentence.rpartition(': ')[2]}"


def hypothesis() -> Kill | None:
    """The state machine that authors use, with the launcher's sagas and with the shop's."""
    return _lives(_Launcher, "the launcher") or _lives(_Shop, "the shop")


def _lives(machine: type[_Launcher], where: str) -> Kill | None:
    machine.newest = None
    try:
        run_state_machine_as_test(machine, settings=_LIVES)
    except StepError as crash:
        return Kill(f"{CRASH}: {crash}", where, _moves(machine))
    except BrokenPromiseError as broken:
        return Kill(_promise(broken), where, _moves(machine))
    return None


def _moves(machine: type[_Launcher]) -> int | None:
    return len(machine.newest.taken) if machine.newest is not None else None


def _promise(broken: BrokenPromiseError) -> str:
    """The promise that a life broke."""
    found = search(r"^promise (\S+) is broken", str(broken))
    assert found is not None, "the first line names the promise"
    return found.group(1)
