"""Whether one step kept every promise, judged by that step alone.

In a settled state the log and the bus have told exactly one story: each saga in flight has an
open row, an open bracket, an armed deadline and the steps that its entry counts; every other saga
has ended. So one step is judged against the story that its state implies, and must lead to the
story that the next state implies. By induction that holds for every run, whatever its length, and
no history is needed in the search.

Of a saga whose story and whose entry are the same as before, all holds that held before. So only
the others are looked at, and all of them where a link changed.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from saga_core.check.promises.links import (
    answers_can_come,
    connections_hold,
    left_too_early,
)
from saga_core.check.promises.process import unheeded, whole
from saga_core.check.promises.stories import told_alike
from saga_core.check.promises.timers import expiries_wanted, timers_hold
from saga_core.engine.application import Application
from saga_core.engine.effects import (
    ArmTimer,
    CancelTimer,
    CloseConnection,
    Dispatch,
    Effect,
    WriteLog,
)
from saga_core.engine.events import ConnectionClosed, Event, FrameExpiry, TimerFired
from saga_core.engine.history import History, StepState, Story, Violation
from saga_core.engine.invariants import Observed, observe_closely
from saga_core.engine.messages import Command
from saga_core.engine.ordered import sorted_items, sorted_keys
from saga_core.engine.records import StepOpened
from saga_core.engine.registry import Registry
from saga_core.engine.state import Awaiting, InFlight, State
from saga_core.engine.waiting import step_of

_TOUCHING = (WriteLog, Dispatch, ArmTimer, CancelTimer, CloseConnection)
"""Effects that concern sagas or links; if none comes and none changes, nothing else can break."""


def broken_by(
    app: Application[Any],
    told: History,
    before: State[Any],
    event: Event,
    after: State[Any],
    effects: tuple[Effect, ...],
) -> Violation | None:
    """The first promise that this step broke; of one that did nothing, see `unheard`.

    `told` is the implied history of `before`, which is settled; `after` is not settled yet.
    """
    return goes_on(app, told, before, event, after, effects)[0]


def goes_on(
    app: Application[Any],
    told: History,
    before: State[Any],
    event: Event,
    after: State[Any],
    effects: tuple[Effect, ...],
) -> tuple[Violation | None, History]:
    """As `broken_by`; and the implied history of `after`, for the next step of a run."""
    observed = observe_closely(app, told, before, event, after, effects)
    following = _implied_next(told, after, observed.changed)
    if observed.broken:
        return observed.broken[0], following
    wrong = next(whole(observed.history, before, event, after, effects), None)
    if wrong is not None:
        return wrong, following
    untouched = after.sagas is before.sagas and after.links is before.links
    touching = isinstance(event, ConnectionClosed) or any(
        isinstance(effect, _TOUCHING) for effect in effects
    )
    if untouched and not touching:
        return None, following
    rules = _rules(app, observed, before, event, after, effects)
    return next((found for rule in rules for found in rule), None), following


def _rules(
    app: Application[Any],
    observed: Observed,
    before: State[Any],
    event: Event,
    after: State[Any],
    effects: tuple[Effect, ...],
) -> tuple[Iterator[Violation], ...]:
    changed = observed.changed
    sent = _sent(after, changed, effects)
    return (
        _same_story(observed, after),
        timers_hold(before, event, after, effects),
        answers_can_come(after, changed if after.links is before.links else None),
        connections_hold(before, event, after, effects),
        _commands(before, after, sent),
        _stay_put(before, after, changed, {one.saga_id for one in sent}),
        _counted_as_sent(before, after, changed),
        told_alike(app, before, event, after, effects, changed),
        _sent_off(app, before, after, changed, effects),
    )


def unheard(before: State[Any], event: Event) -> Violation | None:
    """What is wrong with a step that did nothing, though its event asked for something."""
    match event:
        case TimerFired(FrameExpiry() as timer) if timer in expiries_wanted(before):
            return Violation("timers", f"{timer} fired, and its command waits on")
        case ConnectionClosed():
            return next(connections_hold(before, event, before, ()), None)
        case _:
            return next(unheeded(before, event, before, ()), None)


def implied_history(state: State[Any]) -> History:
    """What the log and the bus have told, going by the registry."""
    flights = sorted_items(state.sagas)
    stories: Registry[Story] = Registry()
    for saga_id, flight in flights:
        stories = stories.set(saga_id, _implied_story(flight))
    return _implied(stories, state)


def _implied_next(told: History, after: State[Any], changed: list[int]) -> History:
    stories = told.stories
    for saga_id in changed:
        flight = after.sagas.get(saga_id)
        if flight is None:
            stories = stories.remove(saga_id)
        else:
            stories = stories.set(saga_id, _implied_story(flight))
    return _implied(stories, after)


def _implied(stories: Registry[Story], state: State[Any]) -> History:
    counters = state.counters
    return History(stories, counters.version, counters.next_saga_id - 1, counters.next_sequence)


def _implied_story(flight: InFlight) -> Story:
    step = flight.awaiting
    succeeded: StepState = "succeeded"
    if step is None:
        return Story(True, True, (succeeded,) * flight.next_step_index)
    steps: tuple[StepState, ...] = (*(succeeded,) * (flight.next_step_index - 1), "pending")
    return Story(True, True, steps, step.issued)


def _same_story(observed: Observed, after: State[Any]) -> Iterator[Violation]:
    for saga_id in sorted(observed.touched):
        flight = after.sagas.get(saga_id)
        if flight is None:
            continue
        story, implied = observed.history.stories[saga_id], _implied_story(flight)
        if story.steps != implied.steps:
            sentence = f"saga {saga_id} is at {implied.steps}, yet its rows say {story.steps}"
            yield Violation("I6", sentence)
        if not story.announced:
            yield Violation("I1", f"saga {saga_id} is in flight, yet its bracket never opened")


class _Sent(NamedTuple):
    """A command that went to a peer, and the saga that awaits its answer there, if any does."""

    dispatch: Dispatch
    saga_id: int
    step: Awaiting | None


def _sent(after: State[Any], changed: list[int], effects: tuple[Effect, ...]) -> list[_Sent]:
    """What was sent. A saga that sends has another entry than before, so it is looked for there."""
    return [
        _awaited(after, changed, effect) or _awaited(after, sorted_keys(after.sagas), effect)
        or _Sent(effect, 0, None)
        for effect in effects
        if isinstance(effect, Dispatch) and effect.connection is not None
    ]  # fmt: skip


def _awaited(after: State[Any], saga_ids: list[int], dispatch: Dispatch) -> _Sent | None:
    for saga_id in saga_ids:
        step = step_of(after, saga_id)
        if step is None or step.connection != dispatch.connection:
            continue
        if step.target == dispatch.target and step.command == dispatch.command:
            return _Sent(dispatch, saga_id, step)
    return None


def _commands(before: State[Any], after: State[Any], sent: list[_Sent]) -> Iterator[Violation]:
    """What is sent is what its saga awaits, on the newest connection (in which order: I7)."""
    for one in sent:
        broken = _command(before, after, one)
        if broken is not None:
            yield broken


def _command(before: State[Any], after: State[Any], sent: _Sent) -> Violation | None:
    dispatch, saga_id, step = sent
    if step is None:
        sentence = f"{dispatch.command} went to {dispatch.target}, and no saga in flight awaits"
        return Violation("dispatch", f"{sentence} it there")
    if dispatch.connection != after.links[dispatch.target].connection:
        return Violation("dispatch", f"saga {saga_id} goes to an older connection")
    if dispatch.redelivery != _was_sent(before, saga_id, step):
        return Violation("dispatch", f"saga {saga_id}: redelivery is {dispatch.redelivery}")
    return None


def _was_sent(before: State[Any], saga_id: int, step: Awaiting) -> bool:
    earlier = _same_step(before, saga_id, step)
    return earlier is not None and earlier.sent


def _same_step(before: State[Any], saga_id: int, step: Awaiting) -> Awaiting | None:
    """The step as it was, if it was there already."""
    earlier = step_of(before, saga_id)
    return earlier if earlier is not None and earlier.step_index == step.step_index else None


def _stay_put(
    before: State[Any], after: State[Any], changed: list[int], sent: set[int]
) -> Iterator[Violation]:
    for saga_id in sorted(sent.union(changed)):
        broken = left_too_early(before, after, saga_id, sent=saga_id in sent)
        if broken is not None:
            yield broken


def _counted_as_sent(
    before: State[Any], after: State[Any], changed: list[int]
) -> Iterator[Violation]:
    """A command counts as sent from its first dispatch on, and keeps its place in the order."""
    for saga_id in changed:
        step = step_of(after, saga_id)
        if step is None:
            continue
        if step.sent != (step.connection is not None or _was_sent(before, saga_id, step)):
            yield Violation("dispatch", f"saga {saga_id}: that its command was sent is {step.sent}")
        earlier = _same_step(before, saga_id, step)
        if earlier is not None and earlier.issued != step.issued:
            yield Violation("I7", f"saga {saga_id}: its command changes its place in the order")
        if max(step.issued, step.stay) >= after.counters.next_sequence:
            sentence = f"saga {saga_id}: its command has a number that another one may get"
            yield Violation("timers", sentence)


def _sent_off(
    app: Application[Any],
    before: State[Any],
    after: State[Any],
    changed: list[int],
    effects: tuple[Effect, ...],
) -> Iterator[Violation]:
    """Whatever is awaited on a connection goes out on it; own commands are told too (R-11)."""
    told = [(e.target, e.connection, e.command) for e in effects if isinstance(e, Dispatch)]
    records = [effect.record for effect in effects if isinstance(effect, WriteLog)]
    opened = [record for record in records if isinstance(record, StepOpened)]
    wanted: list[tuple[str, int | None, Command]] = [
        (record.target, None, record.command)
        for record in opened
        if record.target == app.own_target
    ]
    for saga_id in changed:
        step, earlier = step_of(after, saga_id), step_of(before, saga_id)
        if step is None or step.connection is None:
            continue
        if earlier is None or _place(earlier) != _place(step):
            wanted.append((step.target, step.connection, step.command))
    for target, connection, command in wanted:
        if (target, connection, command) not in told:
            yield Violation("dispatch", f"{command} is awaited, and did not go to {target}")


def _place(step: Awaiting) -> tuple[int, int | None]:
    return step.step_index, step.connection
