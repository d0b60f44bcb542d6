"""Whether a step kept every promise, at a price that doesn't grow with the sagas in flight.

Each step is judged by what it touched: the sagas of its effects, the links that changed, and the
number of sagas. What nothing pointed at could change unseen; so the whole registry is judged too,
by the checker's own promises (`saga_core.check.promises`), at the end and whenever as many steps
have passed as sagas were in flight, times `WHOLE_EVERY`: a constant price for each step.
"""

from collections.abc import Callable
from typing import Any, ClassVar

from pyrsistent import PMap

from saga_core.check.promises.links import unreachable
from saga_core.check.promises.process import unheeded
from saga_core.check.promises.steps import broken_by, implied_history, unheard
from saga_core.check.promises.timers import expiries_wanted, misset
from saga_core.check.scope import Scenario
from saga_core.engine.alone import strayed
from saga_core.engine.effects import (
    ArmTimer,
    CancelTimer,
    CloseConnection,
    Dispatch,
    Effect,
    Emit,
    WriteLog,
)
from saga_core.engine.events import (
    CommandReceived,
    ConnectionClosed,
    Event,
    FrameExpiry,
    LogCommitFailed,
    LogCommitRecovered,
    RecoveryRequested,
    ShutdownRequested,
    Timer,
    TimerFired,
)
from saga_core.engine.history import Violation
from saga_core.engine.messages import (
    SagaCompleted,
    SagaFailed,
    SagaStarted,
)
from saga_core.engine.ordered import sorted_items
from saga_core.engine.outcomes import Outcomes, last
from saga_core.engine.records import SagaClosed
from saga_core.engine.state import Link, State
from saga_core.engine.waiting import overflow_is_due
from saga_core.simulate.stories import Stories, saga_fits
from saga_core.simulate.touched import commands_fit, links_fit

WHOLE_EVERY = 16
"""The whole is judged once in so many steps, times the sagas in flight."""

_FEW = 64
"""With fewer sagas in flight, the whole is judged as often as with so many."""

_DEAR = 1 << 18
"""A step with more effects than this by sagas in flight is not judged by the checker's promises,
which look for the saga of each effect."""

_DECIDES = (WriteLog, Dispatch, ArmTimer, CancelTimer, CloseConnection)
_BRACKETS = (SagaStarted, SagaCompleted, SagaFailed)

Effects = tuple[Effect, ...]
Rule = Callable[["Judge", State[Any], Any, State[Any], Effects], Violation | None]


class Judge:
    """Judges one run after the other. `steps` and `wholes` count what was judged, and how.

    `thorough`: the whole is judged at every step.
    """

    def __init__(self, scenario: Scenario, *, thorough: bool = False) -> None:
        self.steps = self.wholes = 0
        self._app = scenario.application
        self._stories = Stories(self._app)
        self._links: object = None
        self._newest: dict[str, int | None] = {}
        self._waiting: list[int] = []
        self._about = 0
        self._every = 0 if thorough else WHOLE_EVERY
        self._whole_at = 0 if thorough else _FEW

    def judge(
        self, before: State[Any], event: Event, after: State[Any], effects: Effects
    ) -> Violation | None:
        """The first promise that this step broke."""
        self.steps += 1
        self._about = 0
        rule = self._by_event.get(type(event))
        broken = rule(self, before, event, after, effects) if rule is not None else None
        if broken is not None or (after is before and not effects):
            return broken
        stories = self._stories
        stories.first_new_stay = before.counters.next_sequence
        newest = stories.highest_id
        broken = stories.fold(effects) or self._touched(before, event, after)
        broken = broken or self._strayed(newest, before, event, after, effects)
        early = self.steps < self._whole_at or len(effects) * len(after.sagas) > _DEAR
        return broken if broken is not None or early else self._all(before, event, after, effects)

    def whole(self, state: State[Any]) -> Violation | None:
        """Whether the stories are those that the registry implies, saga by saga."""
        self.wholes += 1
        stories = self._stories
        for saga_id, flight in sorted_items(state.sagas):
            told = stories.by_saga.get(saga_id)
            broken = saga_fits(saga_id, told, flight)
            broken = broken or unreachable(saga_id, flight.awaiting, state)
            if broken is not None:
                return broken
        if stories.expiries != expiries_wanted(state):
            return Violation("timers", "the armed expiries are not those of the waiting commands")
        return None

    def _all(
        self, before: State[Any], event: Event, after: State[Any], effects: Effects
    ) -> Violation | None:
        self._whole_at = self.steps + self._every * max(_FEW, len(after.sagas))
        remembered = len(self._stories.closed)
        if isinstance(event, RecoveryRequested):
            remembered += len(event.outcomes)
        broken = self.whole(after)
        if broken is not None or remembered > before.config.outcomes_kept:
            return broken
        return broken_by(self._app, implied_history(before), before, event, after, effects)

    def _recovered(
        self, _before: State[Any], event: RecoveryRequested, _after: State[Any], _effects: Effects
    ) -> Violation | None:
        self._stories.begin_run(event)
        return None

    def _processed(
        self, before: State[Any], event: Event, after: State[Any], effects: Effects
    ) -> Violation | None:
        return next(unheeded(before, event, after, effects), None)

    def _parted(
        self, before: State[Any], event: ConnectionClosed, after: State[Any], effects: Effects
    ) -> Violation | None:
        return unheard(before, event) if after is before and not effects else None

    def _commanded(
        self, before: State[Any], event: CommandReceived, after: State[Any], effects: Effects
    ) -> Violation | None:
        """What is told of the ended decides nothing (I8)."""
        saga_id = self._about = self._app.saga_id_of(event.command)
        if not saga_id or saga_id in self._stories.by_saga:
            return None
        if _decides_nothing(before, after, effects):
            return None
        return Violation("I8", f"{event.command} concerns no saga in flight, yet decides")

    def _fired(
        self, before: State[Any], event: TimerFired, after: State[Any], effects: Effects
    ) -> Violation | None:
        """A timer that is not armed changes nothing at all (I8), and one that is does not."""
        timer, nothing = event.timer, after is before and not effects
        self._about = timer.saga_id
        if isinstance(timer, FrameExpiry):
            unheard = timer not in self._stories.expiries
        else:
            unheard = timer.saga_id not in before.sagas
        if nothing:
            return None if unheard else _late(timer, after)
        if unheard:
            return Violation("I8", f"{event} concerns nobody, yet it changed something")
        self._stories.fired(timer)
        return None

    _by_event: ClassVar[dict[type, Rule]] = {
        ConnectionClosed: _parted,
        CommandReceived: _commanded,
        TimerFired: _fired,
        RecoveryRequested: _recovered,
        ShutdownRequested: _processed,
        LogCommitFailed: _processed,
        LogCommitRecovered: _processed,
    }
    """What is asked of a step before its effects are looked at."""

    def _touched(self, before: State[Any], event: Event, after: State[Any]) -> Violation | None:
        stories = self._stories
        broken = _late(event.timer, after) if type(event) is TimerFired else None
        broken = broken or stories.settle(after.sagas) or self._counted(after)
        if broken is not None:
            return broken
        if after.links is not self._links:
            self._look_at(after.links)
        for effect in stories.timed:
            broken = broken or misset(
                after.config, effect, stories.touched.get(effect.timer.saga_id)
            )
        if broken is None and stories.sent:
            broken = commands_fit(stories, self._newest, before, after)
        ended = stories.hung_up
        if type(event) is ConnectionClosed:
            ended = [*ended, event.connection]
        if broken is None and (ended or after.links is not before.links):
            broken = links_fit(stories, self._app.peers, ended, before, after)
        if broken is None and stories.pushed_out:
            touched = stories.touched
            broken = next(overflow_is_due(before, after, stories.pushed_out, touched), None)
        return broken or (self._ended(after) if stories.closed else None)

    def _strayed(
        self, newest: int, before: State[Any], event: Event, after: State[Any], effects: Effects
    ) -> Violation | None:
        """Who moved that is neither new, so above `newest`, nor whom the event is about (I8)."""
        touched, about = self._stories.touched, self._about
        for saga_id in touched:
            if saga_id != about and saga_id <= newest:
                break
        else:
            return None
        records = [effect.record for effect in effects if isinstance(effect, WriteLog)]
        closed = [record for record in records if isinstance(record, SagaClosed)]
        return next(strayed(self._app, before, event, after, effects, touched, closed), None)

    def _counted(self, after: State[Any]) -> Violation | None:
        """Who is in flight, by number, and who must not be."""
        stories, in_flight = self._stories, len(after.sagas)
        if after.stopping and in_flight:
            return Violation("shutdown", f"the process is ending, yet {in_flight} are in flight")
        if in_flight != len(stories.by_saga):
            sentence = f"{in_flight} sagas are in flight, {len(stories.by_saga)} rows open"
            return Violation("I6", sentence)
        for saga_id in stories.reported:
            if saga_id in after.sagas:
                return Violation("failure", f"saga {saga_id} was reported as failed, and goes on")
        next_id = after.counters.next_saga_id
        if next_id <= stories.highest_id:
            return Violation("I9", f"the next saga would get id {next_id} again")
        return None

    def _look_at(self, links: PMap[str, Link]) -> None:
        """Links change rarely, and looking something up in them is dear."""
        known = sorted_items(links)
        self._links = links
        self._newest = {target: link.connection for target, link in known}
        self._waiting = [saga_id for _, link in known for saga_id in link.buffer]

    def _ended(self, after: State[Any]) -> Violation | None:
        """The command of a saga that ended is in no buffer (I2)."""
        for saga_id in self._stories.closed if self._waiting else ():
            if saga_id in self._waiting:
                return Violation("I2", f"saga {saga_id} ended, and its command waits on")
        return self._remembered(after)

    def _remembered(self, after: State[Any]) -> Violation | None:
        """A subscriber that reconnects finds every ending in the snapshot (FACTS R-39)."""
        closed = self._stories.closed
        if len(closed) == 1 and closed[0] == _newest_in(after.outcomes):
            return None
        closed = closed[-after.config.outcomes_kept :]
        kept = {outcome.saga_id for outcome in last(after.outcomes, after.config.outcomes_kept)}
        for saga_id in closed:
            if saga_id not in kept:
                return Violation("bracket", f"no snapshot tells how saga {saga_id} ended")
        return None


def _newest_in(outcomes: Outcomes) -> int:
    """The saga that ended last, of those that are remembered; 0, if none is."""
    if outcomes.tail:
        return outcomes.tail[-1].saga_id
    return outcomes.blocks[-1][-1].saga_id if outcomes.blocks else 0


def _decides_nothing(before: State[Any], after: State[Any], effects: Effects) -> bool:
    if after.sagas is not before.sagas or after.links is not before.links:
        return False
    if after.stopping != before.stopping or after.log_degraded != before.log_degraded:
        return False
    return not any(
        isinstance(effect, _DECIDES)
        or (isinstance(effect, Emit) and isinstance(effect.event, _BRACKETS))
        for effect in effects
    )


def _late(timer: Timer, after: State[Any]) -> Violation | None:
    """An armed timer fired, so its saga must be over."""
    if timer.saga_id not in after.sagas:
        return None
    if isinstance(timer, FrameExpiry):
        return Violation("timers", f"saga {timer.saga_id} waited for too long, yet it goes on")
    return Violation("ends", f"the deadline of saga {timer.saga_id} passed, yet it goes on")
