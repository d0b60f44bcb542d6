"""Every shipped saga, and the shop's, with one thing going wrong at each point of its life.

Whatever goes wrong, the saga ends exactly once, its rows and its bracket tell the same story, and
no promise breaks: `Run` holds every step to all of them.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace
from tests.core.cases import CASES, Case, points_of, script_of
from tests.core.harness import PeeredRun, sent

from saga_core.engine import (
    Event,
    FrameExpiry,
    SagaActionFailed,
    SagaDeadline,
    SagaFailed,
    SendFailed,
    ShutdownRequested,
    TimerFired,
)

every_case = pytest.mark.parametrize("case", CASES, ids=str)


def ended_once(run: PeeredRun[Any], reason: str) -> None:
    """Saga 1 ended for this reason, in the log as on the bus, and left nothing behind."""
    row = run.rows.sagas[1]
    assert run.endings() == {1: reason}
    assert row.reason == (None if reason == "completed" else reason)
    assert row.state == ("completed" if reason == "completed" else "failed")
    assert row.pending == ()
    assert run.in_flight == []
    assert run.timers == set()


def step_states(run: PeeredRun[Any]) -> list[str]:
    """How the steps of saga 1 stand in the log."""
    return [step.state for step in run.rows.sagas[1].steps.values()]


@every_case
def test_each_step_can_fail(case: Case) -> None:
    """FACTS R-08, 1.3: a failed action ends the saga, with the step failed for the same reason."""
    for run, coming in points_of(case):
        step = run.state.sagas[1].awaiting
        assert step is not None
        run.give(SagaActionFailed(1, "no", 0))
        ended_once(run, f"{step.target} action failed: no")
        assert step_states(run) == ["succeeded"] * step.step_index + ["failed"]
        run.give(*coming)
        ended_once(run, f"{step.target} action failed: no")


@every_case
def test_the_deadline_can_fire_at_each_point(case: Case) -> None:
    """FACTS R-08, R-13, F-29: a timeout ends the saga; a late answer then changes no row."""
    for run, coming in points_of(case):
        run.deadline(1)
        ended_once(run, "saga timeout")
        assert step_states(run)[-1] == "failed"
        rows = len(run.records)
        run.give(*coming)
        run.ignores(TimerFired(SagaDeadline(1)))
        ended_once(run, "saga timeout")
        assert len(run.records) == rows


@every_case
def test_a_shutdown_can_come_at_each_point(case: Case) -> None:
    """FACTS 1.4, R-16: a shutdown ends the saga, and a trigger after it starts one that fails."""
    for run, _ in points_of(case):
        reason = f"{run.reducer.application.process} shutting down"
        run.give(ShutdownRequested("SIGTERM"))
        ended_once(run, reason)
        assert sent(run.give(case.trigger)) == []
        assert run.endings() == {1: reason, 2: reason}


@every_case
def test_the_connection_can_drop_at_each_point(case: Case) -> None:
    """FACTS R-17: an unanswered command goes to the next connection, and the saga completes."""
    for run, _ in points_of(case):
        step = run.state.sagas[1].awaiting
        assert step is not None
        assert step.connection is not None
        run.close(step.connection)
        assert run.state.links[step.target].buffer == (1,)
        run.join_peer(step.target)
        (again,) = sent(run.last)
        assert (again.command, again.redelivery) == (step.command, True)
        run.answer_all(run.last)
        ended_once(run, "completed")


@every_case
def test_a_drop_can_also_be_for_good_at_each_point(case: Case) -> None:
    """FACTS R-26: a command that nobody comes back for expires, and its saga fails for that."""
    for run, coming in points_of(case):
        step = run.state.sagas[1].awaiting
        assert step is not None
        assert step.connection is not None
        run.close(step.connection)
        run.expire(1)
        ended_once(run, f"{step.target} unreachable")
        run.give(*coming)
        ended_once(run, f"{step.target} unreachable")


@every_case
def test_a_send_can_fail_at_each_point(case: Case) -> None:
    """FACTS F-32, F-47: a failed send ends the connection, not the saga."""
    for run, _ in points_of(case):
        step = run.state.sagas[1].awaiting
        assert step is not None
        assert step.connection is not None
        run.give(SendFailed(step.connection, step.command))
        assert run.in_flight == [1]
        run.close(step.connection)
        run.join_peer(step.target)
        run.answer_all(run.last)
        ended_once(run, "completed")


@every_case
def test_each_answer_may_come_twice(case: Case) -> None:
    """FACTS F-39, R-14: the second of two equal answers changes no row and sends nothing."""
    for run, (answer, *_) in points_of(case):
        first = run.give(answer)
        rows = len(run.records)
        assert sent(run.give(answer)) == []
        assert len(run.records) == rows
        run.answer_all(first)
        ended_once(run, "completed")


@every_case
def test_foreign_ids_change_nothing_at_any_point(case: Case) -> None:
    """FACTS F-19, F-38, I8: what concerns an unknown or ended saga gives the same state object."""
    whole = case.world()
    whole.join_peers()
    whole.give(*script_of(case))
    whole.ignores(*about(whole, 0), *about(whole, 1), *about(whole, 2))
    for run, _ in points_of(case):
        run.ignores(*about(whole, 0), *about(whole, 77))


def about(whole: PeeredRun[Any], saga_id: int) -> Iterator[Event]:
    """All that can be said about a saga: what was said in a whole run, and what any saga gets."""
    for told in whole.bus:
        if getattr(told, "saga_id", None):
            yield replace(told, saga_id=saga_id)
    yield TimerFired(SagaDeadline(saga_id))
    yield TimerFired(FrameExpiry(saga_id, 1))
    yield SagaActionFailed(saga_id, "no", 0)
    yield SagaFailed(saga_id, "no", 0)
