"""Wrong variants of the reducer but for its links, each one a patch of the engine's functions."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from saga_core.engine import (
    FrameExpiry,
    LogCommitFailed,
    RecoveryRequested,
    SagaClosed,
    SagaCompleted,
    SagaDeadline,
    SagaFailed,
    SagaStarted,
    StepOpened,
    TimerFired,
    endings,
    progress,
    recovery,
    reducer,
)
from saga_core.engine.ordered import sorted_items
from saga_core.engine.state import InFlight
from saga_core.engine.turn import Turn

Mutant = Callable[[pytest.MonkeyPatch], None]
AnyTurn = Turn[Any]


def claim_ignored(patch: pytest.MonkeyPatch) -> None:
    """FACTS F-29: a saga that ends stays in the registry, and ends again."""
    original = endings._claim

    def claim(turn: AnyTurn, saga_id: int) -> Any:
        sagas = turn.sagas
        claimed = original(turn, saga_id)
        turn.sagas = sagas
        return claimed

    patch.setattr(endings, "_claim", claim)


def emit_before_log(patch: pytest.MonkeyPatch) -> None:
    """DESIGN 4, I3: the terminal event goes out before the saga's row closes."""

    def tell(turn: AnyTurn, saga_id: int, _flight: InFlight, reason: str | None) -> None:
        version = turn.take_version()
        completed = SagaCompleted(saga_id, version)
        turn.emit(completed if reason is None else SagaFailed(saga_id, reason, version))
        turn.write(SagaClosed(saga_id, "completed" if reason is None else "failed", reason))
        turn.cancel(SagaDeadline(saga_id))

    patch.setattr(endings, "_tell", tell)


def pending_step_forgotten(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-08: a saga that fails leaves its awaited step pending."""
    original = endings._tell

    def tell(turn: AnyTurn, saga_id: int, flight: InFlight, reason: str | None) -> None:
        original(turn, saga_id, replace(flight, awaiting=None), reason)

    patch.setattr(endings, "_tell", tell)


def outcome_forgotten(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-39: how a saga ended is not kept for subscribers that reconnect."""
    patch.setattr(Turn, "remember", lambda *_: None)


def deadline_ignored(patch: pytest.MonkeyPatch) -> None:
    """FACTS F-29: a saga whose deadline passes goes on."""
    rule = reducer._RULES[TimerFired]

    def timer_fired(turn: AnyTurn, event: TimerFired) -> None:
        if isinstance(event.timer, FrameExpiry):
            rule(turn, event)

    patch.setitem(reducer._RULES, TimerFired, timer_fired)


def deadline_not_armed(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-03: a command goes out without a deadline."""
    original = Turn.arm

    def arm(turn: AnyTurn, timer: Any, seconds: float) -> None:
        if isinstance(timer, FrameExpiry):
            original(turn, timer, seconds)

    patch.setattr(Turn, "arm", arm)


def row_after_announcement(patch: pytest.MonkeyPatch) -> None:
    """DESIGN 4, I3: a saga is announced before its row is written."""
    original = Turn.write

    def write(turn: AnyTurn, record: Any) -> None:
        original(turn, record)
        turn.effects.append(turn.effects.pop(0))

    patch.setattr(Turn, "write", write)


def foreign_answer_taken(patch: pytest.MonkeyPatch) -> None:
    """FACTS F-19: an event with an unknown id starts what only an event without one may."""
    original = progress.answer

    def answer(turn: AnyTurn, saga_id: int, event: Any) -> None:
        for known in sorted_items(turn.sagas)[:1]:
            saga_id = known[0]
        original(turn, saga_id, event)

    patch.setattr(reducer, "answer", answer)


def any_saga_fails(patch: pytest.MonkeyPatch) -> None:
    """FACTS F-38: a failure report for an unknown saga ends the oldest one."""

    def fail_action(turn: AnyTurn, event: Any) -> None:
        for saga_id, _ in sorted_items(turn.sagas)[:1]:
            endings.fail(turn, saga_id, event.reason)

    patch.setattr(reducer, "_fail_action", fail_action)


def ids_used_again(patch: pytest.MonkeyPatch) -> None:
    """FACTS F-34, R-41: a new run gives out the ids of the run before."""
    original = recovery.recover

    def recover(turn: AnyTurn, event: Any) -> None:
        original(turn, event)
        turn.next_saga_id = 1

    patch.setitem(reducer._RULES, RecoveryRequested, recover)


def steps_left_pending(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-40: recovery closes a saga over its pending step."""
    original = recovery._resolve
    patch.setattr(
        recovery,
        "_resolve",
        lambda turn, row: original(turn, replace(row, pending_steps=())),
    )


def recovery_is_silent(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-39: recovery closes rows and tells nobody."""
    original = recovery._resolve

    def resolve(turn: AnyTurn, row: Any) -> None:
        original(turn, row)
        turn.effects.pop()
        turn.version -= 1

    patch.setattr(recovery, "_resolve", resolve)


def version_skipped(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-56: an event uses up two versions."""
    original = Turn.take_version

    def take_version(turn: AnyTurn) -> int:
        original(turn)
        return original(turn)

    patch.setattr(Turn, "take_version", take_version)


def recovery_forgets_to_start_afresh(patch: pytest.MonkeyPatch) -> None:
    """DESIGN 5: a new run that recovered sagas believes that it is ending already."""
    original = recovery.recover

    def recover(turn: AnyTurn, event: RecoveryRequested) -> None:
        original(turn, event)
        turn.stopping = bool(event.unresolved)

    patch.setitem(reducer._RULES, RecoveryRequested, recover)


def step_row_forgotten(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-42: a command goes out and no row tells of it."""
    original = Turn.write

    def write(turn: AnyTurn, record: Any) -> None:
        if not isinstance(record, StepOpened):
            original(turn, record)

    patch.setattr(Turn, "write", write)


def bracket_not_opened(patch: pytest.MonkeyPatch) -> None:
    """FACTS F-30: a saga starts and nobody is told."""
    original = Turn.emit

    def emit(turn: AnyTurn, event: Any) -> None:
        if isinstance(event, SagaStarted):
            turn.version -= 1
        else:
            original(turn, event)

    patch.setattr(Turn, "emit", emit)


def late_answer_stops(patch: pytest.MonkeyPatch) -> None:
    """FACTS F-20: an answer for an ended saga makes the process believe that it is ending."""
    original = progress.answer

    def answer(turn: AnyTurn, saga_id: int, event: Any) -> None:
        turn.stopping = turn.stopping or saga_id not in turn.sagas
        original(turn, saga_id, event)

    patch.setattr(reducer, "answer", answer)


def late_answer_cancels(patch: pytest.MonkeyPatch) -> None:
    """FACTS F-20: an answer for an ended saga cancels its deadline once more."""
    original = progress.answer

    def answer(turn: AnyTurn, saga_id: int, event: Any) -> None:
        if saga_id not in turn.sagas:
            turn.cancel(SagaDeadline(saga_id))
        original(turn, saga_id, event)

    patch.setattr(reducer, "answer", answer)


def outage_forgets_a_version(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-44: the notice of a failing log has the version of the event before it."""
    original = reducer._log_commit_failed

    def log_commit_failed(turn: AnyTurn, event: Any) -> None:
        turn.version -= 1
        original(turn, event)

    patch.setitem(reducer._RULES, LogCommitFailed, log_commit_failed)
