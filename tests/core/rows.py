"""The durable log in plain Python: rows folded from records, strictly, as FACTS 4 and R-37 want."""

from collections.abc import Iterable

from msgspec import Struct, field

from saga_core.engine import (
    BusEvent,
    Command,
    LogRecord,
    SagaClosed,
    SagaOpened,
    SagaOutcome,
    StepFailed,
    StepOpened,
    StepSucceeded,
    UnresolvedSaga,
)


class StepRow(Struct):
    """One row of the table of steps."""

    name: str
    target: str
    command: Command
    state: str = "pending"
    output: BusEvent | None = None
    reason: str | None = None


class SagaRow(Struct):
    """One row of the table of sagas, with its steps."""

    name: str
    input_json: str
    state: str = "running"
    reason: str | None = None
    steps: dict[int, StepRow] = field(default_factory=dict)

    @property
    def pending(self) -> tuple[int, ...]:
        """The steps that are not over."""
        return tuple(index for index, step in self.steps.items() if step.state == "pending")


class Rows:
    """The log. A record that has no open row to change is an error, never silent."""

    def __init__(self, records: Iterable[LogRecord] = ()) -> None:
        self.sagas: dict[int, SagaRow] = {}
        self.ended: list[int] = []
        for record in records:
            self.commit(record)

    def commit(self, record: LogRecord) -> None:
        """Make one record durable."""
        match record:
            case SagaOpened(saga_id, name, input_json):
                assert saga_id not in self.sagas, f"saga {saga_id} has a row already"
                self.sagas[saga_id] = SagaRow(name, input_json)
            case StepOpened(saga_id, index, name, target, command):
                steps = self._running(saga_id).steps
                assert index == len(steps), f"step {index} of saga {saga_id} is out of order"
                steps[index] = StepRow(name, target, command)
            case StepSucceeded(saga_id, index, output):
                self._end_step(saga_id, index, "succeeded").output = output
            case StepFailed(saga_id, index, reason):
                self._end_step(saga_id, index, "failed").reason = reason
            case SagaClosed(saga_id, state, reason):
                row = self._running(saga_id)
                row.state, row.reason = state, reason
                self.ended.append(saga_id)

    def unresolved(self) -> tuple[UnresolvedSaga, ...]:
        """What a start finds open."""
        return tuple(
            UnresolvedSaga(saga_id, row.name, row.state, row.pending)
            for saga_id, row in self.sagas.items()
            if row.state == "running"
        )

    def outcomes(self) -> tuple[SagaOutcome, ...]:
        """What a start finds ended, oldest first."""
        return tuple(self._outcome(saga_id) for saga_id in self.ended)

    def _outcome(self, saga_id: int) -> SagaOutcome:
        row = self.sagas[saga_id]
        match row.state:
            case "completed" | "failed" | "failed_compensation" as state:
                return SagaOutcome(saga_id, row.name, state, row.reason)
            case other:
                raise AssertionError(f"saga {saga_id} ended as {other}")

    def _running(self, saga_id: int) -> SagaRow:
        row = self.sagas[saga_id]
        assert row.state == "running", f"saga {saga_id} is {row.state}"
        return row

    def _end_step(self, saga_id: int, index: int, state: str) -> StepRow:
        step = self.sagas[saga_id].steps[index]
        assert step.state == "pending", f"step {index} of saga {saga_id} is {step.state}"
        step.state = state
        return step
