"""Which timers run, and for how long.

1.  A stay in a buffer has its own expiry, and nothing else has one (FACTS R-26). That each saga in
    flight has its deadline is I6 (`engine.invariants`).
2.  A stay may last as long as the configuration says (FACTS 1.2). A saga may take, with all its
    steps, as long as the configuration says of its name, else as long as it says itself (3.1).
"""

from collections.abc import Iterator
from typing import Any

from saga_core.engine.config import Config
from saga_core.engine.effects import ArmTimer, CancelTimer, Effect
from saga_core.engine.events import Event, FrameExpiry, TimerFired
from saga_core.engine.history import Violation
from saga_core.engine.state import InFlight, State
from saga_core.engine.waiting import buffered, step_of


def timers_hold(
    before: State[Any], event: Event, after: State[Any], effects: tuple[Effect, ...]
) -> Iterator[Violation]:
    """What is wrong with the timers after a step."""
    yield from _expiries(before, event, after, effects)
    yield from _seconds(after, effects)


def misset(config: Config, effect: ArmTimer, flight: InFlight | None) -> Violation | None:
    """Whether a timer lasts too long or too short (rule 2).

    `flight` is its saga after the step that armed it; of one that ended in that step nobody knows.
    """
    wanted: float | None = None
    if isinstance(effect.timer, FrameExpiry):
        wanted = config.frame_expiry_seconds
    elif flight is not None:
        wanted = config.timeouts.get(flight.name) if config.timeouts else None
        wanted = flight.saga.timeout() if wanted is None else wanted
    if wanted is None or effect.seconds == wanted:
        return None
    return Violation("timers", f"{effect.timer} lasts {effect.seconds} s instead of {wanted} s")


def expiries_wanted(state: State[Any]) -> set[FrameExpiry]:
    """The timers of all commands that wait in a buffer."""
    return _expiries_of(state, buffered(state))


def _seconds(after: State[Any], effects: tuple[Effect, ...]) -> Iterator[Violation]:
    for effect in effects:
        if isinstance(effect, ArmTimer):
            broken = misset(after.config, effect, after.sagas.get(effect.timer.saga_id))
            if broken is not None:
                yield broken


def _expiries(
    before: State[Any],
    event: Event,
    after: State[Any],
    effects: tuple[Effect, ...],
) -> Iterator[Violation]:
    waited = buffered(before)
    waiting = waited if after.links is before.links else buffered(after)
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
