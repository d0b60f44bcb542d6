"""The loop around `step`: take what waits, step it, commit its records, then do the rest.

While a commit runs, what comes is stepped already and gathers for the next commit: that is the
group commit. The effects of a batch wait for its commit, so nobody hears of a row that a crash
could lose (I3), and those of the next batch wait for it too. If the log fails, the launcher
goes on from memory: the records wait in the log's backlog, in order, effects no longer wait for
the disk, and a retry brings the rows in when the disk comes back (DESIGN 7, 'Failing log').
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, Literal, NoReturn, Protocol

import msgspec
from msgspec import Struct
from returns.result import Failure, Success

from saga_core.engine import (
    Effect,
    Event,
    LogCommitFailed,
    LogCommitRecovered,
    LogRecord,
    Reducer,
    State,
    WriteLog,
)
from saga_core.engine.state import M

logger = logging.getLogger(__name__)

SLICE_EVENTS = 256
"""Events stepped before the loop gets a turn, and before an idle log gets its first commit."""

BATCH_EVENTS = 512
"""Events whose records are committed together at most; more of them wait for the next batch."""

BUSY_EVENTS = 500
"""Waiting events above which peers are no longer read (FACTS R-04: a bound, not a loss).

Below a quarter of that they are read again. It bounds what an answer waits behind: a fraction of a
second's work, so that beyond capacity a saga ends late, but long before its deadline.
"""

SAY_SECONDS = 10.0
"""A launcher beyond its capacity pauses many times a second; log lines tell of it this often."""

RETRY_SECONDS = 0.25
"""How often a failing log is tried again."""

OnLogFailure = Literal["continue", "stop"]


class DurableLog(Protocol):
    """What the runner needs of the log; `saga_shell.log.LogWriter` is one."""

    @property
    def pending_records(self) -> int:
        """Records that are not durable yet."""

    async def commit(self, records: Sequence[LogRecord]) -> Success[None] | Failure[str]:
        """Make the records durable, after all that waits."""

    def defer(self, records: Sequence[LogRecord]) -> None:
        """Let the records wait for a later commit."""

    async def retry(self) -> Success[None] | Failure[str]:
        """Make durable what waits."""

    async def secure_ids(self, records: Sequence[LogRecord]) -> Success[None] | Failure[str]:
        """Let no later run use the ids of sagas that `records` open, though they aren't durable."""


class Gate(Protocol):
    """What holds peers back while too much waits; `saga_shell.ipc.Server` is one."""

    def pause_reading(self) -> None:
        """Read no more."""

    def resume_reading(self) -> None:
        """Read again."""

    def nothing_waits(self) -> None:
        """All that was read has been taken."""


class Watcher(Protocol[M]):
    """Sees every step after it was made, such as a check of the invariants in a test."""

    def __call__(
        self, before: State[M], event: Event, after: State[M], effects: tuple[Effect, ...], /
    ) -> None:
        """Look, and change nothing."""


class LogStopped(Exception):  # noqa: N818 -- it ends the run on purpose, it is no error of ours
    """The log failed under `--on-log-failure stop`; the text is the one line for the user."""


class Batch(Struct):
    """Events that were stepped together: their number, and all effects, in order."""

    events: int = 0
    effects: list[Effect] = msgspec.field(default_factory=list)


class Runner(Generic[M]):
    """Owns the state. `give` is the one way in; `perform` gets each effect, in order.

    `pauses` counts how often more than `busy_events` waited.
    """

    def __init__(
        self,
        reducer: Reducer[M],
        state: State[M],
        log: DurableLog,
        perform: Callable[[Effect], None],
        *,
        on_log_failure: OnLogFailure = "continue",
        watcher: Watcher[M] | None = None,
        busy_events: int = BUSY_EVENTS,
    ) -> None:
        self.state = state
        self.batches = 0
        self.pauses = 0
        self._busy_events = busy_events
        self._reducer = reducer
        self._log = log
        self._perform = perform
        self._stop_on_failure = on_log_failure == "stop"
        self._watcher = watcher
        self._gate: Gate | None = None
        self._paused = False
        self._said_pause = -SAY_SECONDS
        self._waiting: deque[Event] = deque()
        self._ahead = Batch()
        self._committing = False
        self._will_step = False
        self._bug: BaseException | None = None
        self._something = asyncio.Event()
        self._given = 0
        self._done = 0
        self._batch_ended = asyncio.Event()
        self._log_turn = asyncio.Lock()
        self._retrying: asyncio.Task[None] | None = None
        self._late_records = 0

    def hold_back(self, gate: Gate) -> None:
        """Let `gate` stop reading while more than `busy_events` wait."""
        self._gate = gate

    def give(self, event: Event) -> None:
        """Queue an event. Never waits, never refuses."""
        self._given += 1
        self._waiting.append(event)
        self._something.set()
        self._step_soon()
        if not self._paused and len(self._waiting) > self._busy_events and self._gate is not None:
            self._paused = True
            self.pauses += 1
            self._say_pause()
            self._gate.pause_reading()

    def _say_pause(self) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._said_pause + SAY_SECONDS:
            self._said_pause = now
            logger.warning(
                "%d events wait: peers are not read while it is so many (%d times so far)",
                len(self._waiting),
                self.pauses,
            )

    async def settled(self) -> None:
        """Wait until every event given so far was stepped and its effects were done.

        What comes meanwhile is not waited for: under load there is always something.
        """
        goal = self._given
        while self._done < goal:
            await self._batch_ended.wait()

    async def run(self) -> NoReturn:
        """Step for ever; cancel to end. Raises `LogStopped` if the log fails and that ends us."""
        try:
            while True:
                await self._something.wait()
                self._check_retry()
                await self._run_batch()
        finally:
            if self._retrying is not None:
                self._retrying.cancel()

    async def _run_batch(self) -> None:
        batch = self._next_batch()
        self.batches += 1
        records = [effect.record for effect in batch.effects if type(effect) is WriteLog]
        if records:
            await self._make_durable(records)
        else:
            await asyncio.sleep(0)
        perform = self._perform
        for effect in batch.effects:
            perform(effect)
        self._done += batch.events
        self._batch_ended.set()
        self._batch_ended.clear()

    def _next_batch(self) -> Batch:
        """What was stepped during the last commit, or else a first part of what waits."""
        if self._bug is not None:
            raise self._bug
        if not self._ahead.events:
            self._step_slice()
        batch, self._ahead = self._ahead, Batch()
        if not self._waiting:
            self._something.clear()
        if self._gate is not None and not self._waiting:
            self._gate.nothing_waits()
        return batch

    def _step_soon(self) -> None:
        """Step what waits, slice by slice, while a commit runs."""
        if self._committing and not self._will_step and self._ahead.events < BATCH_EVENTS:
            self._will_step = True
            asyncio.get_running_loop().call_soon(self._step_ahead)

    def _step_ahead(self) -> None:
        self._will_step = False
        if not self._committing or self._bug is not None:
            return
        try:
            self._step_slice()
        except BaseException as bug:  # noqa: BLE001 -- `run` raises it, in the batch's turn
            self._bug = bug
        if self._waiting:
            self._step_soon()

    def _step_slice(self) -> None:
        waiting, ahead, step = self._waiting, self._ahead, self._step
        count = min(len(waiting), SLICE_EVENTS, BATCH_EVENTS - ahead.events)
        for _ in range(count):
            ahead.effects += step(waiting.popleft())
        ahead.events += count
        if self._paused and len(self._waiting) <= self._busy_events // 4 and self._gate is not None:
            self._paused = False
            self._gate.resume_reading()

    def _step(self, event: Event) -> tuple[Effect, ...]:
        before = self.state
        self.state, effects = self._reducer.step(before, event)
        if self._watcher is not None:
            self._watcher(before, event, self.state, effects)
        return effects

    async def _make_durable(self, records: list[LogRecord]) -> None:
        """Wait for the commit; while the log fails, put the records behind those that wait."""
        async with self._log_turn:
            if self._retrying is None:
                await self._commit(records)
                return
            self._late_records += len(records)
            self._log.defer(records)
            await self._secure_ids(records)
        await asyncio.sleep(0)

    async def _commit(self, records: list[LogRecord]) -> None:
        self._committing = True
        self._step_soon()
        try:
            committed = await self._log.commit(records)
        finally:
            self._committing = False
        if isinstance(committed, Failure):
            self._log_failed(committed.failure())
            await self._secure_ids(records)

    async def _secure_ids(self, records: list[LogRecord]) -> None:
        """Rather end than show an id that a later run may use again (FACTS R-41)."""
        match await self._log.secure_ids(records):
            case Failure(line):
                raise LogStopped(line)
            case Success():
                pass

    def _log_failed(self, error: str) -> None:
        if self._stop_on_failure:
            raise LogStopped(error)
        self._late_records = self._log.pending_records
        logger.error("%s; going on from memory, %d record(s) wait", error, self._late_records)
        self.give(LogCommitFailed(error, self._late_records))
        self._retrying = asyncio.create_task(self._retry())
        self._retrying.add_done_callback(lambda _: self._something.set())

    async def _retry(self) -> None:
        """Try until the disk is back and has all that waited; then batches wait for it again.

        A long backlog is written while batches go on; what they add meanwhile is little, and for
        that they wait, or under load there would always be a rest.
        """
        back = False
        while not back:
            await asyncio.sleep(RETRY_SECONDS)
            if isinstance(await self._log.retry(), Success):
                async with self._log_turn:
                    back = await self._write_rest()

    async def _write_rest(self) -> bool:
        """Write what came during the last retry; whether the outage is over now."""
        if isinstance(await self._log.retry(), Failure):
            return False
        self._retrying = None
        logger.warning("the saga log works again: %d late record(s) are in it", self._late_records)
        self.give(LogCommitRecovered(self._late_records))
        return True

    def _check_retry(self) -> None:
        """A retry that ended while the log still fails has a bug: let it end the run."""
        if self._retrying is not None and self._retrying.done():
            self._retrying.result()
