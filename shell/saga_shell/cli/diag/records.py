"""Sagas and steps as `--json` shows them: the rows of the log, with JSON columns as JSON."""

from collections.abc import Sequence

import msgspec
from msgspec import Raw, Struct

from saga_shell.log import SagaRow, StepRow

_NULL = Raw(b"null")


class StepRecord(Struct, frozen=True):
    """One step. `command` and `output` are messages of the wire; times are RFC 3339 in UTC."""

    step_index: int
    name: str
    state: str
    target: str | None
    command: Raw
    output: Raw
    started_at: str
    ended_at: str | None
    failure_reason: str | None


class SagaRecord(Struct, frozen=True):
    """One saga. `input` is what it was started with; steps are by index."""

    saga_id: int
    name: str
    state: str
    started_at: str
    ended_at: str | None
    failure_reason: str | None
    input: Raw
    steps: list[StepRecord]


class SagasReport(Struct, frozen=True):
    """The last sagas, newest first. `live`: a launcher runs on this data directory now."""

    data_dir: str
    log: str
    live: bool
    sagas: list[SagaRecord]


class SagaReport(Struct, frozen=True):
    """One saga. `live`: a launcher runs on this data directory now."""

    data_dir: str
    log: str
    live: bool
    saga: SagaRecord


def saga_record(row: SagaRow, steps: Sequence[StepRow]) -> SagaRecord:
    """A saga's row with those of its steps."""
    return SagaRecord(
        saga_id=row.saga_id,
        name=row.name,
        state=row.state,
        started_at=row.started_at,
        ended_at=row.ended_at,
        failure_reason=row.failure_reason,
        input=_json(row.input_json),
        steps=[_step_record(step) for step in steps],
    )


def _step_record(row: StepRow) -> StepRecord:
    return StepRecord(
        step_index=row.step_index,
        name=row.name,
        state=row.state,
        target=row.target,
        command=_json(row.cmd_json),
        output=_json(row.output_json),
        started_at=row.started_at,
        ended_at=row.ended_at,
        failure_reason=row.failure_reason,
    )


def _json(text: str | None) -> Raw:
    """The column's JSON as it stands there; what is no JSON becomes a string."""
    if text is None:
        return _NULL
    column = text.encode()
    try:
        msgspec.json.decode(column)
    except (msgspec.DecodeError, RecursionError):
        return Raw(msgspec.json.encode(text))
    return Raw(column)
