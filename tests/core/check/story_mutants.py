"""Wrong variants of what is told, heeded and counted: rows, reports, numbers, timers."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from saga_core.engine import (
    FrameExpiry,
    LogCommitFailed,
    SagaDeadline,
    SagaOpened,
    SagaStarted,
    ShutdownRequested,
    StepOpened,
    endings,
    guard,
    links,
    reducer,
)
from saga_core.engine.ordered import sorted_keys
from saga_core.engine.state import Awaiting
from saga_core.engine.turn import Turn

Mutant = Callable[[pytest.MonkeyPatch], None]
AnyTurn = Turn[Any]


def expiry_ignored(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-26: a stay's timer fires, and its command waits on."""
    patch.setattr(links, "waiting_step", lambda *_: None)


def shutdown_ends_nobody(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-16: a process that was asked to end leaves its sagas in flight."""
    patch.setattr(reducer, "fail_all", lambda *_: None)


def cancelled_twice(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-26: the timer of a command that was pushed out is cancelled once more."""
    original = links.release

    def release(turn: AnyTurn, saga_id: int, step: Awaiting) -> None:
        original(turn, saga_id, step)
        if step.connection is None:
            turn.cancel(FrameExpiry(saga_id, step.stay))

    patch.setattr(links, "release", release)


def number_given_twice(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-30: two commands get the same number."""
    patch.setattr(Turn, "take_sequence", lambda turn: turn.next_sequence)


def never_counted_as_sent(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-17: a command that was sent counts as one that was not."""
    original = links.send

    def send(turn: AnyTurn, saga_id: int, step: Awaiting) -> tuple[int, ...]:
        dropped = original(turn, saga_id, step)
        links._store(turn, saga_id, replace(step, sent=False))
        return dropped

    patch.setattr(links, "send", send)


def place_in_the_order_forgotten(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-30: a command that moves counts as issued at that moment."""
    original = links._store

    def store(turn: AnyTurn, saga_id: int, step: Awaiting) -> None:
        original(turn, saga_id, replace(step, issued=turn.next_sequence - 1))

    patch.setattr(links, "_store", store)


def input_is_no_json(patch: pytest.MonkeyPatch) -> None:
    """FACTS 4.1: a row's input is the saga's name, and no JSON."""
    _written(patch, SagaOpened, lambda record: replace(record, input_json=record.name))


def row_names_nobody(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-42: a step's row names another target than the one that is asked."""
    _written(patch, StepOpened, lambda record: replace(record, target="nobody"))


def cancelled_before_its_row(patch: pytest.MonkeyPatch) -> None:
    """DESIGN 4, order rules: a deadline is cancelled, and the row closes afterwards."""
    original = Turn.cancel

    def cancel(turn: AnyTurn, timer: Any) -> None:
        original(turn, timer)
        if isinstance(timer, SagaDeadline):
            turn.effects.insert(-1, turn.effects.pop())

    patch.setattr(Turn, "cancel", cancel)


def reason_of_two_lines(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-10: what a saga gives as its reason is taken as it comes."""
    patch.setattr(guard, "line", str)


def announced_under_another_name(patch: pytest.MonkeyPatch) -> None:
    """DESIGN 4, I1: the bus tells another name than the row."""
    original = Turn.emit

    def emit(turn: AnyTurn, event: Any) -> None:
        original(turn, replace(event, name="?") if isinstance(event, SagaStarted) else event)

    patch.setattr(Turn, "emit", emit)


def remembered_under_another_name(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-39: a snapshot calls an ended saga by another name than its row."""
    _remembered(patch, lambda outcome: replace(outcome, name="?"))


def remembered_for_another_reason(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-39: a snapshot tells another reason than the bus."""
    _remembered(patch, lambda outcome: replace(outcome, failure_reason="?"))


def report_ignored(patch: pytest.MonkeyPatch) -> None:
    """FACTS F-45: a host says that it could not, and the saga waits on."""
    patch.setattr(reducer, "_fail_action", lambda *_: None)


def outage_forgotten(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-44: a process forgets that its log fails, and announces it again."""
    original = reducer._log_commit_failed

    def log_commit_failed(turn: AnyTurn, event: LogCommitFailed) -> None:
        original(turn, event)
        turn.log_degraded = False

    patch.setitem(reducer._RULES, LogCommitFailed, log_commit_failed)


def outage_not_told(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-44: nobody hears that the log fails."""

    def log_commit_failed(turn: AnyTurn, _event: LogCommitFailed) -> None:
        turn.log_degraded = True

    patch.setitem(reducer._RULES, LogCommitFailed, log_commit_failed)


def shutdown_forgotten(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-16: a process that was asked to end ends its sagas, and opens others."""

    def shutdown(turn: AnyTurn, _event: ShutdownRequested) -> None:
        endings.fail_all(turn, sorted_keys(turn.sagas), "shutting down")

    patch.setitem(reducer._RULES, ShutdownRequested, shutdown)


def id_not_taken(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-41: the next saga gets the same id."""
    patch.setattr(Turn, "take_saga_id", lambda turn: turn.next_saga_id)


def _written(patch: pytest.MonkeyPatch, kind: type, wrong: Callable[[Any], Any]) -> None:
    original = Turn.write

    def write(turn: AnyTurn, record: Any) -> None:
        original(turn, wrong(record) if isinstance(record, kind) else record)

    patch.setattr(Turn, "write", write)


def _remembered(patch: pytest.MonkeyPatch, wrong: Callable[[Any], Any]) -> None:
    original = Turn.remember
    patch.setattr(Turn, "remember", lambda turn, outcome: original(turn, wrong(outcome)))
