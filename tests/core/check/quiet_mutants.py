"""Wrong variants that end every saga once, but not when they should, or send it the wrong way."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from saga_core.engine import Command, FrameExpiry, Saga, SagaDeadline, links, progress
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


def _keep(turn: AnyTurn, target: str, kept: tuple[int, ...], dropped: tuple[int, ...]) -> None:
    turn.links = turn.links.set(target, replace(turn.links[target], buffer=kept))
    for saga_id in dropped:
        if (step := links._pending(turn, saga_id)).connection is None:
            turn.cancel(FrameExpiry(saga_id, step.stay))


def newest_dropped(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-29: a full buffer drops what was issued last, not what was issued first."""

    def fill(turn: AnyTurn, target: str, buffer: tuple[int, ...]) -> tuple[int, ...]:
        kept, dropped = buffer[: turn.config.buffer_cap], buffer[turn.config.buffer_cap :]
        _keep(turn, target, kept, dropped)
        return dropped

    patch.setattr(links, "_fill", fill)


def all_that_wait_dropped(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-29: a full buffer drops all but what was issued last."""

    def fill(turn: AnyTurn, target: str, buffer: tuple[int, ...]) -> tuple[int, ...]:
        dropped = buffer[:-1] if len(buffer) > turn.config.buffer_cap else ()
        _keep(turn, target, buffer[len(dropped) :], dropped)
        return dropped

    patch.setattr(links, "_fill", fill)


def cap_of_one_less(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-29: the buffer takes one command less than its cap."""
    original = links._fill

    def fill(turn: AnyTurn, target: str, buffer: tuple[int, ...]) -> tuple[int, ...]:
        turn.config = replace(turn.config, buffer_cap=turn.config.buffer_cap - 1)
        dropped = original(turn, target, buffer)
        turn.config = turn.before.config
        return dropped

    patch.setattr(links, "_fill", fill)
