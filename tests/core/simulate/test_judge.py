"""The judge of a simulation sees each broken promise at once, and agrees with the checker's."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace
from pyrsistent import pmap
from tests.core.check.quiet_mutants import unanswered_of_all_connections
from tests.core.simulate.worlds import CONNECT, RESPAWN, world

from saga_core.agentmux.commands import ReportPoolWindowAdded, SpawnPoolWindow
from saga_core.check.agentmux import SCENARIO
from saga_core.check.promises.steps import broken_by, implied_history
from saga_core.engine import (
    ArmTimer,
    CancelTimer,
    CloseConnection,
    CommandReceived,
    ConnectionClosed,
    Counters,
    Dispatch,
    Effect,
    Emit,
    Event,
    FrameExpiry,
    Link,
    LogCommitFailed,
    Reducer,
    SagaClosed,
    SagaCompleted,
    SagaDeadline,
    SagaFailed,
    SagaOpened,
    SagaStarted,
    State,
    StepSucceeded,
    TimerFired,
    WriteLog,
    reducer,
)
from saga_core.simulate import Plan, simulate
from saga_core.simulate.judge import Judge
from saga_core.simulate.moves import Move
from saga_core.simulate.outside import Left

Effects = tuple[Effect, ...]
Tamper = Callable[[Effects], Effects]

OPENS = SCENARIO.triggers["pool_respawn_on_promote"]
ANSWERS = CommandReceived(1, ReportPoolWindowAdded("", 1))
DROPS = ConnectionClosed(1)


def without(kind: type, of: type | None = None) -> Tamper:
    """The effects of that kind are left out; of log or bus, those about `of`."""

    def about(effect: Effect) -> object:
        return getattr(effect, "record", getattr(effect, "event", None))

    def tamper(effects: Effects) -> Effects:
        return tuple(
            e for e in effects if not isinstance(e, kind) or (of and not isinstance(about(e), of))
        )

    return tamper


def plus(*more: Effect) -> Tamper:
    """More effects come after the others."""
    return lambda effects: (*effects, *more)


def first(effect: Effect) -> Tamper:
    """One more effect comes before the others."""
    return lambda effects: (effect, *effects)


def twice(place: int) -> Tamper:
    """One of the effects happens twice."""
    return lambda effects: (*effects[: place + 1], *effects[place:])


def step(event: Event) -> tuple[Judge, State[Any], State[Any], Effects]:
    """A judge of a run so far, and the next step of it."""
    made = world(CONNECT) if event is OPENS else world(CONNECT, RESPAWN)
    after, effects = made.reducer.step(made.state, event)
    return made.judge, made.state, after, effects


@pytest.mark.parametrize(
    ("event", "tamper", "promise"),
    [
        (OPENS, without(WriteLog, SagaOpened), "I3"),
        (OPENS, without(Emit), "I3"),
        (OPENS, first(ArmTimer(SagaDeadline(1), 1.0)), "I6"),
        (OPENS, twice(0), "I9"),
        (OPENS, plus(Emit(SagaStarted(1, "again", 4))), "I1"),
        (OPENS, twice(3), "I4"),
        (OPENS, plus(ArmTimer(SagaDeadline(1), 5.0)), "I6"),
        (OPENS, plus(WriteLog(SagaClosed(9, "completed", None))), "I1"),
        (OPENS, plus(WriteLog(StepSucceeded(9, 0, SagaCompleted(9, 1)))), "I4"),
        (OPENS, plus(Emit(SagaCompleted(9, 4))), "I1"),
        (OPENS, plus(CancelTimer(SagaDeadline(1))), "I6"),
        (ANSWERS, without(WriteLog, SagaClosed), "I3"),
        (ANSWERS, without(WriteLog, StepSucceeded), "I4"),
        (ANSWERS, without(Emit, SagaCompleted), "I1"),
        (ANSWERS, without(CancelTimer), "I6"),
        (ANSWERS, lambda effects: (*effects[:-1], Emit(SagaFailed(1, "no", 5))), "I1"),
        (ANSWERS, plus(WriteLog(SagaClosed(1, "completed", None))), "I1"),
        (OPENS, plus(Dispatch("host", 1, SpawnPoolWindow(0))), "I2"),
        (DROPS, plus(ArmTimer(FrameExpiry(1, 99), 1.0)), "timers"),
        (DROPS, without(ArmTimer), "timers"),
    ],
)
def test_each_tampering_is_seen(event: Event, tamper: Tamper, promise: str) -> None:
    """DESIGN 4: a step whose effects are not what they should be breaks a promise at once."""
    judge, before, after, effects = step(event)
    assert tamper(effects) != effects
    broken = judge.judge(before, event, after, tamper(effects))
    assert broken is not None
    assert broken.invariant == promise


def test_a_dispatch_and_a_step_need_an_open_saga() -> None:
    """DESIGN 4, I1 and I2: nothing happens to a saga that nobody opened, or that ended."""
    judge, before, after, effects = step(OPENS)
    sent = next(e for e in effects if isinstance(e, Dispatch))
    broken = judge.judge(before, OPENS, after, (sent,))
    assert broken is not None
    assert broken.invariant == "I2"
    judge, before, after, effects = step(OPENS)
    broken = judge.judge(before, OPENS, after, effects[3:4])
    assert broken is not None
    assert broken.invariant == "I1"


@pytest.mark.parametrize(
    ("event", "changed", "promise"),
    [
        (OPENS, lambda before, _: before, "I6"),
        (ANSWERS, lambda before, after: replace(after, sagas=before.sagas), "I6"),
        (OPENS, lambda _, after: replace(after, counters=Counters(3, 1, 9)), "I9"),
        (DROPS, lambda _, after: waiting(after, (7,)), "I2"),
        (DROPS, lambda _, after: waiting(after, ()), "timers"),
        (ANSWERS, lambda _, after: waiting(after, (1,)), "I7"),
    ],
)
def test_a_state_that_does_not_fit_is_seen(
    event: Event, changed: Callable[[State[Any], State[Any]], State[Any]], promise: str
) -> None:
    """DESIGN 4: what a step tells and what it leaves in the state are the same story."""
    judge, before, after, effects = step(event)
    broken = judge.judge(before, event, changed(before, after), effects)
    assert broken is not None
    assert broken.invariant == promise


def waiting(state: State[Any], buffer: tuple[int, ...]) -> State[Any]:
    """The state with another buffer for the host."""
    link = replace(state.links["host"], buffer=buffer)
    return replace(state, links=state.links.set("host", link))


def test_what_nothing_pointed_at_is_seen_by_the_whole() -> None:
    """What changes unseen is found when the whole is judged: a saga, a connection, a timer."""
    made = world(CONNECT, RESPAWN)
    flight = made.state.sagas[1]
    cases = (
        (replace(made.state, sagas=made.state.sagas.set(2, flight)), "I6"),
        (replace(made.state, links=pmap({"host": Link(), "srv": Link()})), "dispatch"),
    )
    for state, promise in cases:
        broken = made.judge.whole(state)
        assert broken is not None
        assert broken.invariant == promise
    assert made.judge.whole(made.state) is None
    armed = (ArmTimer(FrameExpiry(1, 99), 1.0),)
    made.judge.judge(made.state, OPENS, made.state, armed)
    broken = made.judge.whole(made.state)
    assert broken is not None
    assert broken.invariant == "timers"


def test_a_thorough_judge_looks_at_the_whole_each_time() -> None:
    """A saga that moved on by itself, which no effect tells of, is seen in the very step."""
    made = world(CONNECT, RESPAWN, thorough=True)
    after, effects = made.reducer.step(made.state, LogCommitFailed("disk full", 1))
    flight = after.sagas[1]
    moved = replace(after, sagas=after.sagas.set(1, replace(flight, next_step_index=5)))
    broken = made.judge.judge(made.state, LogCommitFailed("disk full", 1), moved, effects)
    assert broken is not None
    assert broken.invariant == "I6"


def test_a_connection_that_does_not_go_is_seen() -> None:
    """FACTS R-17, R-25: what ended, from there or from here, is known to no link any more."""
    hung_up = plus(CloseConnection(1, "no"))
    judge, before, after, effects = step(OPENS)
    for broken in (
        judge.judge(before, OPENS, after, hung_up(effects)),
        judge.judge(after, DROPS, after, ()),
    ):
        assert broken is not None
        assert broken.sentence == "host knows connection 1, which ended"


def test_a_command_that_comes_back_from_what_lives_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """FACTS R-17: only what was sent over the connection that ended waits again."""
    unanswered_of_all_connections(monkeypatch)
    made = world(CONNECT, RESPAWN, Move("second", connection=2), RESPAWN)
    event = ConnectionClosed(2)
    after, effects = made.reducer.step(made.state, event)
    assert after.links["host"] == Link(None, (1,), (1, 2))
    broken = made.judge.judge(made.state, event, after, effects)
    assert broken is not None
    assert broken.sentence == "saga 1 leaves connection 1, which lives"


def test_a_buffer_out_of_order_is_seen() -> None:
    """FACTS R-30: commands wait in the order of issue."""
    made = world(RESPAWN, RESPAWN, buffer_cap=3)
    after, effects = made.reducer.step(made.state, OPENS)
    broken = made.judge.judge(made.state, OPENS, waiting(after, (2, 1, 3)), effects)
    assert broken is not None
    assert broken.invariant == "I7"


def test_a_timer_that_does_nothing_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """FACTS R-26: a command whose stay is over fails its saga; it must not wait on."""
    rule = reducer._RULES[TimerFired]

    def timer_fired(turn: Any, event: TimerFired) -> None:
        if not isinstance(event.timer, FrameExpiry):
            rule(turn, event)

    monkeypatch.setitem(reducer._RULES, TimerFired, timer_fired)
    runs = [simulate(SCENARIO, Plan(seed, 2_000)) for seed in range(1, 4)]
    assert {run.broken.invariant for run in runs if run.broken is not None} == {"timers"}


def test_the_checkers_promises_are_asked_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both judges agree on a right reducer; how often the whole is judged follows the sagas."""
    asked: list[int] = []

    def counted(*arguments: Any) -> Any:
        asked.append(1)
        return broken_by(*arguments)

    monkeypatch.setattr("saga_core.simulate.judge.broken_by", counted)
    assert simulate(SCENARIO, Plan(1, 4_000, sagas=50)).broken is None
    assert len(asked) > 1


def test_both_judges_agree_at_every_step() -> None:
    """DESIGN 4: along a run, the judge of simulations and that of the checker find nothing."""
    made = world(CONNECT, RESPAWN)
    app = SCENARIO.application
    for event in (DROPS, OPENS, TimerFired(SagaDeadline(1)), TimerFired(SagaDeadline(1))):
        after, effects = Reducer(app).step(made.state, event)
        told = implied_history(made.state)
        assert broken_by(app, told, made.state, event, after, effects) is None
        assert made.judge.judge(made.state, event, after, effects) is None
        made.state = after


def test_what_a_dead_process_left_must_close_every_bracket() -> None:
    """DESIGN 4, a crash between two effects: no bracket stays open, and none closes twice."""
    made = world(CONNECT, RESPAWN)
    ended = Emit(SagaFailed(1, "launcher restarted", 1))
    left = Left(made.state)
    recovery = left.recovery(2)
    assert left.broken_by(recovery, (ended,)) is None
    silent = left.broken_by(recovery, ())
    assert silent is not None
    assert silent.sentence == "recovery tells nobody of saga 1"
    left.carry_out((Emit(SagaStarted(2, "unknown", 3)),))
    stuck = left.broken_by(recovery, (ended,))
    assert stuck is not None
    assert stuck.sentence.startswith("the bracket of saga 2 never closes")
    again = Left(made.state)
    again.carry_out((ended,))
    told = again.broken_by(recovery, (ended,))
    assert told is not None
    assert (told.invariant, told.sentence) == ("bus", "saga 1 ends on the bus in two runs")


def test_whoever_was_warned_is_excused() -> None:
    """DESIGN 7, failing log: subscribers were told that rows may be missing."""
    left = Left(world().state, excused=True)
    left.carry_out((Emit(SagaStarted(2, "unknown", 3)),))
    assert left.broken_by(left.recovery(3), ()) is None
