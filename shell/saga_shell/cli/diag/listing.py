"""The text of `diag sagas`, as FACTS 4.5 lays it out."""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from saga_shell.cli.diag.source import Place
from saga_shell.cli.diag.words import (
    NOTHING,
    RECOVERED,
    coloured,
    marked,
    pending_line,
    shortened,
)
from saga_shell.log import SagaRow, StepRow, steps_progressed
from saga_shell.printable import printable


class Entry(Struct, frozen=True):
    """One saga of the list. `steps` is the reason if they can't be read (FACTS F-37)."""

    saga: SagaRow
    steps: tuple[StepRow, ...] | str


def header(title: str, place: Place) -> Iterator[str]:
    """What the report is about. The lines of a live launcher come in addition to FACTS 4.5."""
    yield title
    yield f"Data dir: {printable(str(place.data_dir))}"
    yield f"Saga log: {printable(str(place.log))}"
    if place.owner is not None:
        pid = "" if place.owner.pid is None else f", pid {place.owner.pid}"
        yield f"Launcher: running{pid}"
    if place.degraded is not None:
        yield f"Warning: {printable(place.degraded)}"
    yield ""


def no_log(place: Place) -> str:
    """Instead of the list, if there is no file."""
    return f"(no saga log at {printable(str(place.log))}: no launcher has run here yet)"


def listing(entries: Sequence[Entry], state: str | None, *, live: bool) -> Iterator[str]:
    """The list itself, newest saga first; `state` is what the user asked for, if anything."""
    if not entries:
        yield "(saga log is empty)" if state is None else f"(no saga is in state {state})"
        return
    yield f"Recent launcher sagas (last {len(entries)}):"
    for entry in entries:
        yield from _saga(entry, live=live)
        yield ""
    yield from _note(sum(entry.saga.state == RECOVERED for entry in entries))


def _saga(entry: Entry, *, live: bool) -> Iterator[str]:
    saga, steps = entry.saga, entry.steps
    progressed = "?" if isinstance(steps, str) else steps_progressed(steps)
    yield f"  saga_id={saga.saga_id} name={printable(saga.name)} state={marked(saga)}"
    yield (
        f"    started={printable(saga.started_at)} ended={printable(saga.ended_at or NOTHING)}"
        f" steps_progressed={progressed}"
    )
    if saga.failure_reason:
        yield f"    failure: {printable(saga.failure_reason)}"
    if saga.input_json not in {"", "null"}:
        yield f"    input: {printable(saga.input_json)}"
    if isinstance(steps, str):
        yield f"    [steps can't be shown: {printable(steps)}]"
    elif steps and saga.state != "completed":
        yield "    steps:"
        yield from _steps(saga, steps, live=live)


def _steps(saga: SagaRow, steps: tuple[StepRow, ...], *, live: bool) -> Iterator[str]:
    for step in steps:
        state = coloured(step.state, f"{step.state:<10}")
        yield (
            f"      {step.step_index:>3}  {printable(step.name):<30}"
            f" target={printable(step.target or NOTHING):<14} state={state}"
            f" cmd={shortened(printable(step.cmd_json or NOTHING))}"
        )
        if step.failure_reason:
            yield f"           failure: {printable(step.failure_reason)}"
    pending = pending_line(saga, steps, live=live)
    if pending is not None:
        yield f"      {pending}"


def _note(recovered: int) -> Iterator[str]:
    if recovered:
        yield (
            f"Note: {recovered} saga(s) marked `{RECOVERED}` were in flight when their launcher"
            " ended."
        )
        yield "      The next start closed them: no step was repeated, none was undone."
        yield "      `diag saga ID` shows how far one had come."
