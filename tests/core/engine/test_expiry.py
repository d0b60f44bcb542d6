"""How long a command may wait for its peer (FACTS R-02, R-26, R-27)."""

from tests.core.engine.order_app import Placed
from tests.core.engine.store import Store
from tests.core.harness import of, sent

from saga_core.engine import ArmTimer, CancelTimer, Config, FrameExpiry, TimerFired


def stays(store: Store) -> dict[int, FrameExpiry]:
    """The armed expiry of each saga whose command waits."""
    return {timer.saga_id: timer for timer in of(FrameExpiry, store.timers)}


def test_a_frame_that_waited_too_long_fails_its_saga() -> None:
    """FACTS R-26, R-27: expiry has a timer of its own, before the first connection too."""
    store = Store(Config(frame_expiry_seconds=7.0))
    armed = of(ArmTimer, store.give(Placed("a")))
    assert armed[-1] == ArmTimer(stays(store)[1], 7.0)
    store.expire(1)
    assert store.endings() == {1: "warehouse unreachable"}


def test_each_frame_has_its_own_age() -> None:
    """FACTS R-27: what came later in one outage waits on when the earlier frame expired."""
    store = Store()
    store.order("a", "b")
    store.expire(1)
    assert store.state.links["warehouse"].buffer == (2,)
    store.expire(2)
    assert list(store.endings()) == [1, 2]


def test_a_reconnection_after_the_expiry_delivers_nothing() -> None:
    """FACTS R-26: both frames expired during the outage, so the next host gets neither."""
    store = Store()
    warehouse = store.join_peer("warehouse")
    store.close(warehouse)
    store.order("a", "b")
    store.expire(1)
    store.expire(2)
    store.join_peer("warehouse")
    assert sent(store.last) == []
    assert store.endings() == {1: "warehouse unreachable", 2: "warehouse unreachable"}


def test_a_connection_in_time_stops_the_clock() -> None:
    """FACTS 5.2: delivery cancels the expiry of each frame that waited."""
    store = Store()
    store.order("a", "b")
    waiting = stays(store)
    store.join_peer("warehouse")
    assert of(CancelTimer, store.last) == [CancelTimer(waiting[1]), CancelTimer(waiting[2])]
    store.ignores(TimerFired(waiting[1]), TimerFired(waiting[2]))


def test_age_begins_anew_with_each_stay() -> None:
    """DESIGN 7: a frame's age starts when it enters the buffer, each time it does."""
    store = Store()
    store.order("a")
    first = stays(store)[1]
    warehouse = store.join_peer("warehouse")
    store.close(warehouse)
    second = stays(store)[1]
    assert second != first
    assert ArmTimer(second, 30.0) in store.last
    store.ignores(TimerFired(first))
    assert store.in_flight == [1]


def test_expiry_and_deadline_end_a_saga_once() -> None:
    """FACTS R-02: a saga whose frame expired has no timeout later, and the other way round."""
    store = Store()
    store.order("a", "b")
    waiting = stays(store)
    store.expire(1)
    store.deadline(1)
    store.deadline(2)
    store.fire(waiting[2])
    assert store.endings() == {1: "warehouse unreachable", 2: "saga timeout"}


def test_a_dropped_frame_takes_its_clock_along() -> None:
    """FACTS F-31, R-26: overflow cancels the expiry of the frame that it drops."""
    store = Store(Config(buffer_cap=1))
    store.order("a")
    (dropped,) = stays(store).values()
    assert CancelTimer(dropped) in store.give(Placed("b"))
    assert list(stays(store)) == [2]
