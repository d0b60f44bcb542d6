"""Words that the list and the timeline of sagas share. Colours add nothing and take nothing."""

from collections.abc import Sequence

import click

from saga_shell.log import SagaRow, StepRow

LONGEST_COMMAND = 120
"""Characters of a command that the list shows (FACTS 4.5)."""

NOTHING = "—"
RECOVERED = "failed_compensation"

_COLOURS = {
    "running": "cyan",
    "pending": "cyan",
    "completed": "green",
    "succeeded": "green",
    "failed": "red",
    RECOVERED: "yellow",
}


def coloured(state: str, text: str | None = None) -> str:
    """`text`, or else the state's name, in the state's colour."""
    return click.style(state if text is None else text, fg=_COLOURS.get(state))


def marked(saga: SagaRow) -> str:
    """A saga's state; those that a restart closed say so."""
    mark = " (recovered on restart)" if saga.state == RECOVERED else ""
    return f"{coloured(saga.state)}{mark}"


def shortened(text: str, limit: int = LONGEST_COMMAND) -> str:
    """At most `limit` characters, and then `…` if there were more."""
    return text if len(text) <= limit else f"{text[:limit]}…"


def pending_line(saga: SagaRow, steps: Sequence[StepRow], *, live: bool) -> str | None:
    """What is to say of the last step without an answer, if there is one (FACTS R-48).

    Only a saga that says it is running, without a launcher that could run it, was cut short. One
    that failed left its step behind then: launchers of old closed the saga only (FACTS R-08).
    """
    pending = [step.step_index for step in steps if step.state == "pending"]
    if not pending:
        return None
    step = max(pending)
    match saga.state:
        case "running" | "compensating" if live:
            return f"[step {step} is in flight]"
        case "completed" | "failed":
            return f"[step {step} was in flight when the saga {saga.state}]"
        case _:
            return f"[step {step} was in-flight when launcher exited]"
