"""Read by mypy only: what the types of the core promise to people who write against them.

Each function compiles under `--strict` because of a promise; each `type: ignore` stands for a
mistake that mypy must go on reporting (an unused one is an error itself).
"""

from typing import assert_never, assert_type

from pyrsistent import PMap, pmap
from returns.result import Failure, Success

from saga_core import (
    Action,
    ArmTimer,
    BusEvent,
    CancelTimer,
    CloseConnection,
    Command,
    CommandReceived,
    ConnectionClosed,
    ConnectionOpened,
    Dispatch,
    Done,
    Effect,
    Emit,
    Event,
    Failed,
    FrameExpiry,
    InFlight,
    IssueCommand,
    LineRejected,
    LogCommitFailed,
    LogCommitRecovered,
    LogRecord,
    Mirror,
    PoolRespawn,
    RecoveryRequested,
    Replay,
    Reply,
    Saga,
    SagaBase,
    SagaClosed,
    SagaContext,
    SagaDeadline,
    SagaOpened,
    SendFailed,
    ShutdownRequested,
    State,
    StepFailed,
    StepOpened,
    StepSucceeded,
    Subscribe,
    Timer,
    TimerFired,
    Wait,
    WindowCleanup,
    WriteLog,
    initial_state,
    step,
)
from saga_core.agentmux import wire
from saga_core.agentmux.commands import Ping
from saga_core.engine.ordered import sorted_items


def every_effect_is_known(effect: Effect) -> None:
    """An interpreter that matches these has left none out."""
    match effect:
        case WriteLog() | Dispatch() | Emit() | Reply() | Replay():
            return
        case Subscribe() | ArmTimer() | CancelTimer() | CloseConnection():
            return
        case other:
            assert_never(other)


def every_event_is_known(event: Event) -> None:
    """So has a journal of what `step` takes."""
    match event:
        case ConnectionOpened() | ConnectionClosed() | CommandReceived() | LineRejected():
            return
        case SendFailed() | TimerFired() | LogCommitFailed() | LogCommitRecovered():
            return
        case ShutdownRequested() | RecoveryRequested() | BusEvent():
            return
        case other:
            assert_never(other)


def every_timer_is_known(timer: Timer) -> int:
    """Both kinds of timer name their saga."""
    match timer:
        case SagaDeadline(saga_id) | FrameExpiry(saga_id):
            return saga_id
        case other:
            assert_never(other)


def every_record_is_known(record: LogRecord) -> None:
    """A log that writes these has left none out."""
    match record:
        case SagaOpened() | SagaClosed() | StepOpened() | StepSucceeded() | StepFailed():
            return
        case other:
            assert_never(other)


def every_action_is_known(action: Action) -> None:
    """A saga can do four things."""
    match action:
        case IssueCommand() | Wait() | Done() | Failed():
            return
        case other:
            assert_never(other)


def a_result_can_be_matched(line: bytes) -> str:
    """The alias of two results is exhaustive, where `Result` itself is not."""
    match wire.decode_command(line):
        case Success(command):
            return assert_type(command, Command).__class__.__name__
        case Failure(reason):
            return assert_type(reason, str)


def step_knows_its_mirror() -> None:
    """The reducer of an application gives that application's state back."""
    state, effects = step(initial_state(), ConnectionOpened(1))
    assert_type(state, State[Mirror])
    assert_type(effects, tuple[Effect, ...])
    assert_type(state.sagas.get(1), InFlight | None)


def the_shipped_sagas_are_sagas() -> tuple[Saga, ...]:
    """The protocol holds for frozen structs with narrower results."""
    return PoolRespawn("w"), WindowCleanup("main")


class HalfASaga(SagaBase, frozen=True):
    """Its author forgot `on_event` and the name."""

    def start(self, _context: SagaContext) -> tuple["HalfASaga", Action]:
        """Done at once."""
        return self, Done()


def half_a_saga_is_none() -> Saga:
    """A value without all five members is no saga."""
    return HalfASaga()  # type: ignore[return-value]  # two members are missing


def step_takes_no_command() -> None:
    """A command is no event: it comes in by a connection."""
    step(initial_state(), Ping(1))  # type: ignore[arg-type]  # a bare command


def what_is_frozen_stays() -> None:
    """State, sagas and messages can't be changed in place."""
    initial_state().stopping = True  # type: ignore[misc]  # frozen
    Ping(1).nonce = 2  # type: ignore[misc]  # frozen


def a_map_is_typed() -> None:
    """The stub gives maps the types of their keys and values, through every change."""
    ages: PMap[str, int] = pmap({"a": 1})
    assert_type(ages.get("a"), int | None)
    assert_type(ages["a"], int)
    assert_type(ages.set("b", 2).remove("a"), PMap[str, int])
    ages.set("b", "two")  # type: ignore[arg-type]  # a value of another type
    assert_type(sorted_items(ages), list[tuple[str, int]])


def a_map_has_no_order_of_its_own(ages: PMap[str, int]) -> None:
    """Iterating one would let the hash seed decide: only `sorted_items` reads it in order."""
    for _ in ages:  # type: ignore[attr-defined]  # left out of the stub on purpose
        pass
    ages.items()  # type: ignore[attr-defined]  # left out of the stub on purpose
