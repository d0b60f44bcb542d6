"""Saga logs made by the real writer, with a clock that ticks one second at each record."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from returns.result import Success

from saga_core.agentmux import wire
from saga_core.agentmux.commands import DrainPoolIfLast, ReapPanes, SpawnPoolWindow
from saga_core.agentmux.events import PanesReaped, PoolWindowAdded
from saga_core.engine import (
    LogRecord,
    SagaClosed,
    SagaOpened,
    StepFailed,
    StepOpened,
    StepSucceeded,
)
from saga_shell.log import LogOptions, SagaLog, current_path

RESPAWN, CLEANUP = "pool_respawn_on_promote", "window_cleanup_cascade"
RESTARTED = "launcher restarted while saga in state 'running'"


@contextmanager
def written(data_dir: Path, *records: LogRecord) -> Iterator[Path]:
    """A log that is still open, with these records; its path."""
    times = (datetime(2026, 5, 1, 12, tzinfo=UTC) + timedelta(seconds=n) for n in range(10**9))
    options = LogOptions(encode=wire.encode, clock=lambda: next(times))
    match SagaLog.open(current_path(data_dir), options):
        case Success(log):
            for record in records:
                assert log.commit([log.batch([record])]) == Success(())
            yield log.path
            assert log.close() == Success(None)
        case refused:
            raise AssertionError(refused)


def write(data_dir: Path, *records: LogRecord) -> Path:
    """A log that was closed in good order, with these records; its path."""
    with written(data_dir, *records) as path:
        return path


def opened_respawn(saga_id: int, label: str = "window-pool-1") -> tuple[LogRecord, ...]:
    """A refill that waits for its host."""
    return (
        SagaOpened(saga_id, RESPAWN, f'{{"promoted_label":"{label}"}}'),
        StepOpened(
            saga_id, 0, "issue_cmd_host_spawn_pool_window", "host", SpawnPoolWindow(saga_id)
        ),
    )


def completed_respawn(saga_id: int) -> tuple[LogRecord, ...]:
    """A refill that is done."""
    return (
        *opened_respawn(saga_id),
        StepSucceeded(saga_id, 0, PoolWindowAdded("window-pool-2", 15, saga_id)),
        SagaClosed(saga_id, "completed", None),
    )


def opened_cleanup(saga_id: int, label: str = "main") -> tuple[LogRecord, ...]:
    """A cleanup that waits for the first of its answers."""
    return (
        SagaOpened(saga_id, CLEANUP, f'{{"closed_label":"{label}"}}'),
        StepOpened(saga_id, 0, "issue_cmd_host_reap_panes", "host", ReapPanes(label, saga_id)),
    )


def failed_cleanup(saga_id: int) -> tuple[LogRecord, ...]:
    """A cleanup whose second step met the deadline."""
    drain = DrainPoolIfLast("main", saga_id)
    return (
        *opened_cleanup(saga_id),
        StepSucceeded(saga_id, 0, PanesReaped("main", 23, saga_id)),
        StepOpened(saga_id, 1, "issue_cmd_host_drain_pool_if_last", "host", drain),
        StepFailed(saga_id, 1, "saga timeout"),
        SagaClosed(saga_id, "failed", "saga timeout"),
    )


def recovered_respawn(saga_id: int) -> tuple[LogRecord, ...]:
    """A refill that was in flight when its launcher died, closed by the next start."""
    return (
        *opened_respawn(saga_id),
        StepFailed(saga_id, 0, RESTARTED),
        SagaClosed(saga_id, "failed_compensation", RESTARTED),
    )


def write_all_kinds(data_dir: Path) -> Path:
    """One saga of each kind, the newest in flight when its launcher was gone."""
    return write(
        data_dir,
        *completed_respawn(1),
        *failed_cleanup(2),
        *recovered_respawn(3),
        *opened_cleanup(4, "tab"),
    )
