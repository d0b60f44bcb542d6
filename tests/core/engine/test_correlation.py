"""Who an event is for: its own saga, nobody, or those it starts (FACTS F-19, F-38)."""

from tests.core.engine.order_app import Did, Fulfil, Placed
from tests.core.engine.store import Store
from tests.core.harness import emitted, opened_ids, sent

from saga_core.engine import BusEvent, Saga, SagaActionFailed, SagaCompleted, SagaStarted


def two_orders() -> Store:
    """A shop with two orders in their first step."""
    store = Store()
    store.join_peers()
    assert store.order("a", "b") == [1, 2]
    return store


def test_answers_in_reverse_order_complete_both() -> None:
    """FACTS F-19: two sagas of one kind, answered the other way round, both complete."""
    store = two_orders()
    for work in ("reserve", "pay", "ship"):
        store.did(work, 2)
        store.did(work, 1)
    assert store.endings() == {2: "completed", 1: "completed"}


def test_an_answer_moves_its_own_saga_alone() -> None:
    """FACTS F-38: an event with an id goes to that saga; the others don't even see it."""
    store = two_orders()
    before = store.state.sagas[1]
    store.did("reserve", 2)
    assert store.state.sagas[1] is before
    assert store.state.sagas[2].next_step_index == 2


def test_a_failure_report_ends_its_own_saga_alone() -> None:
    """FACTS F-19, F-38: no saga is ever failed, gated or evicted for another's sake."""
    store = two_orders()
    store.give(SagaActionFailed(2, "no", 0))
    assert store.endings() == {2: "warehouse action failed: no"}
    assert store.in_flight == [1]


def test_an_organic_report_answers_nobody() -> None:
    """FACTS F-38: an event without an id is no answer, whatever work it tells of."""
    store = two_orders()
    store.ignores(Did("reserve", "a"), Did("reserve", "b", 0))


def test_an_answer_in_the_wrong_phase_is_ignored() -> None:
    """FACTS R-14: strict order: what comes too early is not remembered, and no row changes."""
    store = two_orders()
    store.ignores(Did("ship", "a", 1), Did("pay", "a", 1))
    store.did("reserve", 1)
    store.did("pay", 1)
    assert store.in_flight == [1, 2]


def test_equal_triggers_start_sagas_of_their_own() -> None:
    """FACTS R-15: the same trigger twice is two sagas with two ids, and both complete."""
    store = Store()
    store.join_peers()
    for _ in range(2):
        store.answer_all(store.give(Placed("a")))
    assert store.endings() == {1: "completed", 2: "completed"}


def test_one_event_can_start_several_sagas() -> None:
    """DESIGN 4: the sagas of one trigger open one after the other, each with its whole bracket."""

    def two(event: BusEvent) -> tuple[Saga, ...]:
        return (Fulfil(event.order), Fulfil(event.order)) if isinstance(event, Placed) else ()

    store = Store(opens=two)
    store.join_peers()
    effects = store.give(Placed("a"))
    assert opened_ids(effects) == [1, 2]
    assert len(sent(effects)) == 2


def test_the_brackets_of_a_burst_pair_up() -> None:
    """FACTS F-38, R-05: of a burst no trigger and no answer is lost, and nobody is evicted."""
    store = Store()
    store.join_peers()
    store.order(*(str(number) for number in range(50)))
    for work in ("reserve", "pay", "ship"):
        for saga_id in range(50, 0, -1):
            store.did(work, saga_id)
    assert sorted(store.endings()) == list(range(1, 51))
    assert set(store.endings().values()) == {"completed"}
    assert len([e for e in store.bus if isinstance(e, SagaStarted)]) == 50


def test_an_event_from_elsewhere_is_not_emitted_again() -> None:
    """DESIGN 4: a bus event that comes in was published by its producer already."""
    store = Store()
    assert emitted(store.give(Placed("a"))) == [SagaStarted(1, "fulfil", 1)]
    assert emitted(store.did("reserve", 1)) == []


def test_versions_are_bus_order() -> None:
    """FACTS R-56, I5: each event that goes out has the number after the one before."""
    store = Store()
    store.join_peers()
    customer = store.open()
    store.answer_all(store.place(customer, "a"))
    numbers = [getattr(event, "version", None) for event in store.bus]
    assert numbers == list(range(1, len(store.bus) + 1))
    assert isinstance(store.bus[-1], SagaCompleted)
