"""Wrong variants that end every saga once, but not when they should, or send it the wrong way."""

from collections.abc import Callable
from typing import Any

import pytest

from saga_core.engine import Command, Saga, SagaDeadline, progress
from saga_core.engine.state import InFlight
from saga_core.engine.turn import Turn

Mutant = Callable[[pytest.MonkeyPatch], None]
AnyTurn = Turn[Any]


def deadline_armed_at_each_step(patch: pytest.MonkeyPatch) -> None:
    """FACTS 3.1: each step of a saga has all the time that its steps have together."""
    original = progress._issue

    def issue(
        turn: AnyTurn, saga_id: int, flight: InFlight, saga: Saga, target: str, command: Command
    ) -> None:
        if flight.next_step_index:
            turn.arm(SagaDeadline(saga_id), saga.timeout())
        original(turn, saga_id, flight, saga, target, command)

    patch.setattr(progress, "_issue", issue)
