"""The order in which a saga opens, issues, consumes and ends (DESIGN 4, order rules)."""

import pytest
from pyrsistent import pmap
from tests.core.engine.odd_sagas import Odd, Scripted, always, ask
from tests.core.engine.order_app import Books, Did, Do, Placed
from tests.core.engine.store import Store
from tests.core.harness import emitted, of, records, sent

from saga_core.engine import (
    Action,
    ArmTimer,
    CancelTimer,
    Config,
    Dispatch,
    Done,
    Emit,
    Failed,
    FrameExpiry,
    SagaClosed,
    SagaCompleted,
    SagaDeadline,
    SagaFailed,
    SagaOpened,
    SagaStarted,
    StepFailed,
    StepOpened,
    StepSucceeded,
    Wait,
    WriteLog,
)


def test_a_saga_opens_in_order() -> None:
    """FACTS R-03, R-42, 1.3: row, bracket, deadline, step row with the real id, then dispatch."""
    store = Store()
    warehouse = store.join_peer("warehouse")
    reserve = Do("reserve", "a", 1)
    assert store.give(Placed("a")) == (
        WriteLog(SagaOpened(1, "fulfil", '{"order":"a"}')),
        Emit(SagaStarted(1, "fulfil", 1)),
        ArmTimer(SagaDeadline(1), 5.0),
        WriteLog(StepOpened(1, 0, "issue_cmd_warehouse_do", "warehouse", reserve)),
        Dispatch("warehouse", warehouse, reserve),
    )


def test_the_events_of_a_command_stand_together_before_its_saga() -> None:
    """FACTS 2.10: what a command publishes goes out first, then the bracket that it opens."""
    store = Store()
    customer = store.open()
    assert emitted(store.place(customer, "a")) == [Placed("a", 1), SagaStarted(1, "fulfil", 2)]


def test_an_answer_is_consumed_in_order() -> None:
    """FACTS 1.3: the step row succeeds with the event, then the next step opens and goes out."""
    store = Store()
    store.join_peer("warehouse")
    bank = store.join_peer("bank")
    store.order("a")
    pay = Do("pay", "a", 1)
    answer = Did("reserve", "a", 1)
    assert store.give(answer) == (
        WriteLog(StepSucceeded(1, 0, answer)),
        WriteLog(StepOpened(1, 1, "issue_cmd_bank_do", "bank", pay)),
        Dispatch("bank", bank, pay),
    )


def test_an_own_command_runs_in_the_same_step() -> None:
    """FACTS R-11: a command to the process itself is logged, told, run, and answered at once."""
    store = Store()
    warehouse = store.join_peer("warehouse")
    store.join_peer("bank")
    store.order("a")
    store.did("reserve", 1)
    paid, ship = Did("pay", "", 1), Do("ship", "a", 1)
    booked = Did("book", "a", 1, 2)
    assert store.give(paid) == (
        WriteLog(StepSucceeded(1, 1, paid)),
        WriteLog(StepOpened(1, 2, "issue_cmd_shop_self_do", "shop_self", Do("book", "a", 1))),
        Dispatch("shop_self", None, Do("book", "a", 1)),
        Emit(booked),
        WriteLog(StepSucceeded(1, 2, booked)),
        WriteLog(StepOpened(1, 3, "issue_cmd_warehouse_do", "warehouse", ship)),
        Dispatch("warehouse", warehouse, ship),
    )
    assert store.state.mirror == Books(booked=1)


def test_a_saga_completes_in_order() -> None:
    """DESIGN 4: step row succeeded, saga row closed, deadline cancelled, then one terminal."""
    store = Store(opens=always(Scripted(ask("warehouse", "pack"), (("pack", Done()),))))
    store.join_peer("warehouse")
    store.order("a")
    assert store.did("pack", 1) == (
        WriteLog(StepSucceeded(1, 0, Did("pack", "", 1))),
        WriteLog(SagaClosed(1, "completed", None)),
        CancelTimer(SagaDeadline(1)),
        Emit(SagaCompleted(1, 2)),
    )


def test_a_saga_with_a_buffered_command_fails_in_order() -> None:
    """FACTS R-08, F-33: the frame is purged, the rows fail, the deadline goes, the bracket ends."""
    store = Store()
    store.order("a")
    (expiry,) = of(FrameExpiry, store.timers)
    assert store.deadline(1) == (
        CancelTimer(expiry),
        WriteLog(StepFailed(1, 0, "saga timeout")),
        WriteLog(SagaClosed(1, "failed", "saga timeout")),
        CancelTimer(SagaDeadline(1)),
        Emit(SagaFailed(1, "saga timeout", 2)),
    )
    assert store.state.links["warehouse"].buffer == ()


@pytest.mark.parametrize(
    ("action", "ending"),
    [(Done(), SagaCompleted(1, 2)), (Failed("closed\ntoday"), SagaFailed(1, "closed today", 2))],
)
def test_a_saga_that_ends_inside_start_closes_its_bracket(
    action: Action, ending: SagaCompleted | SagaFailed
) -> None:
    """FACTS F-30: done or failed inside `start` still gives a whole bracket and a whole row."""
    store = Store(opens=always(Scripted(action)))
    effects = store.give(Placed("a"))
    assert emitted(effects) == [SagaStarted(1, "scripted", 1), ending]
    reason = ending.reason if isinstance(ending, SagaFailed) else None
    state = "completed" if reason is None else "failed"
    assert records(effects) == [
        SagaOpened(1, "scripted", "null"),
        SagaClosed(1, "completed" if state == "completed" else "failed", reason),
    ]
    assert store.in_flight == []


def test_a_saga_that_gives_up_fails_its_step() -> None:
    """FACTS R-09: `Failed` in answer to an event marks the pending step failed, not succeeded."""
    store = Store(opens=always(Scripted(ask("bank", "pay"), (("pay", Failed("too dear")),))))
    store.order("a")
    store.did("pay", 1)
    row = store.rows.sagas[1]
    assert (row.state, row.reason) == ("failed", "too dear")
    assert (row.steps[0].state, row.steps[0].reason) == ("failed", "too dear")


def test_a_saga_may_wait_from_the_start() -> None:
    """FACTS 3.1: a saga without a step stays in flight; its timeout has no step to fail."""
    store = Store(opens=always(Scripted(Wait())))
    store.order("a")
    assert store.in_flight == [1]
    assert records(store.deadline(1)) == [SagaClosed(1, "failed", "saga timeout")]


def test_a_saga_without_a_pending_step_can_go_on() -> None:
    """FACTS 1.3: an answer that no step awaits moves the saga and marks no row."""
    then = (("hello", ask("bank", "pay")), ("pay", Done()))
    store = Store(opens=always(Scripted(Wait(), then)))
    store.join_peer("bank")
    store.order("a")
    effects = store.did("hello", 1)
    assert [type(record) for record in records(effects)] == [StepOpened]
    store.answer(*sent(effects))
    assert store.endings() == {1: "completed"}


def test_what_a_saga_remembers_while_it_waits_is_kept() -> None:
    """FACTS 3.1: `Wait` changes no row, yet the saga's next value is the one in flight."""
    store = Store(opens=always(Scripted(ask("bank", "pay"))))
    store.order("a")
    assert store.did("ring", 1) == ()
    assert store.did("ring", 1) == ()
    saga = store.state.sagas[1].saga
    assert isinstance(saga, Scripted)
    assert saga.seen == ("ring", "ring")
    assert store.rows.sagas[1].steps[0].state == "pending"


def test_what_a_saga_becomes_in_its_start_is_kept() -> None:
    """FACTS 3.1: the value that `start` returns is the one in flight, even if it only waits."""
    started = Scripted(Wait())
    store = Store(opens=always(Odd(start=lambda _: (started, Wait()))))
    store.order("a")
    assert store.state.sagas[1].saga is started


def test_an_answer_purges_the_command_that_waited_again() -> None:
    """FACTS R-28: a saga that moves on while its command waits takes that command back."""
    store = Store()
    warehouse = store.join_peer("warehouse")
    store.order("a")
    store.close(warehouse)
    (expiry,) = of(FrameExpiry, store.timers)
    assert store.did("reserve", 1)[0] == CancelTimer(expiry)
    assert store.state.links["warehouse"].buffer == ()
    store.join_peer("warehouse")
    assert sent(store.last) == []


def test_the_deadline_is_the_sagas_own_or_the_overridden_one() -> None:
    """FACTS 3.1, DESIGN 6: one deadline for the whole saga, by its kind."""
    store = Store(Config(timeouts=pmap({"fulfil": 90.0})))
    store.order("a")
    store.join_peer("warehouse")
    assert ArmTimer(SagaDeadline(2), 90.0) in store.give(Placed("b"))
    assert SagaDeadline(2) not in {armed.timer for armed in of(ArmTimer, store.did("reserve", 2))}
