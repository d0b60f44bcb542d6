"""The promises of DESIGN 4, I1 to I9, as predicates over what a step did.

`observe` is told of every step and returns what it broke. An effect is judged by what was told
before it, so order counts (I3); a state is judged by what was told in all (I6, I7).

A step costs as much as it does, not as much as is in flight. The promises held before it, or
`observe` would have said so; so they can break only for sagas that its effects name or whose
entries it changed. The latter are found by comparing the two registries
(`Registry.changed_keys`), whatever the effects say: a saga that is dropped, added or moved on in
silence is judged like any other. A recovery begins a new history; there everything is judged.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from saga_core.engine.alone import concerned, strayed
from saga_core.engine.application import Application
from saga_core.engine.effects import ArmTimer, CancelTimer, Dispatch, Effect, Emit, WriteLog
from saga_core.engine.events import Event, RecoveryRequested, SagaDeadline
from saga_core.engine.history import History, StepState, Story, Telling, Violation
from saga_core.engine.messages import (
    SagaCompleted,
    SagaFailed,
    SagaStarted,
    version_of,
)
from saga_core.engine.ordered import sorted_items, sorted_keys
from saga_core.engine.records import (
    SagaClosed,
    SagaOpened,
    StepFailed,
    StepOpened,
    StepSucceeded,
    UnresolvedSaga,
)
from saga_core.engine.registry import Registry
from saga_core.engine.state import M, State
from saga_core.engine.waiting import buffers_hold, frames_stay, overflow_is_due

Verdict = tuple[History, tuple[Violation, ...]]


class Observed(NamedTuple):
    """What a step told and broke.

    `changed` are the sagas whose entries it changed, ascending; `touched` those and the ones that
    its effects name: of no other can anything be different from before.
    """

    history: History
    broken: tuple[Violation, ...]
    changed: list[int]
    touched: set[int]


def observe(
    app: Application[M],
    history: History,
    before: State[M],
    event: Event,
    after: State[M],
    effects: tuple[Effect, ...],
) -> Verdict:
    """The history after this step, and the promises I1 to I9 that the step broke.

    What else a step must keep (which timers, which connection, what a row tells) is judged by
    `saga_core.check` and `saga_core.simulate`. `history` is what was told of the steps that led to
    `before`, none of which broke any.
    """
    observed = observe_closely(app, history, before, event, after, effects)
    return observed.history, observed.broken


def observe_closely(
    app: Application[M],
    history: History,
    before: State[M],
    event: Event,
    after: State[M],
    effects: tuple[Effect, ...],
) -> Observed:
    """As `observe`, and which sagas it looked at."""
    told = _Told(app, _told_of_recovery(history, event))
    _tell(told, effects)
    history = _settled(told)
    told.broken += _foreign_changes_nothing(app, before, event, after, effects)
    changed = after.sagas.changed_keys(before.sagas)
    closed = [story.closed for story in told.sagas.values() if story.closed is not None]
    told.broken += strayed(app, before, event, after, effects, changed, closed)
    touched = {*told.sagas, *changed}
    if closed:
        told.broken += overflow_is_due(before, after, closed, touched)
    if isinstance(event, RecoveryRequested):
        touched.update(sorted_keys(history.stories), sorted_keys(after.sagas))
    told.broken += _in_flight_is_told(touched, history, after)
    if touched or after.links is not before.links:
        told.broken += buffers_hold(history, after)
    if after.links is not before.links:
        told.broken += frames_stay(before, after, told.sent)
    return Observed(history, tuple(told.broken), changed, touched)


def _told_of_recovery(history: History, event: Event) -> History:
    """A new run knows the rows that an earlier one left open, and that run's ids."""
    if not isinstance(event, RecoveryRequested):
        return history
    highest = max(history.highest_id, event.first_free_id - 1)
    stories: Registry[Story] = Registry()
    for row in event.unresolved:
        stories = stories.set(row.saga_id, Story(announced=True, steps=_steps_of(row)))
    return History(stories, highest_id=highest)


def _steps_of(row: UnresolvedSaga) -> tuple[StepState, ...]:
    count = max(row.pending_steps, default=-1) + 1
    return tuple("pending" if i in row.pending_steps else "succeeded" for i in range(count))


class _Told:
    """What is told while a step's effects are gone through; `sagas` are those that they name.

    `sent`: those whose commands went to peers; `newest`: the latest issued of these, by target.
    """

    __slots__ = (
        "app", "before", "broken", "commands", "highest_id", "newest", "sagas", "sent", "version"
    )  # fmt: skip

    def __init__(self, app: Application[Any], history: History) -> None:
        self.app = app
        self.before = history
        self.version = history.version
        self.highest_id = history.highest_id
        self.commands = history.commands
        self.sagas: dict[int, Telling] = {}
        self.sent: set[int] = set()
        self.newest: dict[str, int] = {}
        self.broken: list[Violation] = []

    def of(self, saga_id: int) -> Telling | None:
        """The story of a saga whose row is open, or was before this step."""
        telling = self.sagas.get(saga_id)
        if telling is None and (story := self.before.stories.get(saga_id)) is not None:
            telling = self.sagas[saga_id] = Telling(story)
        return telling

    def breaks(self, invariant: str, sentence: str) -> None:
        """A promise is broken."""
        self.broken.append(Violation(invariant, sentence))


def _tell(told: _Told, effects: tuple[Effect, ...]) -> None:
    for effect in effects:
        about: Any = effect
        kind: type = type(effect)
        if kind is WriteLog:
            about = about.record
            kind = type(about)
        elif kind is Emit:
            about = about.event
            kind = type(about)
            _judge_version(told, version_of(about))
        rule = _RULES.get(kind)
        if rule is not None:
            rule(told, about)


def _judge_version(told: _Told, version: int) -> None:
    if version != told.version + 1:
        told.breaks("I5", f"version {version} follows {told.version}")
    told.version = version


def _opened(told: _Told, record: SagaOpened) -> None:
    saga_id = record.saga_id
    if saga_id <= told.highest_id:
        highest = told.highest_id
        told.breaks("I9", f"saga id {saga_id} was used before: the highest is {highest}")
        return
    told.highest_id = saga_id
    told.sagas[saga_id] = Telling(Story())


def _step_opened(told: _Told, record: StepOpened) -> None:
    saga_id, story = record.saga_id, told.of(record.saga_id)
    if story is None or story.closed is not None:
        told.breaks("I1", f"a step opens under saga {saga_id}, which is not open")
        return
    if record.step_index != len(story.steps) or "pending" in story.steps:
        told.breaks("I4", f"saga {saga_id} opens step {record.step_index} after {story.steps}")
    told.commands += 1
    story.steps, story.issued = (*story.steps, "pending"), told.commands


def _step_closed(told: _Told, record: StepSucceeded | StepFailed) -> None:
    saga_id, index = record.saga_id, record.step_index
    story = told.of(saga_id)
    if story is None or story.steps[index : index + 1] != ("pending",):
        told.breaks("I4", f"saga {saga_id} ends step {index}, which is not pending")
        return
    state: StepState = "succeeded" if isinstance(record, StepSucceeded) else "failed"
    story.steps = (*story.steps[:index], state, *story.steps[index + 1 :])


def _closed(told: _Told, record: SagaClosed) -> None:
    saga_id, story = record.saga_id, told.of(record.saga_id)
    if story is None or story.closed is not None:
        told.breaks("I1", f"the row of saga {saga_id} closes, but is not open")
        return
    if "pending" in story.steps:
        told.breaks("I4", f"saga {saga_id} closes over a pending step: {story.steps}")
    story.closed = record


def _judge_start(told: _Told, event: SagaStarted) -> None:
    saga_id, story = event.saga_id, told.of(event.saga_id)
    if story is None:
        told.breaks("I3", f"saga {saga_id} is announced before its row")
        return
    if story.announced:
        told.breaks("I1", f"saga {saga_id} is announced a second time")
    story.announced = True


def _judge_end(told: _Told, event: SagaCompleted | SagaFailed) -> None:
    saga_id, story = event.saga_id, told.of(event.saga_id)
    if story is None or story.ended is not None:
        told.breaks("I1", f"saga {saga_id} ends on the bus, but is not open there")
        return
    if story.closed is None:
        told.breaks("I3", f"saga {saga_id} ends on the bus before its row closes")
    story.ended = event


def _judge_timer(told: _Told, effect: ArmTimer | CancelTimer) -> None:
    """A saga has one deadline for all its steps together (FACTS 3.1)."""
    timer = effect.timer
    if not isinstance(timer, SagaDeadline):
        return
    story, arms = told.of(timer.saga_id), isinstance(effect, ArmTimer)
    if story is None:
        told.breaks("I6", f"a deadline for saga {timer.saga_id}, which is not open")
        return
    if arms and story.armed:
        told.breaks("I6", f"the deadline of saga {timer.saga_id} is armed a second time")
    story.armed = arms


def _judge_dispatch(told: _Told, effect: Dispatch) -> None:
    saga_id = told.app.saga_id_of(effect.command)
    story = told.of(saga_id)
    where = f"{effect.target} {effect.connection}"
    if not saga_id:
        told.breaks("I2", f"a command goes to {where} without its saga's id: see `address`")
    elif story is None or story.closed is not None:
        told.breaks("I2", f"saga {saga_id} ended, yet goes to {where}")
    elif "pending" not in story.steps or not story.announced or not story.armed:
        told.breaks("I3", f"saga {saga_id} goes to {where} before its row, bracket or deadline")
    elif effect.connection is not None:
        _judge_turn(told, effect.target, saga_id, story.issued)


def _judge_turn(told: _Told, target: str, saga_id: int, issued: int) -> None:
    """A peer gets each command once in a step, and in the order of issue."""
    if saga_id in told.sent:
        told.breaks("I7", f"saga {saga_id} is sent twice in one step")
    elif issued < told.newest.get(target, 0):
        told.breaks("I7", f"saga {saga_id} is sent after a newer command")
    told.sent.add(saga_id)
    told.newest[target] = issued


_RULES: dict[type, Callable[[_Told, Any], None]] = {
    SagaOpened: _opened,
    StepOpened: _step_opened,
    StepSucceeded: _step_closed,
    StepFailed: _step_closed,
    SagaClosed: _closed,
    SagaStarted: _judge_start,
    SagaCompleted: _judge_end,
    SagaFailed: _judge_end,
    ArmTimer: _judge_timer,
    CancelTimer: _judge_timer,
    Dispatch: _judge_dispatch,
}
"""By the type of an effect, or of the record or the event in it."""


def _settled(told: _Told) -> History:
    """After a step: a saga ended in the log and on the bus, or in neither; then forget it."""
    stories = told.before.stories
    for saga_id, story in sorted(told.sagas.items()):
        if story.closed is None and story.ended is None:
            stories = stories.set(saga_id, story.story())
            continue
        if not _same_end(story):
            sentence = f"log and bus differ on saga {saga_id}: {story.closed}, {story.ended}"
            told.breaks("I1", sentence)
        if story.armed:
            told.breaks("I6", f"saga {saga_id} ended with its deadline armed")
        if saga_id in stories:
            stories = stories.remove(saga_id)
    return History(stories, told.version, told.highest_id, told.commands)


def _same_end(story: Telling) -> bool:
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
) -> Iterator[Violation]:
    saga_id = concerned(app, event)
    if saga_id and (after is not before or effects) and saga_id not in before.sagas:
        sentence = f"{type(event).__name__} of unknown saga {saga_id} changed something"
        yield Violation("I8", sentence)


def _in_flight_is_told(
    touched: Iterable[int], history: History, state: State[M]
) -> Iterator[Violation]:
    for saga_id in touched:
        story = history.stories.get(saga_id)
        armed = story is not None and story.armed
        if (saga_id in state.sagas) != armed or (story is not None) != armed:
            yield Violation("I6", _who_is_where(history, state))
            return


def _who_is_where(history: History, state: State[M]) -> str:
    in_flight, told = sorted_keys(state.sagas), sorted_keys(history.stories)
    armed = [saga_id for saga_id, story in sorted_items(history.stories) if story.armed]
    return f"in flight {in_flight}, open rows {told}, deadlines armed {armed}"
