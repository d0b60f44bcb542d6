"""What a step does to the process as a whole: its numbers, its end, its log, its peers' reports."""

from collections.abc import Iterator
from typing import Any

from saga_core.engine.effects import Effect, Emit
from saga_core.engine.events import (
    Event,
    LogCommitFailed,
    LogCommitRecovered,
    RecoveryRequested,
    ShutdownRequested,
)
from saga_core.engine.history import History, Violation
from saga_core.engine.messages import LogDegraded, LogRecovered, SagaActionFailed
from saga_core.engine.ordered import sorted_items
from saga_core.engine.state import State

_Effects = tuple[Effect, ...]
_LOG = (LogCommitFailed, LogCommitRecovered)
_LOG_TOLD = (LogDegraded, LogRecovered)


def whole(
    told: History, before: State[Any], event: Event, after: State[Any], effects: _Effects
) -> Iterator[Violation]:
    """What is wrong after a step; `told` is the history with this step in it."""
    yield from _numbers(told, before, after)
    yield from unheeded(before, event, after, effects)
    if after.stopping and after.sagas:
        in_flight = [saga_id for saga_id, _ in sorted_items(after.sagas)]
        yield Violation("shutdown", f"the process is ending, yet {in_flight} are in flight")


def unheeded(
    before: State[Any], event: Event, after: State[Any], effects: _Effects
) -> Iterator[Violation]:
    """What an event should have brought about, and did not."""
    if isinstance(event, ShutdownRequested) and not after.stopping:
        yield Violation("shutdown", "the process is asked to end, and goes on (FACTS R-16)")
    if isinstance(event, RecoveryRequested) and event.next_saga_id > after.counters.next_saga_id:
        sentence = f"a new run begins below id {event.next_saga_id} (FACTS R-41)"
        yield Violation("I9", sentence)
    emitted = [effect.event for effect in effects if isinstance(effect, Emit)]
    yield from _log_told(before, event, after, emitted)
    for report in (event, *emitted):
        if isinstance(report, SagaActionFailed) and report.saga_id in after.sagas:
            sentence = f"saga {report.saga_id} was reported as failed, and goes on"
            yield Violation("failure", sentence)


def _numbers(told: History, before: State[Any], after: State[Any]) -> Iterator[Violation]:
    """Ids grow (FACTS R-41); whoever takes a version puts an event on the bus (F-16, F-17)."""
    lowest = max(before.counters.next_saga_id, told.highest_id + 1)
    found, version = after.counters.next_saga_id, after.counters.version
    if found < lowest:
        sentence = f"the next saga would get id {found}, though {lowest - 1} was given out"
        yield Violation("I9", sentence)
    if version != told.version:
        sentence = f"version {version} is taken, and {told.version} is the last on the bus"
        yield Violation("I5", sentence)


def _log_told(
    before: State[Any], event: Event, after: State[Any], emitted: list[Any]
) -> Iterator[Violation]:
    """A failing log is told of once, and so is its recovery (FACTS R-44)."""
    degraded = before.log_degraded
    if isinstance(event, _LOG):
        degraded = isinstance(event, LogCommitFailed)
    if after.log_degraded != degraded:
        yield Violation("log", f"that the log fails is {degraded}, and the process does not know")
    wanted: list[type] = []
    if degraded != before.log_degraded:
        wanted = [LogDegraded if degraded else LogRecovered]
    told = [type(event) for event in emitted if isinstance(event, _LOG_TOLD)]
    if told != wanted:
        yield Violation("log", f"of a log that fails or works again, the bus hears {len(told)}")
