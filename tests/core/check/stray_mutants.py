"""Wrong variants in which what concerns one saga moves others (FACTS F-19, R-10)."""

from collections.abc import Callable
from typing import Any

import pytest

from saga_core.engine import (
    ConnectionClosed,
    FrameExpiry,
    LogCommitFailed,
    SagaActionFailed,
    SagaDeadline,
    TimerFired,
    links,
    reasons,
    reducer,
)
from saga_core.engine.endings import fail, fail_all
from saga_core.engine.ordered import sorted_keys
from saga_core.engine.state import Awaiting
from saga_core.engine.turn import Turn

Mutant = Callable[[pytest.MonkeyPatch], None]
AnyTurn = Turn[Any]


def _fails_all(turn: AnyTurn) -> None:
    fail_all(turn, sorted_keys(turn.sagas), reasons.TIMEOUT)


def one_deadline_ends_all(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-10: a saga's deadline ends all that are in flight."""
    original = reducer._timer_fired

    def timer_fired(turn: AnyTurn, event: TimerFired) -> None:
        mine = isinstance(event.timer, SagaDeadline) and event.timer.saga_id in turn.sagas
        original(turn, event)
        if mine:
            _fails_all(turn)

    patch.setitem(reducer._RULES, TimerFired, timer_fired)


def one_deadline_ends_the_oldest(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-10: a saga's deadline ends the one that opened first as well."""
    original = reducer._timer_fired

    def timer_fired(turn: AnyTurn, event: TimerFired) -> None:
        mine = isinstance(event.timer, SagaDeadline) and event.timer.saga_id in turn.sagas
        if mine:
            fail(turn, sorted_keys(turn.sagas)[0], reasons.TIMEOUT)
        original(turn, event)

    patch.setitem(reducer._RULES, TimerFired, timer_fired)


def one_failure_ends_all(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-10: what a peer could not do for one saga ends all."""
    original = reducer._fail_action

    def fail_action(turn: AnyTurn, event: SagaActionFailed) -> None:
        mine = event.saga_id in turn.sagas
        original(turn, event)
        if mine:
            _fails_all(turn)

    patch.setattr(reducer, "_fail_action", fail_action)


def one_expiry_empties_the_buffer(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-26: a command that waited too long takes all that wait behind it along."""
    original = links.waiting_step

    def waiting_step(turn: AnyTurn, timer: FrameExpiry) -> Awaiting | None:
        step = original(turn, timer)
        if step is not None:
            waiting = turn.links[step.target].buffer
            fail_all(turn, sorted(waiting), reasons.unreachable(step.target))
        return step

    patch.setattr(links, "waiting_step", waiting_step)


def an_outage_ends_all(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-44: a log that fails ends sagas that go on from memory."""
    original = reducer._log_commit_failed

    def log_commit_failed(turn: AnyTurn, event: LogCommitFailed) -> None:
        original(turn, event)
        _fails_all(turn)

    patch.setitem(reducer._RULES, LogCommitFailed, log_commit_failed)


def a_disconnect_ends_all(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-17: sagas end with their peer's connection, and don't wait for the next."""
    original = reducer._connection_closed

    def connection_closed(turn: AnyTurn, event: ConnectionClosed) -> None:
        known = event.connection in [turn.links[target].connection for target in turn.app.peers]
        original(turn, event)
        if known:
            _fails_all(turn)

    patch.setitem(reducer._RULES, ConnectionClosed, connection_closed)


def overflow_takes_two(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-01: a full buffer makes room for more than the command that comes."""
    original = links.send

    def send(turn: AnyTurn, saga_id: int, step: Awaiting) -> tuple[int, ...]:
        dropped = original(turn, saga_id, step)
        others = tuple(one for one in turn.links[step.target].buffer if one != saga_id)
        return (*dropped, *others[:1]) if dropped else ()

    patch.setattr(links, "send", send)
