"""The text of `diag saga`: what happened to one saga, and when."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from saga_shell.cli.diag.words import NOTHING, coloured, marked, pending_line
from saga_shell.log import SagaRow, StepRow
from saga_shell.printable import printable

_STAMP_COLUMNS = 32
_OFFSET_COLUMNS = 12


def timeline(saga: SagaRow, steps: Sequence[StepRow], *, live: bool) -> Iterator[str]:
    """The saga, then what happened: when, how long after the opening, what."""
    yield f"Saga {saga.saga_id}: {printable(saga.name)}, {marked(saga)}"
    if saga.input_json not in {"", "null"}:
        yield f"Input: {printable(saga.input_json)}"
    yield ""
    yield _line(saga, saga.started_at, "opened")
    for step in steps:
        yield from _step(saga, step)
    if saga.ended_at is not None:
        yield _line(saga, saga.ended_at, _end(saga.state, saga, saga.failure_reason))
    pending = pending_line(saga, steps, live=live)
    if pending is not None:
        yield f"  {pending}"


def _step(saga: SagaRow, step: StepRow) -> Iterator[str]:
    target, command = step.target or NOTHING, step.cmd_json or NOTHING
    asked = printable(f"step {step.step_index} {step.name}, to {target}: {command}")
    yield _line(saga, step.started_at, asked)
    if step.ended_at is not None:
        answer = step.failure_reason or step.output_json
        yield _line(saga, step.ended_at, f"step {step.step_index} {_end(step.state, step, answer)}")


def _end(state: str, row: SagaRow | StepRow, why: str | None) -> str:
    """`succeeded after 0.120 s: {...}`."""
    took = _seconds(row.started_at, row.ended_at)
    text = f"{coloured(state)} after {'?' if took is None else f'{took:.3f}'} s"
    return text if why is None else f"{text}: {printable(why)}"


def _line(saga: SagaRow, at: str, what: str) -> str:
    offset = _seconds(saga.started_at, at)
    since = "?" if offset is None else f"{offset:+.3f}"
    return f"  {printable(at):<{_STAMP_COLUMNS}} {since:>{_OFFSET_COLUMNS}} s  {what}"


def _seconds(start: str, end: str | None) -> float | None:
    """Seconds between two times of the log; None if one of them is no time."""
    if end is None:
        return None
    try:
        return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
    except (ValueError, TypeError):
        return None
