"""`step(state, event) -> (state, effects)`: every decision of the coordinator.

The rules, one per kind of event, stand in `_RULES`; the prose above each room's code says what
they promise. After an event's own rule has run, everything that it published is routed, oldest
first, until nothing is left: so one command's events stand together on the bus, before what
the sagas make of them.

Routing (FACTS 1.3): a saga's bracket concerns no saga; a failure report ends the saga it names;
any other event with a saga id goes to that saga alone; an event without one may start sagas.
Unknown and ended ids change nothing: the same state object comes back.
"""

from collections.abc import Callable
from typing import Any, Generic

from pyrsistent import pmap

from saga_core.engine import links, outputs, reasons
from saga_core.engine.application import Application
from saga_core.engine.config import Config
from saga_core.engine.effects import Effect
from saga_core.engine.endings import fail, fail_all
from saga_core.engine.events import (
    CommandReceived,
    ConnectionClosed,
    ConnectionOpened,
    Event,
    FrameExpiry,
    LineRejected,
    LogCommitFailed,
    LogCommitRecovered,
    RecoveryRequested,
    SagaDeadline,
    SendFailed,
    ShutdownRequested,
    TimerFired,
)
from saga_core.engine.guard import line
from saga_core.engine.messages import (
    BusEvent,
    LogDegraded,
    LogRecovered,
    SagaActionFailed,
    SagaCompleted,
    SagaFailed,
    SagaStarted,
)
from saga_core.engine.ordered import sorted_keys
from saga_core.engine.outcomes import Outcomes
from saga_core.engine.progress import answer, open_saga
from saga_core.engine.recovery import recover
from saga_core.engine.registry import Registry
from saga_core.engine.state import Counters, Link, M, State
from saga_core.engine.turn import Turn

_BRACKETS = frozenset({SagaStarted, SagaCompleted, SagaFailed})


class Reducer(Generic[M]):
    """The reducer of one application: a pair of pure functions."""

    __slots__ = ("application",)

    def __init__(self, application: Application[M]) -> None:
        self.application = application

    def initial_state(self, config: Config | None = None, mirror: M | None = None) -> State[M]:
        """The state before the first event, under the given bounds."""
        return State(
            config=config if config is not None else Config(),
            mirror=mirror if mirror is not None else self.application.initial_mirror(),
            sagas=Registry(),
            links=pmap({target: Link() for target in self.application.peers}),
            stopping=False,
            log_degraded=False,
            counters=Counters(),
            outcomes=Outcomes(),
        )

    def step(self, state: State[M], event: Event) -> tuple[State[M], tuple[Effect, ...]]:
        """The next state and what has to be done, in order. Same arguments, same result.

        `event` that concerns nothing known returns `state` itself and no effects. Something that
        is no event at all is a caller's bug and raises `TypeError`.
        """
        turn = Turn(self.application, state)
        rule = _RULES.get(type(event)) or _rule_for(event)
        rule(turn, event)
        for published in turn.agenda:
            _route(turn, published)
        return turn.result()


def _rule_for(event: Event) -> Callable[[Turn[Any], Any], None]:
    if isinstance(event, BusEvent):
        return _route
    raise TypeError(f"step takes events, not {type(event).__name__}")


def _route(turn: Turn[M], event: BusEvent) -> None:
    if type(event) in _BRACKETS:
        return
    if type(event) is SagaActionFailed:
        _fail_action(turn, event)
    elif saga_id := turn.app.saga_id_of(event):
        answer(turn, saga_id, event)
    else:
        for saga in turn.app.triggers(event):
            open_saga(turn, saga)


def _fail_action(turn: Turn[M], event: SagaActionFailed) -> None:
    step = links.pending_step(turn, event.saga_id)
    target = step.target if step is not None else next(iter(turn.app.peers), turn.app.own_target)
    fail(turn, event.saga_id, reasons.action_failed(target, event.reason))


def _connection_opened(turn: Turn[M], event: ConnectionOpened) -> None:
    outputs.carry_out(turn, turn.app.on_opened(turn.mirror, event))


def _connection_closed(turn: Turn[M], event: ConnectionClosed) -> None:
    outputs.detach(turn, event.connection)
    outputs.carry_out(turn, turn.app.on_closed(turn.mirror, event.connection))


def _command_received(turn: Turn[M], event: CommandReceived) -> None:
    reaction = turn.app.on_command(turn.before, event.connection, event.command)
    outputs.carry_out(turn, reaction)


def _line_rejected(turn: Turn[M], event: LineRejected) -> None:
    outputs.carry_out(turn, turn.app.on_rejected(turn.mirror, event))


def _send_failed(turn: Turn[M], event: SendFailed) -> None:
    if links.is_unanswered(turn, event.connection, event.command):
        outputs.hang_up(turn, event.connection, "a command could not be sent")


def _timer_fired(turn: Turn[M], event: TimerFired) -> None:
    match event.timer:
        case SagaDeadline(saga_id):
            fail(turn, saga_id, reasons.TIMEOUT)
        case FrameExpiry(saga_id) as timer:
            if (step := links.waiting_step(turn, timer)) is not None:
                fail(turn, saga_id, reasons.unreachable(step.target))


def _log_commit_failed(turn: Turn[M], event: LogCommitFailed) -> None:
    if turn.log_degraded:
        return
    turn.log_degraded = True
    degraded = LogDegraded(event.pending_records, line(event.error), turn.take_version())
    turn.emit(degraded)


def _log_commit_recovered(turn: Turn[M], event: LogCommitRecovered) -> None:
    if not turn.log_degraded:
        return
    turn.log_degraded = False
    turn.emit(LogRecovered(event.records, turn.take_version()))


def _shutdown_requested(turn: Turn[M], _event: ShutdownRequested) -> None:
    turn.stopping = True
    fail_all(turn, sorted_keys(turn.sagas), reasons.shutting_down(turn.app.process))


_RULES: dict[type, Callable[[Turn[Any], Any], None]] = {
    ConnectionOpened: _connection_opened,
    ConnectionClosed: _connection_closed,
    CommandReceived: _command_received,
    LineRejected: _line_rejected,
    SendFailed: _send_failed,
    TimerFired: _timer_fired,
    LogCommitFailed: _log_commit_failed,
    LogCommitRecovered: _log_commit_recovered,
    ShutdownRequested: _shutdown_requested,
    RecoveryRequested: recover,
}
