"""What the durable log is told, and what it tells at the next start.

A record changes one row. The interpreter commits the records of a step before anything else of
that step happens, and puts the time of the commit into the rows: the core knows no clock.
"""

from typing import Literal

from msgspec import Struct

from saga_core.engine.messages import BusEvent, Command

TerminalState = Literal["completed", "failed", "failed_compensation"]
"""How a saga can end. `failed_compensation`: it was in flight when its process died."""


class SagaOpened(Struct, frozen=True, gc=False):
    """New saga row, state `running`. `input_json` is compact JSON."""

    saga_id: int
    name: str
    input_json: str


class StepOpened(Struct, frozen=True, gc=False):
    """New step row, state `pending`; `command` is what goes over the wire (FACTS R-42)."""

    saga_id: int
    step_index: int
    name: str
    target: str
    command: Command


class StepSucceeded(Struct, frozen=True, gc=False):
    """A pending step becomes `succeeded`; `output` is the event that answered it."""

    saga_id: int
    step_index: int
    output: BusEvent


class StepFailed(Struct, frozen=True, gc=False):
    """A pending step becomes `failed`, with the reason its saga failed (FACTS R-08, R-40)."""

    saga_id: int
    step_index: int
    reason: str


class SagaClosed(Struct, frozen=True, gc=False):
    """A running saga becomes `state`; `reason` is None exactly if it completed."""

    saga_id: int
    state: TerminalState
    reason: str | None


LogRecord = SagaOpened | StepOpened | StepSucceeded | StepFailed | SagaClosed


class UnresolvedSaga(Struct, frozen=True, gc=False):
    """A row that says `running` or `compensating` at start: its process died (FACTS 4.4)."""

    saga_id: int
    name: str
    state: str
    pending_steps: tuple[int, ...]


class SagaOutcome(Struct, frozen=True, gc=False):
    """How a saga ended, for subscribers that reconnect."""

    saga_id: int
    name: str
    state: TerminalState
    failure_reason: str | None
