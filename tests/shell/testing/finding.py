"""Running a machine until it finds something."""

from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from saga_shell.testing.machine import LifeMachine

LIVES = settings(
    max_examples=150,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.generate,),
    report_multiple_bugs=False,
)
"""The same lives each time. What they find is not made smaller, which takes longer than finding."""


def found_by(machine: type[LifeMachine], lives: settings = LIVES) -> str:
    """What the machine found, in the first line of its report; empty, if nothing."""
    try:
        run_state_machine_as_test(machine, settings=lives)
    except AssertionError as found:
        return str(found).splitlines()[0]
    return ""
