"""The promises of DESIGN 4, I1 to I9, as predicates over what a step did.

`observe` is told of every step and returns what it broke. An effect is judged by what was told
before it, so order counts (I3); a state is judged by what was told in all (I6, I7).
"""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace
from pyrsistent import pmap

from saga_core.engine.application import Application
from saga_core.engine.effects import ArmTimer, CancelTimer, Dispatch, Effect, Emit, WriteLog
from saga_core.engine.events import Event, RecoveryRequested, SagaDeadline, TimerFired
from saga_core.engine.history import History, StepState, Story, Violation, with_story
from saga_core.engine.messages import (
    BusEvent,
    SagaActionFailed,
    SagaCompleted,
    SagaFailed,
    SagaStarted,
    version_of,
)
from saga_core.engine.ordered import sorted_items
from saga_core.engine.records import (
    SagaClosed,
    SagaOpened,
    StepFailed,
    StepOpened,
    StepSucceeded,
    UnresolvedSaga,
)
from saga_core.engine.state import Link, M, State

Verdict = tuple[History, tuple[Violation, ...]]


def observe(
    app: Application[M],
    history: History,
    before: State[M],
    event: Event,
    after: State[M],
    effects: tuple[Effect, ...],
) -> Verdict:
    """The history after this step, and the promises that the step broke."""
    history = _told_of_recovery(history, event)
    broken: list[Violation] = []
    for effect in effects:
        history, found = _judge(app, history, effect)
        broken += found
    history, found = _settle(history)
    broken += found
    broken += _foreign_changes_nothing(app, before, event, after, effects)
    broken += _in_flight_is_told(history, after)
    broken += _buffers_hold(history, after)
    return history, tuple(broken)


def _told_of_recovery(history: History, event: Event) -> History:
    """A new run knows the rows that an earlier one left open, and that run's ids."""
    if not isinstance(event, RecoveryRequested):
        return history
    highest = max(history.highest_id, event.next_saga_id - 1)
    stories = {row.saga_id: Story(announced=True, steps=_steps_of(row)) for row in event.unresolved}
    return History(pmap(stories), highest_id=highest)


def _steps_of(row: UnresolvedSaga) -> tuple[StepState, ...]:
    count = max(row.pending_steps, default=-1) + 1
    return tuple("pending" if i in row.pending_steps else "succeeded" for i in range(count))


def _judge(app: Application[M], history: History, effect: Effect) -> Verdict:
    match effect:
        case WriteLog(record):
            return _RECORDS[type(record)](history, record)
        case Emit(event):
            return _judge_emit(history, event)
        case ArmTimer(SagaDeadline(saga_id)):
            return _judge_timer(history, saga_id, armed=True)
        case CancelTimer(SagaDeadline(saga_id)):
            return _judge_timer(history, saga_id, armed=False)
        case Dispatch(target, connection, command):
            saga_id = app.saga_id_of(command)
            return _judge_dispatch(history, saga_id, f"{target} {connection}")
        case _:
            return history, ()


def _opened(history: History, record: SagaOpened) -> Verdict:
    saga_id = record.saga_id
    broken = _unless(
        saga_id > history.highest_id,
        Violation("I9", f"saga id {saga_id} was used before: the highest is {history.highest_id}"),
    )
    highest = max(saga_id, history.highest_id)
    return with_story(replace(history, highest_id=highest), saga_id, Story()), broken


def _step_opened(history: History, record: StepOpened) -> Verdict:
    saga_id, story = record.saga_id, history.stories.get(record.saga_id)
    if story is None or story.closed is not None:
        return history, (Violation("I1", f"a step opens under saga {saga_id}, which is not open"),)
    expected = record.step_index == len(story.steps) and "pending" not in story.steps
    broken = _unless(
        expected,
        Violation("I4", f"saga {saga_id} opens step {record.step_index} after {story.steps}"),
    )
    told = replace(story, steps=(*story.steps, "pending"), issued=history.commands + 1)
    return with_story(replace(history, commands=history.commands + 1), saga_id, told), broken


def _step_closed(history: History, record: StepSucceeded | StepFailed) -> Verdict:
    saga_id, index = record.saga_id, record.step_index
    story = history.stories.get(saga_id)
    if story is None or story.steps[index : index + 1] != ("pending",):
        return history, (
            Violation("I4", f"saga {saga_id} ends step {index}, which is not pending"),
        )
    state: StepState = "succeeded" if isinstance(record, StepSucceeded) else "failed"
    steps = (*story.steps[:index], state, *story.steps[index + 1 :])
    return with_story(history, saga_id, replace(story, steps=steps)), ()


def _closed(history: History, record: SagaClosed) -> Verdict:
    saga_id, story = record.saga_id, history.stories.get(record.saga_id)
    if story is None or story.closed is not None:
        return history, (Violation("I1", f"the row of saga {saga_id} closes, but is not open"),)
    broken = _unless(
        "pending" not in story.steps,
        Violation("I4", f"saga {saga_id} closes over a pending step: {story.steps}"),
    )
    return with_story(history, saga_id, replace(story, closed=record)), broken


_RECORDS: dict[type, Callable[[History, Any], Verdict]] = {
    SagaOpened: _opened,
    StepOpened: _step_opened,
    StepSucceeded: _step_closed,
    StepFailed: _step_closed,
    SagaClosed: _closed,
}


def _judge_emit(history: History, event: BusEvent) -> Verdict:
    version = version_of(event)
    gap = _unless(
        version == history.version + 1,
        Violation("I5", f"version {version} follows {history.version}"),
    )
    history = replace(history, version=version)
    match event:
        case SagaStarted(saga_id):
            history, broken = _judge_start(history, saga_id)
        case SagaCompleted() | SagaFailed():
            history, broken = _judge_end(history, event)
        case _:
            broken = ()
    return history, (*gap, *broken)


def _judge_start(history: History, saga_id: int) -> Verdict:
    story = history.stories.get(saga_id)
    if story is None:
        return history, (Violation("I3", f"saga {saga_id} is announced before its row"),)
    broken = _unless(
        not story.announced, Violation("I1", f"saga {saga_id} is announced a second time")
    )
    return with_story(history, saga_id, replace(story, announced=True)), broken


def _judge_end(history: History, event: SagaCompleted | SagaFailed) -> Verdict:
    saga_id, story = event.saga_id, history.stories.get(event.saga_id)
    if story is None or story.ended is not None:
        return history, (Violation("I1", f"saga {saga_id} ends on the bus, but is not open there"),)
    broken = _unless(
        story.closed is not None,
        Violation("I3", f"saga {saga_id} ends on the bus before its row closes"),
    )
    return with_story(history, saga_id, replace(story, ended=event)), broken


def _judge_timer(history: History, saga_id: int, *, armed: bool) -> Verdict:
    story = history.stories.get(saga_id)
    if story is None:
        return history, (Violation("I6", f"a deadline for saga {saga_id}, which is not open"),)
    return with_story(history, saga_id, replace(story, armed=armed)), ()


def _judge_dispatch(history: History, saga_id: int, where: str) -> Verdict:
    story = history.stories.get(saga_id)
    if story is None or story.closed is not None:
        return history, (Violation("I2", f"saga {saga_id} ended, yet goes to {where}"),)
    told = "pending" in story.steps and story.announced and story.armed
    sentence = f"saga {saga_id} goes to {where} before its row, bracket or deadline"
    return history, _unless(told, Violation("I3", sentence))


def _settle(history: History) -> Verdict:
    """After a step: a saga ended in the log and on the bus, or in neither; then forget it."""
    broken: list[Violation] = []
    for saga_id, story in sorted_items(history.stories):
        if story.closed is None and story.ended is None:
            continue
        if not _same_story(story):
            sentence = f"log and bus differ on saga {saga_id}: {story.closed}, {story.ended}"
            broken.append(Violation("I1", sentence))
        if story.armed:
            broken.append(Violation("I6", f"saga {saga_id} ended with its deadline armed"))
        history = replace(history, stories=history.stories.remove(saga_id))
    return history, tuple(broken)


def _same_story(story: Story) -> bool:
    match (story.closed, story.ended):
        case SagaClosed(state="completed"), SagaCompleted():
            return True
        case SagaClosed(state="failed" | "failed_compensation", reason=told), SagaFailed() as ended:
            return told == ended.reason
        case _:
            return False


def _foreign_changes_nothing(
    app: Application[M],
    before: State[M],
    event: Event,
    after: State[M],
    effects: tuple[Effect, ...],
) -> tuple[Violation, ...]:
    saga_id = _concerned(app, event)
    if not saga_id or saga_id in before.sagas:
        return ()
    return _unless(
        after is before and not effects,
        Violation("I8", f"{type(event).__name__} of unknown saga {saga_id} changed something"),
    )


def _concerned(app: Application[M], event: Event) -> int:
    match event:
        case TimerFired(timer):
            return timer.saga_id
        case SagaActionFailed(saga_id):
            return saga_id
        case BusEvent():
            return app.saga_id_of(event)
        case _:
            return 0


def _in_flight_is_told(history: History, state: State[M]) -> tuple[Violation, ...]:
    in_flight = [saga_id for saga_id, _ in sorted_items(state.sagas)]
    told = [saga_id for saga_id, _ in sorted_items(history.stories)]
    armed = [saga_id for saga_id, story in sorted_items(history.stories) if story.armed]
    return _unless(
        in_flight == told == armed,
        Violation("I6", f"in flight {in_flight}, open rows {told}, deadlines armed {armed}"),
    )


def _buffers_hold(history: History, state: State[M]) -> tuple[Violation, ...]:
    broken: list[Violation] = []
    for target, link in sorted_items(state.links):
        broken += _buffer_holds(history, state, target, link)
    return tuple(broken)


def _buffer_holds(
    history: History, state: State[M], target: str, link: Link
) -> tuple[Violation, ...]:
    size, cap = len(link.buffer), state.config.buffer_cap
    waiting = {saga_id: state.sagas.get(saga_id) for saga_id in link.buffer}
    issued = [story.issued for saga_id in link.buffer if (story := history.stories.get(saga_id))]
    return (
        *_unless(size <= cap, Violation("I7", f"{size} commands wait for {target}, over {cap}")),
        *_unless(
            issued == sorted(issued),
            Violation("I7", f"the buffer of {target} is out of order: {link.buffer}"),
        ),
        *_unless(
            link.connection is None or not link.buffer,
            Violation("I7", f"{target} is connected, yet commands wait: {link.buffer}"),
        ),
        *_unless(
            all(f is not None and f.awaiting is not None for f in waiting.values()),
            Violation("I2", f"ended sagas wait for {target}: {link.buffer}"),
        ),
    )


def _unless(kept: bool, violation: Violation) -> tuple[Violation, ...]:
    return () if kept else (violation,)
