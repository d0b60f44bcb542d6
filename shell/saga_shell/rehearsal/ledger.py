"""What the file must say, going by the records that it was given."""

from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace
from returns.result import Failure, Success

from saga_core.agentmux import wire
from saga_core.engine import (
    LogRecord,
    SagaClosed,
    SagaOpened,
    StepFailed,
    StepOpened,
    StepSucceeded,
)
from saga_shell.log import SagaLogReader, SagaRow, StepRow, open_read_only
from saga_shell.rehearsal.outcome import SavedSaga

_ALL = 1 << 40


class Ledger:
    """All records that were written, in order, but for those that went down with their process.

    `lost` are the sagas of the latter.
    """

    def __init__(self) -> None:
        self.records: list[LogRecord] = []
        self.lost: set[int] = set()

    def write(self, records: Sequence[LogRecord]) -> None:
        """Records that the file is about to get."""
        self.records += records

    def lose(self, count: int) -> None:
        """The last `count` records never got into the file."""
        kept = len(self.records) - count
        self.lost |= {record.saga_id for record in self.records[kept:]}
        del self.records[kept:]

    def rows(self) -> tuple[SavedSaga, ...]:
        """The rows that these records make, ids ascending, without their times."""
        sagas: dict[int, SavedSaga] = {}
        for record in self.records:
            sagas[record.saga_id] = _after(sagas.get(record.saga_id), record)
        return tuple(sagas[saga_id] for saga_id in sorted(sagas))


def read_rows(path: Path) -> tuple[SavedSaga, ...]:
    """What the file says, ids ascending. Blocks."""
    match open_read_only(path):
        case Success(reader):
            with reader:
                return _read(reader)
        case Failure(error):
            raise AssertionError(error.message)


def without_times(saved: SavedSaga) -> SavedSaga:
    """The same rows, whenever they were written."""
    saga = replace(saved.saga, started_at="", ended_at=None)
    steps = tuple(replace(step, started_at="", ended_at=None) for step in saved.steps)
    return SavedSaga(saga, steps)


def _read(reader: SagaLogReader) -> tuple[SavedSaga, ...]:
    newest_first = reader.snapshot_recent(_ALL).unwrap()
    sagas = sorted(newest_first, key=lambda row: row.saga_id)
    return tuple(SavedSaga(row, reader.steps(row.saga_id).unwrap()) for row in sagas)


def _after(saved: SavedSaga | None, record: LogRecord) -> SavedSaga:
    if isinstance(record, SagaOpened):
        row = SagaRow(record.saga_id, record.name, "running", "", None, record.input_json, None)
        return SavedSaga(row, ())
    assert saved is not None, f"saga {record.saga_id} has no row for {record}"
    match record:
        case StepOpened(_, index, name, target, command):
            line = wire.encode(command).decode()
            step = StepRow(index, name, "pending", target, line, None, "", None, None)
            return replace(saved, steps=(*saved.steps, step))
        case StepSucceeded(_, index, output):
            line = wire.encode(output).decode()
            return _step(saved, index, "succeeded", output_json=line)
        case StepFailed(_, index, reason):
            return _step(saved, index, "failed", failure_reason=reason)
        case SagaClosed(_, state, reason):
            return replace(saved, saga=replace(saved.saga, state=state, failure_reason=reason))


def _step(saved: SavedSaga, index: int, state: str, **more: str) -> SavedSaga:
    steps = tuple(
        replace(step, state=state, **more) if step.step_index == index else step
        for step in saved.steps
    )
    return replace(saved, steps=steps)
