"""What a step alone can't show: its connections must live, and runs that follow must agree."""

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec.structs import replace

from saga_core.check.worlds.rows import Down
from saga_core.check.worlds.slots import OPEN
from saga_core.check.worlds.view import view
from saga_core.engine.effects import Effect, Emit
from saga_core.engine.history import Violation
from saga_core.engine.messages import SagaCompleted, SagaFailed
from saga_core.engine.state import State


def astray(over: Iterable[int], slots: Sequence[int]) -> Violation | None:
    """A command that goes over a connection of `over` which ended."""
    for connection in over:
        if slots[connection - 1] != OPEN:
            return Violation("dispatch", f"a command goes to connection {connection}, which ended")
    return None


def passed_over(came: int, newest: int | None, slots: Sequence[int]) -> Violation | None:
    """A connection that just came in, lives, and is not the one that commands go to."""
    if slots[came - 1] != OPEN or came == newest:
        return None
    sentence = "the connection that came last is not the one that commands go to"
    return Violation("dispatch", sentence)


def failing(effects: Iterable[Effect]) -> Violation | None:
    """A saga that fails, though its peers do what they are asked."""
    for effect in effects:
        match effect:
            case Emit(SagaFailed(saga_id, reason)):
                return Violation("completes", f"saga {saga_id} fails: {reason}")
            case _:
                pass
    return None


def ended_twice(down: Down, effects: Iterable[Effect]) -> Violation | None:
    """A bus that hears of one saga's end in two runs; after an outage it was warned."""
    ended = {row.saga_id for row in down.rows if row.ended and not down.excused}
    for effect in effects:
        match effect:
            case Emit(SagaCompleted(saga_id) | SagaFailed(saga_id)) if saga_id in ended:
                return Violation("bus", f"saga {saga_id} ends on the bus in two runs")
            case _:
                pass
    return None


def unclosable(down: Down) -> Violation | None:
    """A bracket that a subscriber which reconnects can't close."""
    if down.excused or not down.lost:
        return None
    sentence = f"saga {down.lost[0]} was announced and has no row: its bracket never closes"
    return Violation("bracket", sentence)


def left_over(fresh: State[Any], begun: State[Any]) -> Violation | None:
    """A new run that starts with more than a first one does; both states are settled."""
    if view(replace(begun, counters=fresh.counters)) == view(fresh):
        return None
    return Violation("recovery", "a new run starts with something in flight or decided")
