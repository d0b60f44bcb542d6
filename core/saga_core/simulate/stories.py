"""What log, bus and timers told of the sagas in flight, folded over effects in constant time each.

The promises are those of `saga_core.engine.invariants`; here they are kept in tables that change,
so that one effect costs the same whatever the number of sagas. Each rule returns what it broke.
"""

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from saga_core.engine import reasons
from saga_core.engine.application import Application
from saga_core.engine.effects import (
    ArmTimer,
    CancelTimer,
    CloseConnection,
    Dispatch,
    Effect,
    Emit,
    WriteLog,
)
from saga_core.engine.events import FrameExpiry, RecoveryRequested, SagaDeadline, Timer
from saga_core.engine.history import Violation
from saga_core.engine.messages import (
    UNSTAMPED,
    SagaActionFailed,
    SagaCompleted,
    SagaFailed,
    SagaStarted,
)
from saga_core.engine.records import (
    SagaClosed,
    SagaOpened,
    StepFailed,
    StepOpened,
    StepSucceeded,
)
from saga_core.engine.registry import Registry
from saga_core.engine.state import InFlight

_NEVER = -1


class Told(Struct, gc=False):
    """One saga's story: its row, its steps, its deadline and its bracket.

    `pending`: the steps that began and did not end; there is one at most, but where a row of an
    earlier run says otherwise. `sent`: the step whose command went to a peer last.
    """

    announced: bool = False
    armed: bool = False
    steps: int = 0
    pending: tuple[int, ...] = ()
    sent: int = _NEVER
    closed: SagaClosed | None = None
    ended: SagaCompleted | SagaFailed | None = None


class Stories:
    """The stories of a run.

    `touched` are the sagas that the present step concerned, with their entries after it; `closed`
    those whose rows it closed; `sent` the commands that it sent to peers, with their sagas;
    `reported` the sagas whose failure it told of; `hung_up` the connections that it ended; `timed`
    the timers that it armed; `pushed_out` the rows of sagas whose command went from a buffer.
    `expiries` are the armed timers of stays in a buffer.
    """

    def __init__(self, app: Application[Any]) -> None:
        self.by_saga: dict[int, Told] = {}
        self.expiries: set[FrameExpiry] = set()
        self.touched: dict[int, InFlight | None] = {}
        self.closed: list[int] = []
        self.sent: list[tuple[int, Dispatch]] = []
        self.reported: list[int] = []
        self.hung_up: list[int] = []
        self.timed: list[ArmTimer] = []
        self.pushed_out: list[SagaClosed] = []
        self._overflows = {reasons.overflow(target) for target in app.peers}
        self._issued = False
        self._fired: FrameExpiry | None = None
        self.version = 0
        self.highest_id = 0
        self.first_new_stay = 0
        self._app = app

    def begin_run(self, recovery: RecoveryRequested) -> None:
        """A new run knows the rows that an earlier one left open, and that run's ids."""
        self.by_saga = {
            row.saga_id: Told(
                announced=True,
                steps=max(row.pending_steps, default=-1) + 1,
                pending=row.pending_steps,
            )
            for row in recovery.unresolved
        }
        self.expiries.clear()
        self.version = 0
        self.highest_id = max(self.highest_id, recovery.next_saga_id - 1)

    def fold(self, effects: tuple[Effect, ...]) -> Violation | None:
        """Tell the effects of one step; the first promise that they broke."""
        self.touched, self.closed, self.sent, self.reported = {}, [], [], []
        self.hung_up, self.timed, self.pushed_out = [], [], []
        self._issued = False
        for effect in effects:
            told: Any = effect
            kind: type = type(effect)
            if kind is WriteLog:
                told = told.record
                kind = type(told)
            elif kind is Emit:
                told = told.event
                kind = type(told)
                version = getattr(told, "version", UNSTAMPED)
                if version != self.version + 1:
                    return Violation("I5", f"version {version} follows {self.version}")
                self.version = version
            rule = _RULES.get(kind)
            broken = rule(self, told) if rule is not None else None
            if broken is not None:
                return broken
        self._fired = None
        return self._in_turn() if len(self.closed) > 1 else None

    def fired(self, timer: Timer) -> None:
        """A timer that fired is not armed any more; a deadline ends its saga, and is cancelled."""
        if isinstance(timer, FrameExpiry):
            self.expiries.discard(timer)
            self._fired = timer

    def settle(self, sagas: Registry[InFlight]) -> Violation | None:
        """After a step: whether what it touched is where its story says; forget what ended."""
        touched, by_saga = self.touched, self.by_saga
        for saga_id in touched:
            told = by_saga[saga_id]
            flight = touched[saga_id] = sagas.get(saga_id)
            broken = saga_fits(saga_id, told, flight)
            if broken is not None:
                return broken
            if told.closed is not None:
                del by_saga[saga_id]
        return None

    def armed(self, effect: ArmTimer) -> Violation | None:
        """A timer starts (I6)."""
        self.timed.append(effect)
        timer = effect.timer
        if isinstance(timer, SagaDeadline):
            return self._deadline(timer.saga_id, True)
        if timer.stay < self.first_new_stay or timer in self.expiries:
            return Violation("timers", f"{timer} was used before")
        self.expiries.add(timer)
        return None

    def cancelled(self, effect: CancelTimer) -> Violation | None:
        """A timer stops (I6)."""
        timer = effect.timer
        if isinstance(timer, SagaDeadline):
            return self._deadline(timer.saga_id, False)
        if timer not in self.expiries and timer != self._fired:
            return Violation("timers", f"{timer} is cancelled, and nothing waits by it")
        self.expiries.discard(timer)
        return None

    def dispatched(self, effect: Dispatch) -> Violation | None:
        """A command goes out (I2, I3)."""
        saga_id = self._app.saga_id_of(effect.command)
        if effect.connection is not None:
            self.sent.append((saga_id, effect))
        self.touched[saga_id] = None
        told = self.by_saga.get(saga_id)
        if not saga_id:
            sentence = f"a command goes to {effect.target} without its saga's id: see `address`"
            return Violation("I2", sentence)
        if told is None or told.closed is not None:
            return Violation("I2", f"saga {saga_id} ended, yet goes to {effect.target}")
        if told.pending and told.announced and told.armed:
            return None
        sentence = f"saga {saga_id} goes to {effect.target} before its row, bracket or deadline"
        return Violation("I3", sentence)

    def opened(self, record: SagaOpened) -> Violation | None:
        """A saga's row is new (I9)."""
        saga_id = record.saga_id
        self.touched[saga_id] = None
        if saga_id <= self.highest_id:
            return Violation("I9", f"saga id {saga_id} was used before")
        self.highest_id = saga_id
        self.by_saga[saga_id] = Told()
        return None

    def step_opened(self, record: StepOpened) -> Violation | None:
        """A step's row is new (I4)."""
        saga_id, index = record.saga_id, record.step_index
        self.touched[saga_id] = None
        told = self.by_saga.get(saga_id)
        if told is None or told.closed is not None:
            return Violation("I1", f"a step opens under saga {saga_id}, which is not open")
        if told.pending or index != told.steps:
            return Violation("I4", f"saga {saga_id} opens step {index} after {told.steps}")
        told.pending, told.steps = (index,), index + 1
        self._issued = True
        return None

    def step_closed(self, record: StepSucceeded | StepFailed) -> Violation | None:
        """A step's row ends (I4)."""
        saga_id, index = record.saga_id, record.step_index
        self.touched[saga_id] = None
        told = self.by_saga.get(saga_id)
        pending = told.pending if told is not None else ()
        if told is None or index not in pending:
            return Violation("I4", f"saga {saga_id} ends step {index}, which is not pending")
        one = len(pending) == 1
        told.pending = () if one else tuple(other for other in pending if other != index)
        return None

    def row_closed(self, record: SagaClosed) -> Violation | None:
        """A saga's row ends (I1, I4)."""
        saga_id = record.saga_id
        self.touched[saga_id] = None
        told = self.by_saga.get(saga_id)
        if told is None or told.closed is not None:
            return Violation("I1", f"the row of saga {saga_id} closes, but is not open")
        if told.pending:
            return Violation("I4", f"saga {saga_id} closes over its pending step {told.pending[0]}")
        told.closed = record
        self.closed.append(saga_id)
        if record.reason in self._overflows:
            self.pushed_out.append(record)
        return None

    def started(self, event: SagaStarted) -> Violation | None:
        """A bracket opens (I1, I3)."""
        saga_id = event.saga_id
        self.touched[saga_id] = None
        told = self.by_saga.get(saga_id)
        if told is None:
            return Violation("I3", f"saga {saga_id} is announced before its row")
        if told.announced:
            return Violation("I1", f"saga {saga_id} is announced a second time")
        told.announced = True
        return None

    def ended(self, event: SagaCompleted | SagaFailed) -> Violation | None:
        """A bracket closes (I1, I3)."""
        saga_id = event.saga_id
        self.touched[saga_id] = None
        told = self.by_saga.get(saga_id)
        if told is None or told.ended is not None:
            return Violation("I1", f"saga {saga_id} ends on the bus, but is not open there")
        if told.closed is None:
            return Violation("I3", f"saga {saga_id} ends on the bus before its row closes")
        told.ended = event
        return None

    def failed(self, event: SagaActionFailed) -> Violation | None:
        """The bus hears that a peer could not do what a saga asked; the saga must end by that."""
        self.reported.append(event.saga_id)
        return None

    def hangs_up(self, effect: CloseConnection) -> Violation | None:
        """A connection ends from our side."""
        self.hung_up.append(effect.connection)
        return None

    def _in_turn(self) -> Violation | None:
        """Sagas that end in one step end in the order of their ids, if none is sent on (R-20)."""
        if self._issued or self.closed == sorted(self.closed):
            return None
        return Violation("order", f"sagas end in the order {self.closed}")

    def _deadline(self, saga_id: int, armed: bool) -> Violation | None:
        self.touched[saga_id] = None
        told = self.by_saga.get(saga_id)
        if told is None:
            return Violation("I6", f"a deadline for saga {saga_id}, which is not open")
        if armed and told.armed:
            return Violation("I6", f"the deadline of saga {saga_id} is armed a second time")
        told.armed = armed
        return None


def saga_fits(saga_id: int, told: Told | None, flight: InFlight | None) -> Violation | None:
    """Whether the registry and a saga's story agree after a step (I1, I6)."""
    if told is None:
        return Violation("I6", f"saga {saga_id} is in flight, and has no row")
    if told.closed is not None or told.ended is not None:
        return _end_fits(saga_id, told, flight)
    if not told.announced:
        return Violation("I1", f"saga {saga_id} has a row, yet its bracket never opened")
    if flight is None or not told.armed:
        return Violation("I6", f"saga {saga_id} has a row, yet no entry or no deadline")
    awaits = flight.awaiting is not None
    if flight.next_step_index != told.steps or awaits != bool(told.pending):
        return Violation("I6", f"saga {saga_id} is not where its rows say")
    return None


def _end_fits(saga_id: int, told: Told, flight: InFlight | None) -> Violation | None:
    if not _same_end(told.closed, told.ended):
        return Violation("I1", f"log and bus differ on saga {saga_id}: {told.closed}, {told.ended}")
    if told.armed:
        return Violation("I6", f"saga {saga_id} ended with its deadline armed")
    if flight is not None:
        return Violation("I6", f"saga {saga_id} ended, yet it is in flight")
    return None


def _same_end(closed: SagaClosed | None, ended: SagaCompleted | SagaFailed | None) -> bool:
    if closed is None or ended is None:
        return False
    if isinstance(ended, SagaCompleted):
        return closed.state == "completed"
    return closed.state in {"failed", "failed_compensation"} and closed.reason == ended.reason


Rule = Callable[[Stories, Any], Violation | None]

_RULES: dict[type, Rule] = {
    ArmTimer: Stories.armed,
    CancelTimer: Stories.cancelled,
    Dispatch: Stories.dispatched,
    CloseConnection: Stories.hangs_up,
    SagaOpened: Stories.opened,
    StepOpened: Stories.step_opened,
    StepSucceeded: Stories.step_closed,
    StepFailed: Stories.step_closed,
    SagaClosed: Stories.row_closed,
    SagaStarted: Stories.started,
    SagaCompleted: Stories.ended,
    SagaFailed: Stories.ended,
    SagaActionFailed: Stories.failed,
}
"""By the type of an effect, or of the record or the event in it."""
