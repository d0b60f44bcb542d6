"""Which timers run, and for how long.

1.  A stay in a buffer has its own expiry, and nothing else has one (FACTS R-26). That each saga in
    flight has its deadline is I6 (`engine.invariants`).
2.  A stay may last as long as the configuration says (FACTS 1.2). A saga may take, with all its
    steps, as long as the configuration says of its name, else as long as it says itself (3.1).
"""

from collections.abc import Iterable, Iterator
from typing import Any

from saga_core.check.promises.links import step_of
from saga_core.engine.effects import ArmTimer, CancelTimer, Effect
from saga_core.engine.events import Event, FrameExpiry, Timer, TimerFired
from saga_core.engine.history import Violation
from saga_core.engine.ordered import sorted_items
from saga_core.engine.state import State


def timers_hold(
    before: State[Any], event: Event, after: State[Any], effects: tuple[Effect, ...]
) -> Iterator[Violation]:
    """What is wrong with the timers after a step."""
    yield from _expiries(before, event, after, effects)
    yield from last_right(after, [effect for effect in effects if isinstance(effect, ArmTimer)])


def last_right(after: State[Any], armed: Iterable[ArmTimer]) -> Iterator[Violation]:
    """Which of the timers that a step armed last too long or too short (rule 2)."""
    for effect in armed:
        wanted = _seconds(after, effect.timer)
        if wanted is not None and effect.seconds != wanted:
            sentence = f"{effect.timer} lasts {effect.seconds} s instead of {wanted} s"
            yield Violation("timers", sentence)


def expiries_wanted(state: State[Any]) -> set[FrameExpiry]:
    """The timers of all commands that wait in a buffer."""
    return _expiries_of(state, _buffered(state))


def _seconds(after: State[Any], timer: Timer) -> float | None:
    """How long a timer has to last; None, if its saga ended in the step that armed it."""
    if isinstance(timer, FrameExpiry):
        return after.config.frame_expiry_seconds
    flight = after.sagas.get(timer.saga_id)
    if flight is None:
        return None
    timeouts = after.config.timeouts
    configured = timeouts.get(flight.name) if len(timeouts) else None  # a miss is dear (pyrsistent)
    return configured if configured is not None else flight.saga.timeout()


def _expiries(
    before: State[Any],
    event: Event,
    after: State[Any],
    effects: tuple[Effect, ...],
) -> Iterator[Violation]:
    waited = _buffered(before)
    waiting = waited if after.links is before.links else _buffered(after)
    armed, fired = _expiries_of(before, waited), None
    if isinstance(event, TimerFired) and isinstance(event.timer, FrameExpiry):
        fired = event.timer
        armed.discard(fired)
    for effect in effects:
        match effect:
            case ArmTimer(FrameExpiry() as timer):
                if timer.stay < before.counters.next_sequence or timer in armed:
                    yield Violation("timers", f"{timer} was used before")
                armed.add(timer)
            case CancelTimer(FrameExpiry() as timer):
                if timer not in armed and timer != fired:
                    yield Violation("timers", f"{timer} is cancelled, and nothing waits by it")
                armed.discard(timer)
            case _:
                pass
    if armed != (wanted := _expiries_of(after, waiting)):
        yield Violation("timers", f"armed are {_listed(armed)}, commands wait by {_listed(wanted)}")


def _expiries_of(state: State[Any], waiting: set[int]) -> set[FrameExpiry]:
    steps = [(saga_id, step_of(state, saga_id)) for saga_id in waiting]
    return {FrameExpiry(saga_id, step.stay) for saga_id, step in steps if step is not None}


def _listed(timers: set[FrameExpiry]) -> str:
    shown = sorted((timer.saga_id, timer.stay) for timer in timers)
    return ", ".join(f"saga {saga_id} stay {stay}" for saga_id, stay in shown) or "none"


def _buffered(state: State[Any]) -> set[int]:
    return {saga_id for _, link in sorted_items(state.links) for saga_id in link.buffer}
