"""A saga ends once, whoever comes first (FACTS F-29)."""

from itertools import permutations

import pytest
from tests.core.engine.odd_sagas import Scripted, always
from tests.core.engine.order_app import Did, Do, Fulfil, Placed, Shop
from tests.core.engine.store import Store
from tests.core.harness import Run, sent

from saga_core.engine import (
    Config,
    ConnectionClosed,
    Event,
    FrameExpiry,
    Reducer,
    SagaActionFailed,
    SagaCompleted,
    SagaDeadline,
    SagaFailed,
    SagaStarted,
    SendFailed,
    ShutdownRequested,
    TimerFired,
    Wait,
)


def last_step(config: Config | None = None) -> Store:
    """A shop with one order, whose shipping is asked for."""
    store = Store(config)
    store.join_peers()
    store.order("a")
    store.did("reserve", 1)
    store.did("pay", 1)
    return store


CONTENDERS: tuple[tuple[Event, str], ...] = (
    (Did("ship", "a", 1), "completed"),
    (TimerFired(SagaDeadline(1)), "saga timeout"),
    (SagaActionFailed(1, "fire", 0), "warehouse action failed: fire"),
    (ShutdownRequested("SIGTERM"), "shop shutting down"),
)


@pytest.mark.parametrize("order", list(permutations(CONTENDERS)))
def test_the_first_contender_wins(order: tuple[tuple[Event, str], ...]) -> None:
    """FACTS F-29: done, deadline, failure and shutdown in any order give exactly one terminal."""
    store = last_step()
    store.give(*(event for event, _ in order))
    assert store.endings() == {1: order[0][1]}
    assert len(store.rows.ended) == 1


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_drop_is_one_contender_among_others(order: tuple[int, ...]) -> None:
    """FACTS R-01, R-02: a dropped command claims its saga, so no timeout or answer follows."""
    store = last_step(Config(buffer_cap=0))
    contenders = (ConnectionClosed(1), Did("ship", "a", 1), TimerFired(SagaDeadline(1)))
    reasons = ("warehouse pipe backpressure overflow", "completed", "saga timeout")
    store.give(*(contenders[turn] for turn in order))
    assert store.endings() == {1: reasons[order[0]]}


def test_a_step_after_the_deadline_is_not_sent() -> None:
    """FACTS R-06, R-07: an answer that loses against the deadline sends nothing, marks nothing."""
    store = Store()
    store.join_peer("warehouse")
    store.join_peer("bank")
    store.order("a")
    store.deadline(1)
    store.ignores(Did("reserve", "a", 1))
    assert [step.state for step in store.rows.sagas[1].steps.values()] == ["failed"]


def test_an_ended_saga_leaves_nothing_to_deliver() -> None:
    """FACTS F-33: a saga that ends while its command waits is not in the next delivery."""
    store = Store()
    store.order("a", "b", "c")
    store.deadline(2)
    store.join_peer("warehouse")
    assert [dispatch.command for dispatch in sent(store.last)] == [
        Do("reserve", "a", 1),
        Do("reserve", "c", 3),
    ]


def test_a_failed_send_of_an_ended_saga_brings_nothing_back() -> None:
    """FACTS R-28: a write that fails after its saga's end doesn't buffer the command again."""
    store = Store()
    warehouse = store.join_peer("warehouse")
    store.order("a")
    store.deadline(1)
    store.ignores(SendFailed(warehouse, Do("reserve", "a", 1)))
    store.close(warehouse)
    store.join_peer("warehouse")
    assert sent(store.last) == []


def test_brackets_from_elsewhere_start_and_end_nobody() -> None:
    """FACTS 1.3: a bracket that another producer published concerns no saga here."""
    store = Store(opens=lambda _: (Fulfil("anything starts me"),))
    store.order("a")
    store.ignores(SagaStarted(1, "fulfil", 9), SagaCompleted(1, 9), SagaFailed(1, "no", 9))
    assert store.in_flight == [1]


def test_a_failure_report_for_a_saga_without_a_step_names_the_first_peer() -> None:
    """FACTS 1.3: the reason names who failed, even if the report comes before any command."""
    store = Store(opens=always(Scripted(Wait())))
    store.order("a")
    store.give(SagaActionFailed(1, "no", 0))
    assert store.endings() == {1: "warehouse action failed: no"}


class Lonely(Shop):
    """A shop without peers."""

    peers = ()


def test_a_process_without_peers_can_take_a_failure_report() -> None:
    """DESIGN 4: an application may have no peer at all; the reason then names the process."""
    run = Run(Reducer(Lonely(always(Scripted(Wait())))))
    run.ignores(SagaActionFailed(9, "no", 0))
    run.give(Placed("a"), SagaActionFailed(1, "no", 0))
    assert run.endings() == {1: "shop_self action failed: no"}


def test_sagas_that_end_together_end_by_id() -> None:
    """FACTS R-20: one event that ends many sagas ends them in the order of their ids."""
    store = Store()
    ids = store.order(*"abcdefghij")
    store.give(ShutdownRequested("SIGTERM"))
    assert list(store.endings()) == ids
    assert store.rows.ended == ids


def test_sagas_that_are_dropped_together_end_by_id() -> None:
    """FACTS R-20: even if the saga with the higher id issued its command first."""
    store = Store(Config(buffer_cap=0))
    warehouse, _ = store.join_peers().values()
    store.order("a", "b")
    store.did("reserve", 1)
    store.did("pay", 1)
    store.close(warehouse)
    assert list(store.endings()) == [1, 2]


def test_a_timer_of_an_earlier_stay_ends_nobody() -> None:
    """FACTS R-26: an expiry that was on its way when the command left the buffer is stale."""
    store = Store()
    store.order("a")
    (timer,) = (timer for timer in store.timers if isinstance(timer, FrameExpiry))
    warehouse = store.join_peer("warehouse")
    store.ignores(TimerFired(timer))
    store.close(warehouse)
    store.ignores(TimerFired(timer))
    store.expire(1)
    assert store.endings() == {1: "warehouse unreachable"}
