"""For authors of sagas: random lives of their own application, held to every promise.

    from saga_shell.testing import SagaMachine

    class MyMachine(SagaMachine):
        scenario = MY_SCENARIO          # a saga_core.check.Scenario

    TestMine = MyMachine.TestCase       # pytest and unittest run it

A `SagaMachine` is a Hypothesis state machine. What can happen next is what `saga_core.check` lets
happen, chosen by weight among what is possible, so that lives get far. Each move is judged by every
promise; at its end a life must still be able to end, in every way. How many lives, and how long:
`MyMachine.TestCase.settings = hypothesis.settings(max_examples=…, stateful_step_count=…)`.

A `ShellMachine` does the same with AgentMux, and has each move performed by the launcher's own
runner, bus and saga log on a virtual clock (`saga_shell.rehearsal`): a shell that does something
else than the reducer says is found.

A `Life` is the run itself, for whoever wants to choose by something else than Hypothesis:

    life = Life(MY_SCENARIO, endless(MY_SCENARIO, frozenset({"disconnect"})))
    life.go_on(random.Random(7).randrange)
    life.broken, life.story(), life.played()

The machines need Hypothesis, which comes with the extra `test`; a `Life` doesn't.
"""

from typing import TYPE_CHECKING

from saga_shell.testing.life import Life, endless

if TYPE_CHECKING:
    from saga_shell.testing.machine import BrokenPromiseError, SagaMachine
    from saga_shell.testing.shell_machine import DivergedError, ShellMachine

__all__ = [
    "BrokenPromiseError",
    "DivergedError",
    "Life",
    "SagaMachine",
    "ShellMachine",
    "endless",
]


def __getattr__(name: str) -> object:
    """The machines, which alone need Hypothesis."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from saga_shell.testing import machine, shell_machine

    return getattr(machine if hasattr(machine, name) else shell_machine, name)
