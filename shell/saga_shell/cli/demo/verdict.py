"""Judging a demo from the outside: what the bus told, what the log says, which panes are left."""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from saga_core.engine import BusEvent, SagaCompleted, SagaFailed, SagaStarted, version_of
from saga_shell.cli.demo.rows import SagaLine


class Totals(Struct, frozen=True):
    """What a demo comes to. `broken`: one sentence for each broken promise; empty if all held."""

    started: int
    completed: int
    failed: int
    recovered: int
    panes_started: int
    panes_gone: int
    broken: tuple[str, ...]


def judge(
    runs: Sequence[Sequence[BusEvent]],
    sagas: Sequence[SagaLine],
    panes_started: int,
    panes_alive: int,
) -> Totals:
    """Count, and hold the runs of the launcher against their promises.

    `runs`: the bus of each run from its first event on. `sagas`: the log at the end.
    """
    states = [saga.state for saga in sagas]
    broken = [sentence for run in runs for sentence in (*_versions(run), *_brackets(run))]
    broken += _log(sagas)
    broken += _same_story(runs, sagas)
    if panes_alive:
        broken.append(f"{panes_alive} panes outlived their host")
    return Totals(
        started=len(sagas),
        completed=states.count("completed"),
        failed=states.count("failed"),
        recovered=states.count("recovered"),
        panes_started=panes_started,
        panes_gone=panes_started - panes_alive,
        broken=tuple(broken),
    )


def _versions(run: Sequence[BusEvent]) -> Iterable[str]:
    versions = [version_of(event) for event in run]
    if versions != list(range(1, len(versions) + 1)):
        yield f"versions on the bus are not 1, 2, 3 …: {versions}"


def _brackets(run: Sequence[BusEvent]) -> Iterable[str]:
    """Within a run: open before close, each at most once."""
    opened: set[int] = set()
    ended: set[int] = set()
    for event in run:
        if isinstance(event, SagaStarted):
            if event.saga_id in opened | ended:
                yield f"saga {event.saga_id} started twice, or after its end"
            opened.add(event.saga_id)
        elif isinstance(event, SagaCompleted | SagaFailed):
            if event.saga_id in ended:
                yield f"saga {event.saga_id} ended twice on the bus"
            ended.add(event.saga_id)


def _log(sagas: Sequence[SagaLine]) -> Iterable[str]:
    for saga in sagas:
        if saga.state == "running":
            yield f"saga {saga.saga_id} is still running in the log"
        elif saga.steps_pending:
            yield f"saga {saga.saga_id} ended with a pending step in the log"


def _same_story(runs: Sequence[Sequence[BusEvent]], sagas: Sequence[SagaLine]) -> Iterable[str]:
    """Whoever is on the bus is in the log and ends the same way on both, over all runs."""
    rows = {saga.saga_id: (saga.state == "completed", saga.reason) for saga in sagas}
    ends: dict[int, tuple[bool, str]] = {}
    started: set[int] = set()
    for event in (event for run in runs for event in run):
        match event:
            case SagaStarted(saga_id):
                started.add(saga_id)
            case SagaCompleted(saga_id):
                ends[saga_id] = (True, "")
            case SagaFailed(saga_id, reason):
                ends[saga_id] = (False, reason)
            case _:
                pass
    for saga_id in sorted(started | rows.keys()):
        if ends.get(saga_id) != rows.get(saga_id):
            told, written = ends.get(saga_id), rows.get(saga_id)
            yield f"saga {saga_id}: the bus tells {told}, the log {written}"
