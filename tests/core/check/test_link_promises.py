"""Which connections a link may know, and when a command may leave its own."""

import pytest
from msgspec.structs import replace
from tests.core.engine.order_app import SHOP, Books, Do
from tests.core.engine.store import Store

from saga_core.check.promises.links import left_too_early, link_holds
from saga_core.check.promises.steps import broken_by, implied_history, unheard
from saga_core.engine import (
    CloseConnection,
    ConnectionClosed,
    Dispatch,
    Effect,
    Event,
    Link,
    LogRecovered,
    SendFailed,
    State,
    Violation,
)

ASKED = Do("reserve", "b", 2)


@pytest.mark.parametrize(
    ("old", "new", "ended", "sentence"),
    [
        (Link(), Link(1), (), None),
        (Link(1), Link(2, (1,)), (), None),
        (Link(2, (1,)), Link(None, (1,)), (2,), None),
        (Link(2, (1,)), Link(2), (1,), None),
        (Link(None, (1,)), Link(2, (1,)), (), None),
        (Link(1), Link(2), (1,), None),
        (Link(1), Link(1), (1,), "host knows connection 1, which ended"),
        (Link(1), Link(None, (1,)), (1,), "host knows connection 1, which ended"),
        (Link(2, (1,)), Link(2, (1,)), (1,), "host knows connection 1, which ended"),
        (Link(), Link(1, (1,)), (), "host knows a connection twice: (1, 1)"),
        (Link(1), Link(), (), "host forgets connection 1, which lives"),
        (Link(2, (1,)), Link(3, (2,)), (), "host forgets connection 1, which lives"),
        (Link(2, (1,)), Link(1), (2,), "host falls back to older connection 1"),
        (Link(1), Link(None, (1,)), (), "host gives up connection 1, which lives"),
    ],
)
def test_a_link_knows_what_lives(
    old: Link, new: Link, ended: tuple[int, ...], sentence: str | None
) -> None:
    """FACTS R-24: a link knows each connection that lives once, and none that ended."""
    found = next(link_holds("host", old, new, ended), None)
    assert found == (Violation("dispatch", sentence) if sentence else None)


def shop() -> Store:
    """A warehouse that came twice: saga 1 went over the first connection, 2 over the second."""
    store = Store()
    for name in ("a", "b"):
        store.join_peer("warehouse")
        store.order(name)
    return store


def judged(
    store: Store, event: Event, after: State[Books], effects: tuple[Effect, ...]
) -> Violation | None:
    """What is wrong with a step."""
    told = implied_history(store.state)
    return broken_by(SHOP.application, told, store.state, event, after, effects)


def test_a_connection_that_is_hung_up_has_to_go() -> None:
    """FACTS R-25: whoever ends a connection takes it from its link in the same step."""
    store = shop()
    kept = CloseConnection(1, "no")
    assert judged(store, LogRecovered(0, 0), store.state, (kept,)) == Violation(
        "dispatch", "warehouse knows connection 1, which ended"
    )
    event = SendFailed(1, Do("reserve", "a", 1))
    after, effects = store.reducer.step(store.state, event)
    assert any(isinstance(effect, CloseConnection) for effect in effects)
    assert judged(store, event, after, effects) is None


def test_a_connection_that_ended_has_to_go() -> None:
    """FACTS R-17: the end of a connection that a link knows does something; any other may not."""
    store, event = shop(), ConnectionClosed(2)
    found = Violation("dispatch", "warehouse knows connection 2, which ended")
    assert unheard(store.state, event) == found
    assert unheard(store.state, ConnectionClosed(7)) is None
    twin = replace(store.state, log_degraded=False)
    assert judged(store, event, twin, ()) == found
    after, effects = store.reducer.step(store.state, event)
    assert judged(store, event, after, effects) is None


@pytest.mark.parametrize(
    ("connection", "known", "sent", "early"),
    [
        (2, Link(2, (1,)), True, True),
        (2, Link(2), True, False),
        (1, Link(2, (1,)), True, True),
        (1, Link(2, (1,)), False, False),
        (None, Link(None, (1,)), False, True),
        (None, Link(), False, False),
    ],
)
def test_a_command_stays_with_its_connection(
    connection: int | None, known: Link, sent: bool, early: bool
) -> None:
    """FACTS R-17: only what the end of a connection leaves unanswered is sent again, or waits."""
    store = shop()
    before = store.state
    flight = before.sagas[1]
    assert flight.awaiting is not None
    moved = replace(flight, awaiting=replace(flight.awaiting, connection=connection))
    after = replace(
        before, sagas=before.sagas.set(1, moved), links=before.links.set("warehouse", known)
    )
    found = left_too_early(before, after, 1, sent=sent)
    wanted = Violation("dispatch", "saga 1 leaves connection 1, which lives")
    assert found == (wanted if early else None)


def test_whoever_moves_on_leaves_its_connection() -> None:
    """DESIGN 4: the command of a next step, or of a new saga, has left no connection."""
    store = shop()
    flight = store.state.sagas[1]
    assert flight.awaiting is not None
    step = replace(flight.awaiting, step_index=1, connection=2)
    after = replace(store.state, sagas=store.state.sagas.set(1, replace(flight, awaiting=step)))
    assert left_too_early(store.state, after, 1, sent=True) is None
    without = replace(store.state, sagas=store.state.sagas.remove(1))
    assert left_too_early(without, store.state, 1, sent=True) is None
    assert left_too_early(store.state, without, 1, sent=True) is None


def test_what_is_sent_again_over_the_same_connection_is_noticed() -> None:
    """FACTS R-17: a command goes over a connection once, whatever became of its entry."""
    store = shop()
    again = Dispatch("warehouse", 2, ASKED, redelivery=True)
    assert judged(store, LogRecovered(0, 0), store.state, (again,)) == Violation(
        "dispatch", "saga 2 leaves connection 2, which lives"
    )


def test_what_goes_where_nobody_awaits_it_is_noticed() -> None:
    """FACTS R-24: a command goes over the connection on which its saga awaits the answer."""
    store = shop()
    elsewhere = Dispatch("warehouse", 1, ASKED)
    found = judged(store, LogRecovered(0, 0), store.state, (elsewhere,))
    assert found == Violation(
        "dispatch", f"{ASKED} went to warehouse, and no saga in flight awaits it there"
    )
