"""Each promise of DESIGN 4, broken by hand: the predicate that guards it must notice."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace
from tests.core.engine.order_app import SHOP, Books, Did, Do, Join, Placed
from tests.core.engine.store import Store
from tests.core.harness import of

from saga_core.engine import (
    ArmTimer,
    CancelTimer,
    CommandReceived,
    Config,
    Dispatch,
    Effect,
    Emit,
    Event,
    FrameExpiry,
    Link,
    LogRecovered,
    RecoveryRequested,
    SagaActionFailed,
    SagaClosed,
    SagaCompleted,
    SagaDeadline,
    SagaFailed,
    SagaOpened,
    SagaStarted,
    State,
    StepFailed,
    StepOpened,
    StepSucceeded,
    TimerFired,
    UnresolvedSaga,
    Violation,
    WriteLog,
    observe,
)

EVENT = LogRecovered(0, 0)
RESERVE = Do("reserve", "a", 1)
DEADLINE = SagaDeadline(1)


def one_order() -> Store:
    """A shop with saga 1 in flight, its first step pending, version 1 on the bus."""
    store = Store(Config(buffer_cap=2))
    store.order("a")
    return store


def broken(
    store: Store,
    *effects: Effect,
    event: Event = EVENT,
    after: State[Books] | None = None,
) -> list[str]:
    """What `observe` says of a step from the store's state that did this."""
    state = store.state
    application = SHOP.application
    end = state if after is None else after
    _, violations = observe(application, store.history, state, event, end, effects)
    return [f"{violation.invariant}: {violation.sentence}" for violation in violations]


def written(*steps: str) -> tuple[Effect, ...]:
    """Parts of a saga 2's life, by name."""
    parts: dict[str, Effect] = {
        "row": WriteLog(SagaOpened(2, "fulfil", "null")),
        "bracket": Emit(SagaStarted(2, "fulfil", 2)),
        "deadline": ArmTimer(SagaDeadline(2), 5.0),
        "step": WriteLog(StepOpened(2, 0, "s", "warehouse", Do("reserve", "b", 2))),
        "send": Dispatch("warehouse", 1, Do("reserve", "b", 2)),
        "close": WriteLog(SagaClosed(2, "completed", None)),
        "disarm": CancelTimer(SagaDeadline(2)),
    }
    return tuple(parts[step] for step in steps)


def test_a_sound_step_breaks_nothing() -> None:
    """DESIGN 4: the predicates are silent on what the reducer really does."""
    store = one_order()
    assert broken(store) == []
    state, effects = store.reducer.step(store.state, Placed("b"))
    assert broken(store, *effects, event=Placed("b"), after=state) == []


@pytest.mark.parametrize(
    ("effects", "promise"),
    [
        ((WriteLog(StepOpened(9, 0, "s", "bank", RESERVE)),), "I1: a step opens under saga 9"),
        ((WriteLog(SagaClosed(9, "completed", None)),), "I1: the row of saga 9 closes, but"),
        ((Emit(SagaStarted(1, "fulfil", 2)),), "I1: saga 1 is announced a second time"),
        ((Emit(SagaCompleted(9, 2)),), "I1: saga 9 ends on the bus, but is not open there"),
        ((Emit(SagaStarted(9, "fulfil", 2)),), "I3: saga 9 is announced before its row"),
        ((Emit(SagaCompleted(1, 2)),), "I3: saga 1 ends on the bus before its row closes"),
        ((Dispatch("bank", 1, Do("pay", "a", 9)),), "I2: saga 9 ended, yet goes to bank 1"),
        ((Dispatch("bank", 1, Do("pay", "a", 0)),), "I2: a command goes to bank 1 without its"),
        ((WriteLog(StepOpened(1, 1, "s", "bank", RESERVE)),), "I4: saga 1 opens step 1 after"),
        ((WriteLog(StepFailed(1, 4, "no")),), "I4: saga 1 ends step 4, which is not pending"),
        ((WriteLog(StepFailed(9, 0, "no")),), "I4: saga 9 ends step 0, which is not pending"),
        ((WriteLog(SagaClosed(1, "failed", "no")),), "I4: saga 1 closes over a pending step"),
        ((Emit(Placed("b", 3)),), "I5: version 3 follows 1"),
        ((Emit(Placed("b", 1)),), "I5: version 1 follows 1"),
        ((ArmTimer(SagaDeadline(9), 5.0),), "I6: a deadline for saga 9, which is not open"),
        ((CancelTimer(SagaDeadline(9)),), "I6: a deadline for saga 9, which is not open"),
        ((CancelTimer(DEADLINE),), "I6: in flight [1], open rows [1], deadlines armed []"),
        ((ArmTimer(DEADLINE, 5.0),), "I6: the deadline of saga 1 is armed a second time"),
        (written("row"), "I6: in flight [1], open rows [1, 2], deadlines armed [1]"),
        ((WriteLog(SagaOpened(1, "fulfil", "null")),), "I9: saga id 1 was used before"),
    ],
)
def test_one_wrong_effect_is_noticed(effects: tuple[Effect, ...], promise: str) -> None:
    """DESIGN 4, I1 to I6 and I9: each wrong effect breaks the promise that is about it."""
    found = broken(one_order(), *effects)
    assert any(sentence.startswith(promise) for sentence in found), found


@pytest.mark.parametrize(
    "steps",
    [
        ("row", "bracket", "step", "send", "deadline"),
        ("row", "deadline", "step", "send", "bracket"),
        ("row", "bracket", "deadline", "send", "step"),
    ],
)
def test_a_command_ahead_of_its_row_bracket_or_deadline_is_noticed(steps: tuple[str, ...]) -> None:
    """DESIGN 4, I3; FACTS R-03: what a dispatch relies on stands before it."""
    sentence = "I3: saga 2 goes to warehouse 1 before its row, bracket or deadline"
    assert sentence in broken(one_order(), *written(*steps))
    assert sentence not in broken(
        one_order(), *written("row", "bracket", "deadline", "step", "send")
    )


def test_two_terminals_are_noticed() -> None:
    """DESIGN 4, I1: a second terminal in one step, and one in a later step."""
    store = one_order()
    state, effects = store.reducer.step(store.state, TimerFired(DEADLINE))
    again = Emit(SagaFailed(1, "saga timeout", 3))
    first_step = broken(store, *effects, again, after=state, event=TimerFired(DEADLINE))
    assert first_step == ["I1: saga 1 ends on the bus, but is not open there"]
    store.deadline(1)
    assert broken(store, again) == ["I1: saga 1 ends on the bus, but is not open there"]


def test_a_second_closing_of_the_row_is_noticed() -> None:
    """DESIGN 4, I1: the row closes once, and no step opens under a closed row."""
    step, dispatch = written("step", "send")
    found = broken(one_order(), *written("row", "close", "close"), step, dispatch)
    assert "I1: the row of saga 2 closes, but is not open" in found
    assert "I1: a step opens under saga 2, which is not open" in found
    assert "I2: saga 2 ended, yet goes to warehouse 1" in found


@pytest.mark.parametrize(
    ("row", "bracket"),
    [
        (SagaClosed(1, "completed", None), SagaFailed(1, "no", 2)),
        (SagaClosed(1, "failed", "no"), SagaFailed(1, "yes", 2)),
        (SagaClosed(1, "failed", "no"), SagaCompleted(1, 2)),
        (SagaClosed(1, "failed", "no"), None),
    ],
)
def test_a_log_and_a_bus_that_differ_are_noticed(
    row: SagaClosed, bracket: SagaCompleted | SagaFailed | None
) -> None:
    """DESIGN 4, I1: both tell the same story, or the step is wrong."""
    told = (Emit(bracket),) if bracket is not None else ()
    step = WriteLog(StepSucceeded(1, 0, Did("reserve", "a", 1)))
    found = broken(one_order(), step, WriteLog(row), CancelTimer(DEADLINE), *told)
    assert any(sentence.startswith("I1: log and bus differ on saga 1") for sentence in found)


def test_a_deadline_that_outlives_its_saga_is_noticed() -> None:
    """DESIGN 4, I6: an ended saga has no timer."""
    store = one_order()
    state, effects = store.reducer.step(store.state, TimerFired(DEADLINE))
    kept = tuple(effect for effect in effects if effect != CancelTimer(DEADLINE))
    assert broken(store, *kept, event=TimerFired(DEADLINE), after=state) == [
        "I6: saga 1 ended with its deadline armed"
    ]


@pytest.mark.parametrize("orders", [2, 3, 40])
def test_what_no_effect_names_is_noticed(orders: int) -> None:
    """DESIGN 4, I6: a saga that another one's step drops or adds in silence is in no story."""
    store = Store(Config(buffer_cap=orders))
    for number in range(orders):
        store.order(f"order {number}")
    event = TimerFired(DEADLINE)
    state, effects = store.reducer.step(store.state, event)
    assert broken(store, *effects, event=event, after=state) == []
    left = list(range(2, orders + 1))
    lost = replace(state, sagas=state.sagas.remove(2))
    found = f"I6: in flight {left[1:]}, open rows {left}, deadlines armed {left}"
    assert found in broken(store, *effects, event=event, after=lost)
    more = replace(state, sagas=state.sagas.set(2_000, state.sagas[2]))
    found = f"I6: in flight {[*left, 2_000]}, open rows {left}, deadlines armed {left}"
    assert broken(store, *effects, event=event, after=more) == [found]


def with_link(store: Store, link: Link) -> State[Books]:
    """The store's state with another link to the warehouse."""
    return replace(store.state, links=store.state.links.set("warehouse", link))


@pytest.mark.parametrize(
    ("link", "promise"),
    [
        (Link(buffer=(1, 2, 3)), "I7: 3 commands wait for warehouse, over 2"),
        (Link(buffer=(2, 1)), "I7: the buffer of warehouse is out of order: (2, 1)"),
        (Link(connection=7, buffer=(1,)), "I7: warehouse is connected, yet commands wait: (1,)"),
        (Link(buffer=(1, 9)), "I2: ended sagas wait for warehouse: (1, 9)"),
    ],
)
def test_a_wrong_buffer_is_noticed(link: Link, promise: str) -> None:
    """DESIGN 4, I2 and I7: a buffer is bounded, in order, of sagas in flight, and of the absent."""
    store = one_order()
    store.order("b")
    assert promise in broken(store, after=with_link(store, link))


def test_a_saga_without_a_command_in_a_buffer_is_noticed() -> None:
    """DESIGN 4, I2: a buffer holds sagas that await an answer, and no others."""
    store = one_order()
    flight = replace(store.state.sagas[1], awaiting=None)
    after = replace(store.state, sagas=store.state.sagas.set(1, flight))
    assert broken(store, after=after) == ["I2: ended sagas wait for warehouse: (1,)"]


@pytest.mark.parametrize(
    "event",
    [
        TimerFired(SagaDeadline(9)),
        TimerFired(FrameExpiry(9, 1)),
        SagaActionFailed(9, "no", 0),
        Did("reserve", "a", 9),
    ],
)
def test_a_foreign_id_that_changes_something_is_noticed(event: Event) -> None:
    """DESIGN 4, I8: an unknown id returns the very same state and no effects."""
    store = one_order()
    twin = replace(store.state, stopping=False)
    promise = f"I8: {type(event).__name__} of unknown saga 9 changed something"
    assert broken(store, event=event, after=twin) == [promise]
    assert broken(store, Emit(Placed("b", 2)), event=event) == [promise]
    assert broken(store, event=event) == []


def two_orders(cap: int = 2) -> Store:
    """A shop with sagas 1 and 2 in flight, both at the warehouse, which is connected."""
    store = Store(Config(buffer_cap=cap))
    store.join_peer("warehouse")
    store.order("a")
    store.order("b")
    return store


def ended(saga_id: int, reason: str, version: int) -> tuple[Effect, ...]:
    """The effects of a saga that fails."""
    return (
        WriteLog(StepFailed(saga_id, 0, reason)),
        WriteLog(SagaClosed(saga_id, "failed", reason)),
        CancelTimer(SagaDeadline(saga_id)),
        Emit(SagaFailed(saga_id, reason, version)),
    )


@pytest.mark.parametrize(
    "event", [TimerFired(DEADLINE), Did("reserve", "a", 1), SagaActionFailed(1, "no", 0)]
)
def test_a_saga_that_ends_by_what_concerns_another_is_noticed(event: Event) -> None:
    """DESIGN 4, I8; FACTS F-19, R-10: one saga's timer, answer or failure ends no other."""
    store = two_orders()
    state, effects = store.reducer.step(store.state, event)
    assert broken(store, *effects, event=event, after=state) == []
    version = state.counters.version + 1
    counters = replace(state.counters, version=version)
    after = replace(state, sagas=state.sagas.remove(2), counters=counters)
    more = ended(2, "no", version)
    assert broken(store, *effects, *more, event=event, after=after) == [
        "I8: saga 2 ends by a step that does not concern it"
    ]


def test_a_saga_that_moves_on_by_what_concerns_another_is_noticed() -> None:
    """DESIGN 4, I8; FACTS F-38: an answer goes to the saga whose id it carries, and no other."""
    store, event = two_orders(), TimerFired(DEADLINE)
    state, effects = store.reducer.step(store.state, event)
    other = state.sagas[2]
    moved = replace(state, sagas=state.sagas.set(2, replace(other, saga=None)))
    found = "I8: saga 2 moves on by a step that does not concern it"
    assert broken(store, *effects, event=event, after=moved) == [found]
    same = replace(state, sagas=state.sagas.set(2, replace(other)))
    assert broken(store, *effects, event=event, after=same) == []


@pytest.mark.parametrize(
    ("sent", "promise"),
    [
        (lambda sent: sent[::-1], "I7: saga 1 is sent after a newer command"),
        (lambda sent: (*sent, sent[1]), "I7: saga 2 is sent twice in one step"),
        (lambda sent: sent[:1], "I7: the command of saga 2 vanished from its buffer"),
    ],
)
def test_a_wrong_drain_is_noticed(
    sent: Callable[[tuple[Effect, ...]], tuple[Effect, ...]], promise: str
) -> None:
    """DESIGN 4, I7: what waited goes out in its order, each command once, none of it lost."""
    store = Store(Config(buffer_cap=2))
    store.order("a")
    store.order("b")
    connection = store.open()
    event = CommandReceived(connection, Join("warehouse"))
    state, effects = store.reducer.step(store.state, event)
    drained = tuple(of(Dispatch, effects))
    rest = tuple(effect for effect in effects if not isinstance(effect, Dispatch))
    assert len(drained) == 2
    assert broken(store, *rest, *drained, event=event, after=state) == []
    assert broken(store, *rest, *sent(drained), event=event, after=state) == [promise]


def test_an_id_below_an_earlier_runs_is_noticed() -> None:
    """DESIGN 4, I9; FACTS R-18, R-41: ids are never used again, across restarts too."""
    store = Store()
    store.give(RecoveryRequested(8))
    assert "I9: saga id 2 was used before: the highest is 7" in broken(store, *written("row"))


def test_rows_of_a_dead_run_have_to_be_resolved() -> None:
    """DESIGN 4, I1 and I4: a recovery that leaves a row or its steps open is noticed."""
    store = Store()
    event = RecoveryRequested(8, (UnresolvedSaga(7, "fulfil", "running", (1,)),))
    assert broken(store, event=event) == ["I6: in flight [], open rows [7], deadlines armed []"]
    closed = WriteLog(SagaClosed(7, "failed_compensation", "died"))
    ended = Emit(SagaFailed(7, "died", 1))
    assert broken(store, closed, ended, event=event) == [
        "I4: saga 7 closes over a pending step: ('succeeded', 'pending')"
    ]
    step = WriteLog(StepFailed(7, 1, "died"))
    assert broken(store, step, closed, ended, event=event) == []


def test_a_new_run_counts_its_versions_anew() -> None:
    """FACTS 6.3: versions begin at 1 in each run; the history follows."""
    store = one_order()
    assert store.history.version == 1
    history, violations = observe(
        SHOP.application, store.history, SHOP.initial_state(), RecoveryRequested(5),
        SHOP.initial_state(), (),
    )  # fmt: skip
    assert violations == ()
    assert (history.version, history.highest_id) == (0, 4)


def test_a_violation_says_which_promise_and_how() -> None:
    """DESIGN 4: a violation is a value with the promise's name and one sentence."""
    store = one_order()
    _, found = observe(
        SHOP.application, store.history, store.state, EVENT, store.state, (CancelTimer(DEADLINE),)
    )
    assert of(Violation, found) == [
        Violation("I6", "in flight [1], open rows [1], deadlines armed []")
    ]
