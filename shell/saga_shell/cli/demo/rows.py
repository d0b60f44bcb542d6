"""The sagas of a log, as the demo looks at them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from returns.result import Failure, Success

from saga_shell.log import SagaLogReader, SagaRow, StepRow, find_log, open_read_only

SHOWN_AT_ONCE = 1_000
"""More sagas than any demo starts."""


@dataclass(frozen=True)
class SagaLine:
    """One saga: `seconds` is its age, or how long it took; `waits_for` is empty once it ended."""

    saga_id: int
    name: str
    state: str
    step: int
    seconds: float
    waits_for: str
    reason: str
    steps_pending: int


def read_sagas(data_dir: Path, now: datetime | None = None) -> tuple[SagaLine, ...]:
    """All sagas of the log, ascending by id; none if it can't be read at the moment."""
    match open_read_only(find_log(data_dir)):
        case Failure(_):
            return ()
        case Success(reader):
            with reader:
                return _lines(reader, now if now is not None else datetime.now(UTC))


def _lines(reader: SagaLogReader, now: datetime) -> tuple[SagaLine, ...]:
    match reader.snapshot_recent(SHOWN_AT_ONCE):
        case Failure(_):
            return ()
        case Success(rows):
            lines = [_line(row, _steps(reader, row.saga_id), now) for row in rows]
            return tuple(sorted(lines, key=lambda line: line.saga_id))


def _steps(reader: SagaLogReader, saga_id: int) -> tuple[StepRow, ...]:
    return reader.steps(saga_id).value_or(())


def _line(row: SagaRow, steps: tuple[StepRow, ...], now: datetime) -> SagaLine:
    ended = now if row.ended_at is None else datetime.fromisoformat(row.ended_at)
    pending = [step for step in steps if step.state == "pending"]
    return SagaLine(
        saga_id=row.saga_id,
        name=row.name,
        state="recovered" if row.state == "failed_compensation" else row.state,
        step=len(steps),
        seconds=max(0.0, (ended - datetime.fromisoformat(row.started_at)).total_seconds()),
        waits_for=_named(pending[-1]) if pending else "",
        reason=row.failure_reason or "",
        steps_pending=len(pending),
    )


def _named(step: StepRow) -> str:
    """`host: reap_panes` for the step `issue_cmd_host_reap_panes`."""
    target = step.target or "?"
    return f"{target}: {step.name.removeprefix(f'issue_cmd_{target}_')}"
