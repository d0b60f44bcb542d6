"""The way to a peer: its buffer, bound, order and connections (FACTS 5, R-24 to R-30)."""

import pytest
from tests.core.engine.order_app import Do, Join
from tests.core.engine.store import Store
from tests.core.harness import emitted, opened_ids, sent

from saga_core.engine import (
    CloseConnection,
    CommandReceived,
    Config,
    Dispatch,
    Effect,
    Link,
    SagaFailed,
    SendFailed,
)

SMALL = Config(buffer_cap=3)


def orders_in(effects: tuple[Effect, ...]) -> list[str]:
    """The orders that commands were sent for, in order."""
    return [d.command.order for d in sent(effects) if isinstance(d.command, Do)]


def buffer_of(store: Store) -> tuple[int, ...]:
    """The sagas whose command waits for the warehouse."""
    return store.state.links["warehouse"].buffer


def test_commands_wait_for_the_first_connection() -> None:
    """FACTS R-27, 5.2: before the first connection commands wait, then go out in order."""
    store = Store()
    assert store.order("a", "b", "c") == [1, 2, 3]
    assert buffer_of(store) == (1, 2, 3)
    warehouse = store.join_peer("warehouse")
    assert sent(store.last) == [
        Dispatch("warehouse", warehouse, Do("reserve", name, saga_id))
        for saga_id, name in enumerate("abc", 1)
    ]
    assert store.state.links["warehouse"] == Link(warehouse)


def test_overflow_fails_the_oldest() -> None:
    """FACTS F-31, R-01: a command beyond the bound drops the oldest, whose saga fails by name."""
    store = Store(SMALL)
    store.order(*"abcd")
    assert buffer_of(store) == (2, 3, 4)
    assert store.endings() == {1: "warehouse pipe backpressure overflow"}
    assert store.rows.sagas[1].steps[0].reason == "warehouse pipe backpressure overflow"


def test_sixty_five_commands_leave_sixty_four() -> None:
    """FACTS 1.2, R-01: the default bound is 64; the dropped saga ends once, log and bus agree."""
    store = Store()
    store.order(*(str(number) for number in range(65)))
    assert buffer_of(store) == tuple(range(2, 66))
    assert list(store.endings()) == [1]


def test_without_a_buffer_a_command_needs_a_connection() -> None:
    """DESIGN 4: with a bound of 0 nothing waits, and the saga fails at once."""
    store = Store(Config(buffer_cap=0))
    store.order("a")
    assert store.endings() == {1: "warehouse pipe backpressure overflow"}


def test_unanswered_commands_come_back_to_the_front() -> None:
    """FACTS R-17, R-30: A fails in flight while B and C are buffered, and the order is A, B, C."""
    store = Store()
    warehouse = store.join_peer("warehouse")
    store.order("a")
    store.close(warehouse)
    store.order("b", "c")
    assert buffer_of(store) == (1, 2, 3)
    store.join_peer("warehouse")
    assert orders_in(store.last) == ["a", "b", "c"]
    assert [d.redelivery for d in sent(store.last)] == [True, False, False]


def test_an_older_connection_brings_its_commands_to_the_front() -> None:
    """FACTS R-30: what an older connection leaves is older than what waits, whenever it ends."""
    store = Store()
    first = store.join_peer("warehouse")
    store.order("a", "b")
    second = store.join_peer("warehouse")
    store.order("c")
    store.close(second)
    store.order("d")
    assert buffer_of(store) == (3, 4)
    store.close(first)
    assert buffer_of(store) == (1, 2, 3, 4)


def test_the_bound_holds_for_commands_that_come_back() -> None:
    """FACTS R-29: commands that come back fill the buffer to its bound; the oldest fail."""
    store = Store(SMALL)
    warehouse = store.join_peer("warehouse")
    store.order(*"abcde")
    effects = store.close(warehouse)
    assert buffer_of(store) == (3, 4, 5)
    assert emitted(effects) == [
        SagaFailed(1, "warehouse pipe backpressure overflow", 6),
        SagaFailed(2, "warehouse pipe backpressure overflow", 7),
    ]


def test_the_bound_holds_when_waiting_commands_meet_returning_ones() -> None:
    """FACTS R-29: whether it waited or came back, the oldest beyond the bound is dropped."""
    store = Store(SMALL)
    first = store.join_peer("warehouse")
    store.order("a")
    second = store.join_peer("warehouse")
    store.order("b")
    store.close(second)
    store.order("c", "d")
    assert buffer_of(store) == (2, 3, 4)
    store.close(first)
    assert buffer_of(store) == (2, 3, 4)
    assert list(store.endings()) == [1]


def test_a_waiting_command_can_be_older_than_a_returning_one() -> None:
    """FACTS R-29, R-30: a command that waits again may be the oldest, and is dropped as such."""
    store = Store(Config(buffer_cap=1))
    first = store.join_peer("warehouse")
    store.order("a")
    second = store.join_peer("warehouse")
    store.order("b")
    third = store.join_peer("warehouse")
    store.close(first)
    assert orders_in(store.last) == ["a"]
    store.close(third)
    assert buffer_of(store) == (1,)
    store.close(second)
    assert buffer_of(store) == (2,)
    assert list(store.endings()) == [1]


def test_a_stale_end_leaves_the_successor_alone() -> None:
    """FACTS R-24: the end of an older connection never disconnects the newer one."""
    store = Store()
    first = store.join_peer("warehouse")
    second = store.join_peer("warehouse")
    store.close(first)
    assert store.state.links["warehouse"] == Link(second)
    store.order("a")
    assert [d.connection for d in sent(store.last)] == [second]


def test_the_commands_of_an_older_connection_move_when_it_ends() -> None:
    """FACTS F-26, R-17: unanswered commands of an older connection go to the newest at once."""
    store = Store()
    first = store.join_peer("warehouse")
    store.order("a", "b")
    second = store.join_peer("warehouse")
    assert sent(store.last) == []
    store.close(first)
    assert sent(store.last) == [
        Dispatch("warehouse", second, Do("reserve", name, saga_id), redelivery=True)
        for saga_id, name in ((1, "a"), (2, "b"))
    ]


def test_an_older_connection_is_not_fallen_back_to() -> None:
    """DESIGN 7: when the newest connection ends first, commands wait, though an older one lives."""
    store = Store()
    first = store.join_peer("warehouse")
    second = store.join_peer("warehouse")
    store.close(second)
    store.order("a")
    assert store.state.links["warehouse"] == Link(None, (first,), (1,))


def test_an_older_connection_may_still_answer() -> None:
    """FACTS 5.5: an answer counts by its id, not by the connection that it came over."""
    store = Store()
    store.join_peer("warehouse")
    store.order("a")
    (reserve,) = sent(store.last)
    store.join_peer("warehouse")
    store.answer(reserve)
    assert store.rows.sagas[1].steps[0].state == "succeeded"


def test_answered_commands_stay_where_they_are() -> None:
    """FACTS R-17: only what is unanswered is sent again."""
    store = Store()
    warehouse = store.join_peer("warehouse")
    store.order("a", "b")
    store.did("reserve", 1)
    store.close(warehouse)
    assert buffer_of(store) == (2,)


def test_links_don_t_mix() -> None:
    """DESIGN 4: each peer has its own connection and its own buffer."""
    store = Store()
    warehouse, bank = store.join_peer("warehouse"), store.join_peer("bank")
    store.order("a", "b")
    store.did("reserve", 1)
    store.close(bank)
    assert store.state.links["bank"] == Link(None, (), (1,))
    assert store.state.links["warehouse"] == Link(warehouse)


def test_one_connection_can_serve_two_links() -> None:
    """DESIGN 4: when it ends, each link takes back its own commands, and none of the other's."""
    store = Store()
    shared = store.join_peer("warehouse")
    store.give(CommandReceived(shared, Join("bank")))
    store.order("a", "b")
    store.did("reserve", 2)
    store.close(shared)
    assert buffer_of(store) == (1,)
    assert store.state.links["bank"].buffer == (2,)


def test_a_failed_send_ends_the_connection_and_keeps_the_saga() -> None:
    """FACTS F-32, R-25, R-33: the command waits for the next connection, and completes once."""
    store = Store()
    warehouse = store.join_peer("warehouse")
    store.order("a")
    (reserve,) = sent(store.last)
    effects = store.give(SendFailed(warehouse, reserve.command))
    assert effects[-1] == CloseConnection(warehouse, "a command could not be sent")
    assert buffer_of(store) == (1,)
    store.ignores(SendFailed(warehouse, reserve.command))
    store.join_peer("warehouse")
    assert [d.redelivery for d in sent(store.last)] == [True]


def test_a_drain_that_fails_halfway_keeps_the_rest_in_order() -> None:
    """FACTS R-25: the second of three frames fails: the link is gone, nothing is lost."""
    store = Store()
    store.order("a", "b", "c")
    warehouse = store.join_peer("warehouse")
    store.give(SendFailed(warehouse, sent(store.last)[1].command))
    assert store.state.links["warehouse"] == Link(None, (), (1, 2, 3))


def test_a_failed_send_on_an_older_connection_spares_the_newest() -> None:
    """FACTS F-25, F-26: the late failure of an old write moves its commands to the newer link."""
    store = Store()
    first = store.join_peer("warehouse")
    store.order("a")
    (reserve,) = sent(store.last)
    second = store.join_peer("warehouse")
    store.give(SendFailed(first, reserve.command))
    assert store.state.links["warehouse"] == Link(second)
    assert [d.connection for d in sent(store.last)] == [second]


@pytest.mark.parametrize("command", [Do("reserve", "a", 9), Do("pay", "a", 1), Do("reserve", "a")])
def test_a_failed_send_of_something_else_changes_nothing(command: Do) -> None:
    """FACTS R-28, R-34: only what is unanswered on that very connection counts; id 0 is nobody."""
    store = Store()
    warehouse = store.join_peer("warehouse")
    store.order("a")
    store.ignores(SendFailed(warehouse, command), SendFailed(99, Do("reserve", "a", 1)))


def test_a_peer_without_answers_holds_up_nobody_else() -> None:
    """FACTS R-04: one unanswered command neither stops other sagas nor their answers."""
    store = Store()
    store.join_peers()
    store.order("stuck", "b")
    store.did("reserve", 2)
    store.did("pay", 2)
    store.did("ship", 2)
    assert store.endings() == {2: "completed"}
    assert store.in_flight == [1]
    assert opened_ids(store.last) == []
