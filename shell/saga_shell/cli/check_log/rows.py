"""A saga's rows as the records that made them.

Rows tell what was written, and when, but not in which order; within one saga there is only one.
What no record leaves behind is a record of its own, an odd one, for the checker to refuse.
"""

import re
from collections.abc import Iterator

from saga_core.check.logged import Dated, LoggedSaga, Said
from saga_shell.log import SagaRow, SagaRows, StepRow

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?\+00:00")
"""RFC 3339 in UTC, in the only form that compares as the times do (FACTS 4.1)."""


def logged(rows: SagaRows) -> LoggedSaga:
    """The records of one saga, each with its time."""
    records: list[Dated] = []
    for at, said in _told(rows):
        if at is not None and _TIME.fullmatch(at):
            records.append(Dated(at, said))
        else:
            before = records[-1].at if records else ""
            records.append(Dated(before, _odd(said, f"has the time {at!r}, which is none in UTC")))
    return LoggedSaga(rows.saga_id, tuple(records))


def _told(rows: SagaRows) -> Iterator[tuple[str | None, Said]]:
    saga = rows.saga
    if saga is not None:
        opened = (saga.name, saga.input_json)
        yield saga.started_at, Said("opened", rows.saga_id, None, opened)
    for step in rows.steps:
        yield from _of_step(rows.saga_id, step)
    if saga is not None:
        yield from _of_end(saga)


def _of_step(saga_id: int, step: StepRow) -> Iterator[tuple[str | None, Said]]:
    index = step.step_index
    asked = Said("asked", saga_id, index, (step.name, step.target, step.cmd_json))
    yield step.started_at, asked
    match step.state:
        case "succeeded":
            yield step.ended_at, Said("answered", saga_id, index, (step.output_json,))
            odd = step.failure_reason is not None
        case "failed":
            yield step.ended_at, Said("step failed", saga_id, index, (step.failure_reason,))
            odd = step.output_json is not None
        case "pending":
            odd = {step.ended_at, step.output_json, step.failure_reason} != {None}
        case _:
            odd = True
    if odd:
        shown = f"is {step.state}, with an output, a reason or an end that such a step never has"
        yield step.ended_at or step.started_at, _odd(asked, shown)


def _of_end(saga: SagaRow) -> Iterator[tuple[str | None, Said]]:
    closed = Said("closed", saga.saga_id, None, (saga.state, saga.failure_reason))
    if saga.state == "running":
        if saga.ended_at is not None or saga.failure_reason is not None:
            yield saga.ended_at or saga.started_at, _odd(closed, "is running, with an end")
    elif saga.state == "compensating":
        yield saga.started_at, _odd(closed, "is compensating, which no launcher ever writes")
    else:
        yield saga.ended_at, closed


def _odd(said: Said, what: str) -> Said:
    return Said("odd", said.saga_id, said.step_index, (what,))
