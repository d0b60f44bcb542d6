"""What a log says, record by record, in the words of its rows."""

from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

from saga_core.engine.messages import BusEvent, Command
from saga_core.engine.records import (
    LogRecord,
    SagaClosed,
    SagaOpened,
    StepFailed,
    StepOpened,
    StepSucceeded,
)

Kind = Literal["opened", "asked", "answered", "step failed", "closed", "odd"]
"""`odd`: a row that no record leaves behind, such as a pending step with an answer."""


class Said(NamedTuple):
    """One record, as its row tells it. `step_index` is None if it concerns the whole saga.

    `words`, by kind: (name, input) · (name, target, command) · (output,) · (reason,) · (state,
    reason) · (what is odd,). Messages are lines of the wire.
    """

    kind: Kind
    saga_id: int
    step_index: int | None
    words: tuple[str | None, ...]


class Dated(NamedTuple):
    """A record with the time in its row: RFC 3339 in UTC, texts that compare as the times do."""

    at: str
    said: Said


class LoggedSaga(NamedTuple):
    """All records of one saga, in the order in which they can only have been written."""

    saga_id: int
    records: tuple[Dated, ...]


LineOf = Callable[[Command | BusEvent], bytes]


def said(record: LogRecord, line_of: LineOf) -> Said:
    """What the row says once `record` is written."""
    match record:
        case SagaOpened(saga_id, name, input_json):
            return Said("opened", saga_id, None, (name, input_json))
        case StepOpened(saga_id, index, name, target, command):
            return Said("asked", saga_id, index, (name, target, line_of(command).decode()))
        case StepSucceeded(saga_id, index, output):
            return Said("answered", saga_id, index, (line_of(output).decode(),))
        case StepFailed(saga_id, index, reason):
            return Said("step failed", saga_id, index, (reason,))
        case SagaClosed(saga_id, state, reason):
            return Said("closed", saga_id, None, (state, reason))


def where(record: Said) -> str:
    """The saga and the step that a record concerns."""
    step = "" if record.step_index is None else f", step {record.step_index}"
    return f"saga {record.saga_id}{step}"


def says(record: Said) -> str:
    """A record for people, without `where`."""
    words = [str(word) for word in record.words]
    match record.kind:
        case "opened":
            return f"opened: {words[0]}, input {words[1]}"
        case "asked":
            return f"opened: {words[0]}, to {words[1]}: {words[2]}"
        case "answered":
            return f"succeeded: {words[0]}"
        case "step failed":
            return f"failed: {words[0]}"
        case "closed":
            return words[0] if record.words[1] is None else f"{words[0]}: {words[1]}"
        case "odd":
            return words[0]


def told(records: Iterable[Said]) -> str:
    """Several records in one line."""
    return "; ".join(f"{where(record)} {says(record)}" for record in records)
