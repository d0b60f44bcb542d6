"""Wrong variants of the rules that `mutants` and `link_mutants` leave out, each a patch again."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace
from returns.result import Success

from saga_core.agentmux.sagas import WindowCleanup
from saga_core.engine import (
    Answer,
    ConnectionClosed,
    Failed,
    RecoveryRequested,
    SagaActionFailed,
    SagaClosed,
    SagaContext,
    SagaDeadline,
    SagaFailed,
    SagaOpened,
    ShutdownRequested,
    StepSucceeded,
    TimerFired,
    endings,
    guard,
    links,
    outputs,
    progress,
    reasons,
    recovery,
    reducer,
)
from saga_core.engine.effects import Dispatch
from saga_core.engine.ordered import sorted_items
from saga_core.engine.state import InFlight
from saga_core.engine.turn import Turn

Mutant = Callable[[pytest.MonkeyPatch], None]
AnyTurn = Turn[Any]


def entered_after_its_start(patch: pytest.MonkeyPatch) -> None:
    """FACTS F-30: a saga is entered after `start`, so one that is done by then goes on."""
    original = progress._start

    def start(turn: AnyTurn, saga_id: int, flight: InFlight) -> None:
        sagas, turn.sagas = turn.sagas, turn.sagas.remove(saga_id)
        original(turn, saga_id, flight)
        if saga_id not in turn.sagas:
            turn.sagas = sagas

    patch.setattr(progress, "_start", start)


def expiry_beside_the_claim(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-02: an expiry announces a failure, and the saga goes on."""
    original = reducer._timer_fired

    def timer_fired(turn: AnyTurn, event: TimerFired) -> None:
        timer = event.timer
        if isinstance(timer, SagaDeadline):
            original(turn, event)
        elif links.waiting_step(turn, timer) is not None:
            turn.emit(SagaFailed(timer.saga_id, "unreachable", turn.take_version()))

    patch.setitem(reducer._RULES, TimerFired, timer_fired)


def sent_after_the_deadline(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-06: the deadline ends a saga, and its command still goes out."""
    original = reducer._timer_fired

    def timer_fired(turn: AnyTurn, event: TimerFired) -> None:
        step = links.pending_step(turn, event.timer.saga_id)
        original(turn, event)
        if isinstance(event.timer, SagaDeadline) and step is not None:
            turn.effects.append(Dispatch(step.target, 1, step.command))

    patch.setitem(reducer._RULES, TimerFired, timer_fired)


def step_succeeds_under_a_failed_saga(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-07: the step of a saga that failed becomes succeeded afterwards."""
    original = endings._tell

    def tell(turn: AnyTurn, saga_id: int, flight: InFlight, reason: str | None) -> None:
        original(turn, saga_id, flight, reason)
        if reason is not None and flight.awaiting is not None:
            done = SagaFailed(saga_id, reason, turn.version)
            turn.write(StepSucceeded(saga_id, flight.awaiting.step_index, done))

    patch.setattr(endings, "_tell", tell)


def answer_succeeds_what_it_fails(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-09: the step of a saga that gives up over its answer becomes succeeded first."""
    original = progress.answer

    def answer(turn: AnyTurn, saga_id: int, event: Any) -> None:
        flight = turn.sagas.get(saga_id)
        if flight is not None and flight.awaiting is not None:
            _, action = guard.on_event(flight.saga, event, SagaContext(saga_id))
            if isinstance(action, Failed):
                turn.write(StepSucceeded(saga_id, flight.awaiting.step_index, event))
        original(turn, saga_id, event)

    patch.setattr(reducer, "answer", answer)


def own_commands_go_nowhere(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-11: a command to the process itself is told of, and nobody runs it."""

    def run_own(turn: AnyTurn, step: Any) -> None:
        turn.effects.append(Dispatch(step.target, None, step.command))

    patch.setattr(progress, "_run_own", run_own)


def late_answer_recorded(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-13: an answer that comes after the end changes a row."""
    original = progress.answer

    def answer(turn: AnyTurn, saga_id: int, event: Any) -> None:
        if saga_id not in turn.sagas:
            turn.write(StepSucceeded(saga_id, 0, event))
        original(turn, saga_id, event)

    patch.setattr(reducer, "answer", answer)


def shutdown_takes_only_the_first(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-16: a shutdown ends one saga more than once, and the others never."""

    def shutdown(turn: AnyTurn, _event: ShutdownRequested) -> None:
        turn.stopping = True
        for saga_id, flight in sorted_items(turn.sagas)[:1]:
            endings.fail(turn, saga_id, "shutting down")
            endings._tell(turn, saga_id, flight, "shutting down")

    patch.setitem(reducer._RULES, ShutdownRequested, shutdown)


def saga_row_forgotten(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-18: a saga runs without a row."""
    original = Turn.write

    def write(turn: AnyTurn, record: Any) -> None:
        if not isinstance(record, SagaOpened):
            original(turn, record)

    patch.setattr(Turn, "write", write)


def deadline_not_cancelled(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-19: the timer of a saga that ended goes on."""
    original = Turn.cancel

    def cancel(turn: AnyTurn, timer: Any) -> None:
        if not isinstance(timer, SagaDeadline):
            original(turn, timer)

    patch.setattr(Turn, "cancel", cancel)


def two_pass_on_one_id(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-41: of two sagas that open in one run, both get the same id."""

    def take_saga_id(turn: AnyTurn) -> int:
        if turn.next_saga_id == 1:
            turn.next_saga_id += 1
        return turn.next_saga_id - 1

    patch.setattr(Turn, "take_saga_id", take_saga_id)


def ended_sagas_recovered(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-38: recovery ends sagas again that had ended."""
    original = recovery.recover

    def recover(turn: AnyTurn, event: Any) -> None:
        original(turn, event)
        for outcome in event.outcomes:
            reason = reasons.restarted(turn.app.process, outcome.state)
            turn.write(SagaClosed(outcome.saga_id, "failed_compensation", reason))
            turn.emit(SagaFailed(outcome.saga_id, reason, turn.take_version()))

    patch.setitem(reducer._RULES, RecoveryRequested, recover)


def private_answer_takes_a_version(patch: pytest.MonkeyPatch) -> None:
    """FACTS F-16: the end of a connection uses up a version, and nothing is on the bus."""
    original = reducer._connection_closed

    def connection_closed(turn: AnyTurn, event: Any) -> None:
        turn.take_version()
        original(turn, event)

    patch.setitem(reducer._RULES, ConnectionClosed, connection_closed)


def own_id_not_asked_for(patch: pytest.MonkeyPatch) -> None:
    """FACTS F-38: an answer to one saga goes to every other saga of its kind too."""
    original = progress.answer

    def answer(turn: AnyTurn, saga_id: int, event: Any) -> None:
        for other, _ in sorted_items(turn.sagas):
            if saga_id in turn.sagas:
                original(turn, other, replace(event, saga_id=other))

    patch.setattr(reducer, "answer", answer)


def wrong_step_recovered(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-40: recovery fails steps that are not pending."""
    original = recovery._resolve

    def resolve(turn: AnyTurn, row: Any) -> None:
        moved = tuple(index + 1 for index in row.pending_steps)
        original(turn, replace(row, pending_steps=moved))

    patch.setattr(recovery, "_resolve", resolve)


def zero_fails_aloud(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-34: a failure report without an id announces that saga 0 failed."""
    original = reducer._fail_action

    def fail_action(turn: AnyTurn, event: SagaActionFailed) -> None:
        original(turn, event)
        if event.saga_id == 0:
            turn.emit(SagaFailed(0, event.reason, turn.take_version()))

    patch.setattr(reducer, "_fail_action", fail_action)


def id_not_put_in(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-10, R-42: a command goes out as the saga made it, without that saga's id."""
    patch.setattr(progress, "_address", lambda _turn, _saga_id, _target, command: Success(command))


def shutdown_in_reverse(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-20: sagas that end in one step end in another order than that of their ids."""

    def fail_all(turn: AnyTurn, saga_ids: Any, reason: str) -> None:
        for saga_id in sorted(saga_ids, reverse=True):
            endings.fail(turn, saga_id, reason)

    patch.setattr(reducer, "fail_all", fail_all)


def end_not_announced(patch: pytest.MonkeyPatch) -> None:
    """FACTS F-30: a saga that is done closes its row, and its bracket stays open."""
    original = endings.complete

    def complete(turn: AnyTurn, saga_id: int) -> None:
        original(turn, saga_id)
        turn.effects.pop()
        turn.version -= 1

    patch.setattr(progress, "complete", complete)


def reaped_panes_not_noticed(patch: pytest.MonkeyPatch) -> None:
    """FACTS 3.4: a cleanup takes no answer for its own."""
    patch.setattr(WindowCleanup, "_concerns", lambda *_: False)


def private_reply_takes_a_version(patch: pytest.MonkeyPatch) -> None:
    """FACTS F-16, F-17: what one connection alone is told uses up a version."""
    original = outputs._do

    def do(turn: AnyTurn, output: Any) -> None:
        if isinstance(output, Answer):
            turn.take_version()
        original(turn, output)

    patch.setattr(outputs, "_do", do)
