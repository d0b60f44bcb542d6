"""What outlives the process: the rows that its log has, and the brackets that a subscriber holds.

While the process lives, both are what the registry says: that is promised, and judged at every
step. So nothing is kept beside it. What is left is worked out when the process dies: from the state
before the step that it died in, and the effects of that step that were carried out.

While the log fails, records wait in memory, and a crash loses them; subscribers were told so
(`log_degraded`), so they are excused from a bracket that no row tells of.
"""

from typing import Any

from saga_core.engine.effects import Effect, Emit, WriteLog
from saga_core.engine.events import RecoveryRequested
from saga_core.engine.history import Violation
from saga_core.engine.messages import SagaCompleted, SagaFailed, SagaStarted
from saga_core.engine.ordered import sorted_items
from saga_core.engine.outcomes import last
from saga_core.engine.records import (
    LogRecord,
    SagaClosed,
    SagaOpened,
    SagaOutcome,
    StepOpened,
    UnresolvedSaga,
)
from saga_core.engine.state import State


class Left:
    """What a process leaves that dies in `state`: open rows, the last outcomes, open brackets.

    `excused`: its log was failing.
    """

    def __init__(self, state: State[Any], *, excused: bool = False) -> None:
        flights = sorted_items(state.sagas)
        self.excused = excused
        self._rows = {
            saga_id: (flight.name, [step.step_index] if (step := flight.awaiting) else [])
            for saga_id, flight in flights
        }
        self._brackets = {saga_id for saga_id, _ in flights}
        self._closed: set[int] = set()
        self._outcomes = list(last(state.outcomes, state.config.outcomes_kept))
        self._kept = state.config.outcomes_kept

    def carry_out(self, effects: tuple[Effect, ...]) -> None:
        """It did this much of the step that it died in."""
        for effect in effects:
            match effect:
                case WriteLog(record):
                    self._write(record)
                case Emit(SagaStarted(saga_id)):
                    self._brackets.add(saga_id)
                case Emit(SagaCompleted(saga_id) | SagaFailed(saga_id)):
                    self._brackets.discard(saga_id)
                    self._closed.add(saga_id)
                case _:
                    pass

    def recovery(self, next_saga_id: int) -> RecoveryRequested:
        """The first event of the next run."""
        unresolved = tuple(
            UnresolvedSaga(saga_id, name, "running", tuple(pending))
            for saga_id, (name, pending) in sorted(self._rows.items())
        )
        kept = self._outcomes[max(0, len(self._outcomes) - self._kept) :]
        return RecoveryRequested(next_saga_id, unresolved, tuple(kept))

    def broken_by(
        self, recovery: RecoveryRequested, effects: tuple[Effect, ...]
    ) -> Violation | None:
        """Whether a subscriber can close each bracket, and just once, when the next run begins."""
        ends = [e.event for e in effects if isinstance(e, Emit)]
        told = {end.saga_id for end in ends if isinstance(end, SagaCompleted | SagaFailed)}
        known = {outcome.saga_id for outcome in recovery.outcomes}
        rows = {row.saga_id for row in recovery.unresolved}
        for saga_id in sorted(rows - told):
            return Violation("bracket", f"recovery tells nobody of saga {saga_id}")
        if self.excused:
            return None
        for saga_id in sorted(self._brackets - told - known):
            sentence = f"the bracket of saga {saga_id} never closes: no row and no outcome tells"
            return Violation("bracket", sentence)
        for saga_id in sorted(self._closed & told):
            return Violation("bus", f"saga {saga_id} ends on the bus in two runs")
        return None

    def _write(self, record: LogRecord) -> None:
        match record:
            case SagaOpened(saga_id, name):
                self._rows[saga_id] = name, []
            case SagaClosed(saga_id, state, reason):
                name, _ = self._rows.pop(saga_id)
                self._outcomes.append(SagaOutcome(saga_id, name, state, reason))
            case StepOpened(saga_id, index):
                self._rows[saga_id][1].append(index)
            case _:
                self._rows[record.saga_id][1].remove(record.step_index)
