"""The saga that is measured, a window cleanup of two steps, as records of the log.

The refill of one step is there for the size of the file alone.
"""

from saga_core.agentmux import PoolRespawn, WindowCleanup
from saga_core.agentmux.commands import DrainPoolIfLast, ReapPanes, SpawnPoolWindow
from saga_core.agentmux.events import PanesReaped, PoolNotLast, PoolWindowAdded
from saga_core.engine import LogRecord, SagaClosed, SagaOpened, StepOpened, StepSucceeded

STEPS = 2
HOPS = STEPS + 1
"""Commits of one saga that is alone: it opens, goes on, ends."""


def label_of(saga_id: int) -> str:
    """The window that this saga cleans up behind."""
    return f"window-{saga_id}"


def opened(saga_id: int) -> tuple[LogRecord, LogRecord]:
    """The saga opens and issues its first command."""
    label = label_of(saga_id)
    command = ReapPanes(label, saga_id)
    return (
        SagaOpened(saga_id, WindowCleanup.NAME, f'{{"closed_label":"{label}"}}'),
        StepOpened(saga_id, 0, "issue_cmd_host_reap_panes", "host", command),
    )


def moved_on(saga_id: int) -> tuple[LogRecord, LogRecord]:
    """Its first step was answered, the second command goes out."""
    label = label_of(saga_id)
    command = DrainPoolIfLast(label, saga_id)
    return (
        StepSucceeded(saga_id, 0, PanesReaped(label, saga_id, saga_id)),
        StepOpened(saga_id, 1, "issue_cmd_host_drain_pool_if_last", "host", command),
    )


def ended(saga_id: int) -> tuple[LogRecord, LogRecord]:
    """Its second step was answered, and it completes."""
    return (
        StepSucceeded(saga_id, 1, PoolNotLast(label_of(saga_id), saga_id, saga_id)),
        SagaClosed(saga_id, "completed", None),
    )


def cleanup(saga_id: int) -> tuple[LogRecord, ...]:
    """All of it."""
    return (*opened(saga_id), *moved_on(saga_id), *ended(saga_id))


def refill(saga_id: int) -> tuple[LogRecord, ...]:
    """All of the saga with one step."""
    return (
        SagaOpened(saga_id, PoolRespawn.NAME, f'{{"promoted_label":"{label_of(saga_id)}"}}'),
        StepOpened(
            saga_id, 0, "issue_cmd_host_spawn_pool_window", "host", SpawnPoolWindow(saga_id)
        ),
        StepSucceeded(saga_id, 0, PoolWindowAdded("", saga_id, saga_id)),
        SagaClosed(saga_id, "completed", None),
    )


def hops(saga_ids: range) -> tuple[list[LogRecord], list[LogRecord], list[LogRecord]]:
    """What sagas that advance together have written, hop by hop."""
    return (
        [record for saga_id in saga_ids for record in opened(saga_id)],
        [record for saga_id in saga_ids for record in moved_on(saga_id)],
        [record for saga_id in saga_ids for record in ended(saga_id)],
    )


def groups(sagas: int, in_flight: int, first: int = 1) -> list[range]:
    """`sagas` ids in groups that advance together."""
    starts = range(first, first + sagas, in_flight)
    return [range(start, min(start + in_flight, first + sagas)) for start in starts]
