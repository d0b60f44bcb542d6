"""A buffer that is full loses its oldest commands, and no others (DESIGN 4, I7; FACTS R-01)."""

import pytest
from msgspec.structs import replace
from tests.core.engine.order_app import Books, Did, Placed
from tests.core.engine.store import Store
from tests.core.engine.test_invariants import broken, ended

from saga_core.engine import Config, ConnectionClosed, Effect, Event, Link, State, links

OVERFLOW = "warehouse pipe backpressure overflow"
ROOM = "I7: sagas {} are pushed out of the buffer of warehouse, which has room"
OLDER = "I7: saga {} is pushed out of the buffer of warehouse, which keeps an older command"


def waiting(cap: int, orders: int) -> Store:
    """A shop in which the commands of so many orders wait for the warehouse."""
    store = Store(Config(buffer_cap=cap))
    for number in range(orders):
        store.order(f"order {number}")
    return store


def without(
    state: State[Books], *saga_ids: int, buffer: tuple[int, ...]
) -> tuple[State[Books], tuple[Effect, ...]]:
    """The state in which these sagas were pushed out and `buffer` is left, and what tells so."""
    effects: tuple[Effect, ...] = ()
    version = state.counters.version
    for saga_id in saga_ids:
        version += 1
        effects += ended(saga_id, OVERFLOW, version)
        state = replace(state, sagas=state.sagas.remove(saga_id))
    counters = replace(state.counters, version=version)
    kept = state.links.set("warehouse", Link(buffer=buffer))
    return replace(state, links=kept, counters=counters), effects


@pytest.mark.parametrize("cap", [0, 1, 2, 3])
def test_a_command_goes_where_there_is_no_room(cap: int) -> None:
    """FACTS R-01, R-29: the reducer pushes out what it must, of whatever was issued first."""
    store, event = waiting(cap, 2), Placed("next")
    after, effects = store.reducer.step(store.state, event)
    assert (OVERFLOW in str(effects)) == (cap < 3)
    assert broken(store, *effects, event=event, after=after) == []


@pytest.mark.parametrize(
    ("cap", "dropped", "kept", "promise"),
    [
        (2, (1,), (2, 3), None),
        (3, (1,), (2, 3), ROOM.format("[1]")),
        (2, (1, 2), (3,), ROOM.format("[1, 2]")),
        (2, (2,), (1, 3), OLDER.format(2)),
        (2, (3,), (1, 2), OLDER.format(3)),
    ],
)
def test_only_the_oldest_are_pushed_out_of_a_full_buffer(
    cap: int, dropped: tuple[int, ...], kept: tuple[int, ...], promise: str | None
) -> None:
    """FACTS R-01, R-29: who goes though there is room, or though older ones stay, is noticed."""
    store, event = waiting(cap, 2), Placed("next")
    roomy = store.reducer.step(replace(store.state, config=Config(buffer_cap=9)), event)
    opened = replace(roomy[0], config=store.state.config)
    after, effects = without(opened, *dropped, buffer=kept)
    found = broken(store, *roomy[1], *effects, event=event, after=after)
    assert found == ([promise] if promise else [])


def test_what_leaves_a_full_buffer_otherwise_made_no_room() -> None:
    """DESIGN 4: a step may push a command out, and bring the answer to its successor besides."""
    store, event = waiting(1, 1), Placed("next")
    pushed, effects = store.reducer.step(store.state, event)
    after, more = store.reducer.step(pushed, Did("reserve", "next", 2))
    assert after.links["warehouse"].buffer == ()
    assert broken(store, *effects, *more, event=event, after=after) == []
    lost = replace(after, links=after.links.set("warehouse", Link()), config=Config(buffer_cap=2))
    assert ROOM.format("[1]") in broken(store, *effects, *more, event=event, after=lost)


def test_what_comes_back_is_older_than_what_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """FACTS R-17, R-29: where unanswered commands come back to no room, the oldest of all go."""
    store = Store(Config(buffer_cap=1))
    connection = store.join_peer("warehouse")
    store.order("a")
    store.order("b")
    event: Event = ConnectionClosed(connection)
    after, effects = store.reducer.step(store.state, event)
    assert after.links["warehouse"].buffer == (2,)
    assert broken(store, *effects, event=event, after=after) == []
    original = links._in_order
    monkeypatch.setattr(links, "_in_order", lambda turn, ids: original(turn, ids)[::-1])
    after, effects = store.reducer.step(store.state, event)
    assert OLDER.format(2) in broken(store, *effects, event=event, after=after)
