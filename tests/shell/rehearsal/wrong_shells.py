"""Shells that are wrong on purpose: each a patch of the launcher's own parts, or of its log's."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace
from returns.result import Failure, Success

from saga_core.engine import (
    ArmTimer,
    CancelTimer,
    CloseConnection,
    ConnectionClosed,
    Dispatch,
    Effect,
    Emit,
    LogCommitFailed,
    LogCommitRecovered,
    Reducer,
    Replay,
    Reply,
    SagaClosed,
    Subscribe,
    WriteLog,
)
from saga_shell.launcher.bus import Bus
from saga_shell.launcher.interpreter import Interpreter
from saga_shell.launcher.ring import Ring
from saga_shell.launcher.runner import Batch, Runner
from saga_shell.launcher.timers import Timers
from saga_shell.log import LogError, LogStart, LogWriter
from saga_shell.log.backlog import Backlog

Wrong = Callable[[pytest.MonkeyPatch], None]


def _never(kind: Any) -> Wrong:
    """The interpreter leaves effects of this kind out."""

    def wrong(patch: pytest.MonkeyPatch) -> None:
        original = Interpreter.perform

        def perform(self: Interpreter, effect: Any) -> None:
            if not isinstance(effect, kind):
                original(self, effect)

        patch.setattr(Interpreter, "perform", perform)

    return wrong


emit_forgotten = _never(Emit)
dispatch_forgotten = _never(Dispatch)
reply_forgotten = _never(Reply)
replay_forgotten = _never(Replay)
subscription_forgotten = _never(Subscribe)
timer_not_armed = _never(ArmTimer)
timer_not_cancelled = _never(CancelTimer)


def sent_twice(patch: pytest.MonkeyPatch) -> None:
    """A command goes out twice."""
    original = Interpreter._dispatch

    def dispatch(self: Interpreter, effect: Dispatch) -> None:
        original(self, effect)
        original(self, effect)

    patch.setattr(Interpreter, "_dispatch", dispatch)


def told_to_another(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-51: a private answer goes to the next connection."""
    original = Interpreter._serve

    def serve(self: Interpreter, effect: Any) -> None:
        if isinstance(effect, Reply):
            effect = replace(effect, connection=effect.connection + 1)
        original(self, effect)

    patch.setattr(Interpreter, "_serve", serve)


def armed_for_too_long(patch: pytest.MonkeyPatch) -> None:
    """A deadline gets twice its time."""
    original = Interpreter.perform

    def perform(self: Interpreter, effect: Any) -> None:
        if isinstance(effect, ArmTimer):
            effect = replace(effect, seconds=2 * effect.seconds)
        original(self, effect)

    patch.setattr(Interpreter, "perform", perform)


def hears_on_after_its_end(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-23: a connection that ended is still a subscriber."""
    patch.setattr(Bus, "unsubscribe", lambda *_: None)


def illegible(patch: pytest.MonkeyPatch) -> None:
    """What goes on the bus is a line that no peer can read."""
    patch.setattr(Bus, "publish", lambda self, _event: self._record(b"{"))


def ring_forgets_one(patch: pytest.MonkeyPatch) -> None:
    """FACTS F-13: a replay starts one event too late."""
    original = Ring.since
    patch.setattr(Ring, "since", lambda self, version: original(self, version + 1))


def told_before_it_is_durable(patch: pytest.MonkeyPatch) -> None:
    """FACTS I3: effects are done while their rows are on the way to the disk."""

    async def make_durable(self: Runner[Any], records: list[Any]) -> None:
        self._log.defer(records)

    patch.setattr(Runner, "_make_durable", make_durable)


def an_event_is_lost(patch: pytest.MonkeyPatch) -> None:
    """The end of a connection never reaches the reducer."""
    original = Runner.give

    def give(self: Runner[Any], event: Any) -> None:
        if not isinstance(event, ConnectionClosed):
            original(self, event)

    patch.setattr(Runner, "give", give)


def changed(patch: pytest.MonkeyPatch, change: Callable[[list[Effect]], list[Effect]]) -> None:
    """The effects of each batch are others than its steps wanted."""
    original = Runner._next_batch

    def next_batch(self: Runner[Any]) -> Batch:
        batch = original(self)
        batch.effects = change(batch.effects)
        return batch

    patch.setattr(Runner, "_next_batch", next_batch)


def last_come_first_served(patch: pytest.MonkeyPatch) -> None:
    """Events overtake those that came before."""
    original = Runner._step_slice

    def step_slice(self: Runner[Any]) -> None:
        self._waiting.reverse()
        original(self)

    patch.setattr(Runner, "_step_slice", step_slice)


def hurries_badly(patch: pytest.MonkeyPatch) -> None:
    """Of more than four events that wait, the last one comes first."""
    original = Runner._step_slice

    def step_slice(self: Runner[Any]) -> None:
        self._waiting.rotate(len(self._waiting) > 4)
        original(self)

    patch.setattr(Runner, "_step_slice", step_slice)


def effects_backwards(patch: pytest.MonkeyPatch) -> None:
    """A batch's effects are done in the wrong order."""
    changed(patch, lambda effects: effects[::-1])


def another_reducer(patch: pytest.MonkeyPatch) -> None:
    """The runner asks a reducer of its own, which says the same so far."""
    original = Runner._step

    def step(self: Runner[Any], event: Any) -> Any:
        self._reducer = Reducer(self._reducer.application)
        return original(self, event)

    patch.setattr(Runner, "_step", step)


def state_forgotten(patch: pytest.MonkeyPatch) -> None:
    """The next step starts where the last one did."""
    original = Runner._step

    def step(self: Runner[Any], event: Any) -> Any:
        before = self.state
        effects = original(self, event)
        self.state = before
        return effects

    patch.setattr(Runner, "_step", step)


def decides_for_itself(patch: pytest.MonkeyPatch) -> None:
    """The runner adds an effect of its own to those that send a command."""
    closing = CloseConnection(1, "I don't like it")

    def more(effects: list[Effect]) -> list[Effect]:
        sends = any(isinstance(effect, Dispatch) for effect in effects)
        return [*effects, closing] if sends else effects

    changed(patch, more)


def does_less_than_it_says(patch: pytest.MonkeyPatch) -> None:
    """The last effect of a batch is left out."""
    changed(patch, lambda effects: effects[:-1])


def outage_is_silent(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-44: the log fails and nobody is told."""
    original = Runner.give

    def give(self: Runner[Any], event: Any) -> None:
        if not isinstance(event, LogCommitFailed):
            original(self, event)

    patch.setattr(Runner, "give", give)


def never_well_again(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-44: the log works again and nobody is told."""
    original = Runner.give

    def give(self: Runner[Any], event: Any) -> None:
        if not isinstance(event, LogCommitRecovered):
            original(self, event)

    patch.setattr(Runner, "give", give)


def retries_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-44: what waited for the disk is thrown away."""
    original = Backlog._degrade

    def degrade(self: Backlog, chunk: Any, error: LogError) -> Failure[str]:
        failed = original(self, chunk, error)
        self._settle(list(self._waiting), ())
        return failed

    patch.setattr(Backlog, "_degrade", degrade)


def commits_nothing(patch: pytest.MonkeyPatch) -> None:
    """The log says that all is durable, and writes nothing."""

    async def commit(_self: LogWriter, _records: Any) -> Success[None]:
        return Success(None)

    patch.setattr(LogWriter, "commit", commit)


def commits_less(patch: pytest.MonkeyPatch) -> None:
    """The log leaves out the ends of sagas."""
    original = Backlog.take

    def take(self: Backlog, records: Any) -> None:
        original(self, [record for record in records if not isinstance(record, SagaClosed)])

    patch.setattr(Backlog, "take", take)


def commits_twice(patch: pytest.MonkeyPatch) -> None:
    """The log gets each record twice."""
    original = Backlog.take
    patch.setattr(Backlog, "take", lambda self, records: original(self, [*records, *records]))


def _starts(**fields: Any) -> Wrong:
    """What the log held at start is read wrongly."""

    def wrong(patch: pytest.MonkeyPatch) -> None:
        original = LogWriter.__init__

        def init(self: LogWriter, executor: Any, backlog: Any, start: LogStart, clock: Any) -> None:
            original(self, executor, backlog, replace(start, **fields), clock)

        patch.setattr(LogWriter, "__init__", init)

    return wrong


open_sagas_overlooked = _starts(unresolved=())
ended_sagas_overlooked = _starts(outcomes=())
ids_from_the_start = _starts(next_saga_id=1)


def opens_no_second_time(patch: pytest.MonkeyPatch) -> None:
    """A log that is there already is refused."""
    original = LogWriter.open
    opened: list[Any] = []

    async def open_log(path: Any, options: Any) -> Any:
        opened.append(path)
        if len(opened) > 1:
            return Failure(LogError("damaged", "the log is not to my taste"))
        return await original(path, options)

    patch.setattr(LogWriter, "open", open_log)


def fires_at_once(patch: pytest.MonkeyPatch) -> None:
    """A timer comes before it is due."""
    original = Timers.arm

    def arm(self: Timers, timer: Any, _seconds: float) -> None:
        original(self, timer, 0)

    patch.setattr(Timers, "arm", arm)


def never_fires(patch: pytest.MonkeyPatch) -> None:
    """A timer that is due does not come."""
    patch.setattr(Timers, "_fire", lambda _: None)


def ends_with_a_bug(patch: pytest.MonkeyPatch) -> None:
    """The runner ends by an exception of its own."""

    async def make_durable(_self: Runner[Any], _records: Any) -> None:
        raise ZeroDivisionError("division by zero")

    patch.setattr(Runner, "_make_durable", make_durable)


def waits_for_ever(patch: pytest.MonkeyPatch) -> None:
    """A commit never ends."""

    async def make_durable(_self: Runner[Any], _records: Any) -> None:
        await asyncio.Event().wait()

    patch.setattr(Runner, "_make_durable", make_durable)


def rows_of_steps_forgotten(patch: pytest.MonkeyPatch) -> None:
    """The interpreter's batch has its rows taken away before they are written."""
    changed(patch, lambda effects: [e for e in effects if not isinstance(e, WriteLog)])


def name_of(patched: Wrong) -> str:
    """What a wrong shell is called here."""
    return next(name for name, found in globals().items() if found is patched)
