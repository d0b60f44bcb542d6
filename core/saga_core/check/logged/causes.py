"""What can have made a saga's next record: the events that are possible there.

Nothing is read out of a record but which event it may tell of. Whether that event writes the record
is for `step` to say.
"""

from collections.abc import Iterator
from typing import Any

from saga_core.check.logged.peers import Course, Doom, Peers
from saga_core.check.logged.said import Said
from saga_core.check.scope import Scenario
from saga_core.engine import reasons
from saga_core.engine.effects import WriteLog
from saga_core.engine.events import CommandReceived, SagaDeadline, ShutdownRequested, TimerFired
from saga_core.engine.messages import UNSTAMPED, BusEvent, Command, SagaActionFailed
from saga_core.engine.reducer import Reducer
from saga_core.engine.state import State

HIDDEN_ANSWERS = 64
"""How many values of a saga are looked at that answers without a record lead to."""


class Causes:
    """The events that a saga's records can come from."""

    def __init__(self, scenario: Scenario, reducer: Reducer[Any], peers: Peers) -> None:
        self._scenario = scenario
        self._app = scenario.application
        self._reducer = reducer
        self._peers = peers

    def of_answer(self, state: State[Any], saga_id: int, event: BusEvent) -> Iterator[Course]:
        """The event that a step succeeded with, after answers that nobody logged."""
        for here in self._after_hidden(state, saga_id):
            yield here, event

    def of_failure(
        self, state: State[Any], saga_id: int, reason: str, doom: Doom
    ) -> Iterator[Course]:
        """What fails a saga for this reason, or may."""
        step = state.sagas[saga_id].awaiting
        target = next(iter(self._app.peers), self._app.own_target) if step is None else step.target
        reported = reasons.action_failed(target, "")
        if reason == reasons.TIMEOUT:
            yield state, TimerFired(SagaDeadline(saga_id))
        elif reason.startswith(reported):
            problem = reason.removeprefix(reported)
            yield state, SagaActionFailed(saga_id, problem, UNSTAMPED)
        elif step is not None and target in self._app.peers:
            if reason == reasons.overflow(target):
                yield from self._peers.push_out(state, saga_id, doom)
            elif reason == reasons.unreachable(target):
                yield from self._peers.wait_out(state, saga_id)
        for here in self._after_hidden(state, saga_id):
            yield from (course for _, course in self.answers(here, saga_id))

    def is_shutdown(self, record: Said) -> bool:
        """Whether the record is one of those that a shutdown writes."""
        return record.words[-1] == reasons.shutting_down(self._app.process)

    def is_recovery(self, record: Said) -> bool:
        """Whether the record is one of those that a start writes for what a dead process left."""
        restarted = reasons.restarted(self._app.process, "running")
        return record.kind in {"step failed", "closed"} and record.words[-1] == restarted

    def ends_all(self, state: State[Any]) -> Course:
        """The process is asked to end."""
        return state, ShutdownRequested("asked to end")

    def answers(self, state: State[Any], saga_id: int) -> Iterator[tuple[Command, Course]]:
        """All that a peer may say to a saga's pending command."""
        step = state.sagas[saga_id].awaiting
        heard = None if step is None else self._peers.heard(state, step.target)
        if step is None or heard is None:
            return
        here, connection = heard
        for answer in self._scenario.answers(step.command):
            yield answer, (here, CommandReceived(connection, answer))

    def report_of_failure(self, state: State[Any], saga_id: int) -> Course | None:
        """The peer says that it could not do what it was asked."""
        step = state.sagas[saga_id].awaiting
        heard = None if step is None else self._peers.heard(state, step.target)
        if step is None or heard is None:
            return None
        here, connection = heard
        return here, CommandReceived(connection, self._scenario.failure(step.command))

    def _after_hidden(self, state: State[Any], saga_id: int) -> Iterator[State[Any]]:
        """The state, and those to which answers lead that change the saga and write nothing."""
        yield state
        seen = [state.sagas[saga_id].saga]
        reached = [state]
        for here in reached:
            for _, (heard, event) in self.answers(here, saga_id):
                after, effects = self._reducer.step(heard, event)
                if any(isinstance(effect, WriteLog) for effect in effects):
                    continue
                value = after.sagas[saga_id].saga
                if value not in seen and len(seen) < HIDDEN_ANSWERS:
                    seen.append(value)
                    reached.append(after)
                    yield after
