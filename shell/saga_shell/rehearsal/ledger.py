"""What the file must say, going by the records that it was given."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec.structs import replace
from returns.result import Failure, Success

from saga_core.agentmux import wire
from saga_core.engine import (
    LogRecord,
    RecoveryRequested,
    SagaClosed,
    SagaOpened,
    SagaOutcome,
    StepFailed,
    StepOpened,
    StepSucceeded,
    UnresolvedSaga,
)
from saga_shell.log import OUTCOMES_READ, SagaLogReader, SagaRow, StepRow, open_read_only
from saga_shell.rehearsal.outcome import SavedSaga

_ALL = 1 << 40


class Ledger:
    """All records that were written, but for those that went down with their process."""

    def __init__(self) -> None:
        self._sagas: dict[int, list[LogRecord]] = {}
        self._ended: dict[int, SagaOutcome] = {}
        self._open: set[int] = set()
        self._order: list[int] = []
        self._highest = 0

    def write(self, records: Sequence[LogRecord]) -> None:
        """Records that the file is about to get."""
        for record in records:
            self._order.append(record.saga_id)
            mine = self._sagas.setdefault(record.saga_id, [])
            mine.append(record)
            self._open.add(record.saga_id)
            if isinstance(record, SagaClosed):
                self._end(mine[0], record)
            self._highest = max(self._highest, record.saga_id)

    def lose(self, count: int) -> None:
        """The last `count` records never got into the file."""
        for _ in range(count):
            saga_id = self._order.pop()
            if isinstance(self._sagas[saga_id].pop(), SagaClosed):
                self._ended.pop(saga_id, None)
                self._open.add(saga_id)
            if not self._sagas[saga_id]:
                del self._sagas[saga_id]
                self._open.discard(saga_id)

    def rows(self) -> tuple[SavedSaga, ...]:
        """The rows that these records make, ids ascending, without their times."""
        folded = (_folded(self._sagas[saga_id]) for saga_id in sorted(self._sagas))
        return tuple(saved for saved in folded if saved is not None)

    def misread(self, start: RecoveryRequested) -> str | None:
        """What is wrong with what a start found in the file; None if it is what was written."""
        unresolved = tuple(self._unresolved())
        if start.unresolved != unresolved:
            return f"the start found {start.unresolved} open, though {unresolved} are"
        told = [o for o in start.outcomes if self._ended.get(o.saga_id) == o]
        if not len(start.outcomes) == len(told) == min(len(self._ended), OUTCOMES_READ):
            ended = len(self._ended)
            return f"the start found {start.outcomes} ended, {len(told)} of {ended} that did"
        if start.next_saga_id <= self._highest:
            return f"saga {start.next_saga_id} would come next, though {self._highest} was shown"
        return None

    def _unresolved(self) -> Iterator[UnresolvedSaga]:
        for saga_id in sorted(self._open):
            saved = _folded(self._sagas[saga_id])
            if saved is not None:
                pending = tuple(s.step_index for s in saved.steps if s.state == "pending")
                yield UnresolvedSaga(saga_id, saved.saga.name, saved.saga.state, pending)

    def _end(self, first: LogRecord, last: SagaClosed) -> None:
        self._open.discard(last.saga_id)
        if isinstance(first, SagaOpened):
            outcome = SagaOutcome(last.saga_id, first.name, last.state, last.reason)
            self._ended[last.saga_id] = outcome


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


def _folded(records: Sequence[LogRecord]) -> SavedSaga | None:
    """The rows of one saga. A record that they don't allow is refused, and leaves them."""
    saved: SavedSaga | None = None
    for record in records:
        saved = _after(saved, record)
    return saved


def _after(saved: SavedSaga | None, record: LogRecord) -> SavedSaga | None:
    if isinstance(record, SagaOpened):
        row = SagaRow(record.saga_id, record.name, "running", "", None, record.input_json, None)
        return SavedSaga(row, ())
    if saved is None:
        return None
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
