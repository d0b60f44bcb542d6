"""The records of one moment, in an order in which they can have been written, if there is one.

The log doesn't tell in which order. But few orders need a look, since sagas meet in few places:
ids, buffers, and what ends all of them at once. The rules:

1.  A command is dropped once enough newer ones are pending, the oldest one first. While there are
    too few, more must be issued: by a saga that opens, or goes on.
2.  Then whatever else ends a single saga, then what ends all (a shutdown, a death): with less in
    flight, more is possible.
3.  The next saga opens when nothing else is left to do, but for sagas that go on and stay: these
    are in flight before and after. Among the commands that come so, those that are dropped first
    come first, and those that never are come last: the newer they are, the more use they are of.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from typing import Any, NamedTuple

from saga_core.check.logged.fold import NEVER, Attempt, Fold
from saga_core.check.logged.peers import Course, newer_than, pending
from saga_core.check.logged.said import Dated, told
from saga_core.engine.messages import version_of
from saga_core.engine.state import State

_NOTHING = "nothing that can happen here writes that"


class Trouble(NamedTuple):
    """A record that can't follow. `bounded`: or no way was found that may be there.

    `differs`: the saga whose record is not that of the step which comes closest; 0 if none does.
    """

    record: Dated
    why: str
    bounded: bool = False
    differs: int = 0


class Moment:
    """One look at the records of one time."""

    def __init__(self, fold: Fold, ids: list[int]) -> None:
        self._fold = fold
        self._agenda = deque(ids)
        self._dropping: list[int] = []
        self._ending: deque[int] = deque()
        self._all_ending: list[int] = []
        self._staying: list[tuple[str, int]] = []
        self._sorted: dict[int, Dated] = {}

    def settle(self) -> Trouble | None:
        """Account for every record; or the first for which that can't be done."""
        while True:
            trouble = self._look() or self._act()
            if trouble is not None:
                return trouble
            touched = self._fold.touched()
            if not touched:
                return None
            self._agenda.extend(touched)

    def _look(self) -> Trouble | None:
        """Sort the sagas by what comes next for each; those that are needed to go on do so."""
        while self._agenda:
            saga_id = self._agenda.popleft()
            record = self._fold.due(saga_id)
            opens = record is not None and record.said.kind == "opened"
            if record is None or opens or self._sorted.get(saga_id) is record:
                continue
            self._sorted[saga_id] = record
            if trouble := self._sort(saga_id, record):
                return trouble
            self._agenda.extend(self._fold.touched())
        return None

    def _sort(self, saga_id: int, record: Dated) -> Trouble | None:
        said, causes = record.said, self._fold.causes
        if not self._is_open(saga_id):
            return Trouble(record, f"saga {saga_id} is not in flight")
        if self._fold.goes_on(saga_id):
            if not self._fold.stays(saga_id):
                return self._end(saga_id)
            heappush(self._staying, (self._fold.drop_ahead(saga_id), saga_id))
        elif causes.is_recovery(said) or causes.is_shutdown(said):
            self._all_ending.append(saga_id)
        elif said.kind == "step failed" and self._fold.doom(saga_id):
            self._dropping.append(saga_id)
        else:
            self._ending.append(saga_id)
        return None

    def _act(self) -> Trouble | None:
        """Do what closes the fewest ways; nothing, if nothing is left."""
        self._dropping = [saga_id for saga_id in self._dropping if self._fold.due(saga_id)]
        if self._dropping:
            return self._drop()
        if self._ending:
            return self._end(self._ending.popleft())
        self._all_ending = [saga_id for saga_id in self._all_ending if self._fold.due(saga_id)]
        if self._all_ending:
            return self._end_all()
        return self._issue() if self._fold.unopened or self._staying else None

    def _is_open(self, saga_id: int) -> bool:
        return self._fold.is_open(saga_id)

    def _drop(self) -> Trouble | None:
        state = self._fold.here
        assert isinstance(state, State), "what a dead process left is settled, never dropped"
        oldest = min(self._dropping, key=lambda saga_id: pending(state, saga_id).issued)
        step = pending(state, oldest)
        enough = len(newer_than(state, step)) >= state.config.buffer_cap
        trouble = self._tried(oldest, self._courses(state, oldest)) if enough else None
        if enough and trouble is None:
            return None
        if enough and self._ending:
            return self._end(self._ending.popleft())
        opens = bool(self._fold.unopened) and isinstance(
            self._fold.opening(self._fold.unopened[0]), State
        )
        if opens:
            return self._issue()
        if self._staying:
            return self._end(heappop(self._staying)[1])
        if trouble is not None and trouble.differs == oldest:
            return trouble
        return self._not_dropped(state, oldest)

    def _issue(self) -> Trouble | None:
        """Issue one more command (rule 3)."""
        if self._staying:
            dropped = self._staying[0][0]
            unopened = self._fold.unopened
            if not unopened or NEVER != dropped <= self._fold.drop_ahead(unopened[0]):
                return self._end(heappop(self._staying)[1])
        return self._open()

    def _not_dropped(self, state: State[Any], saga_id: int) -> Trouble:
        record, target = self._fold.due(saga_id), pending(state, saga_id).target
        assert record is not None
        newer, cap = self._fold.at_most_newer(saga_id, target), state.config.buffer_cap
        holds = f"the buffer for {target} holds {cap} command(s)"
        if newer < cap:
            return Trouble(record, f"{holds}, and only {newer} newer one(s) are pending")
        return Trouble(record, f"{holds}, and no way was found to push it out", bounded=True)

    def _end(self, saga_id: int) -> Trouble | None:
        """Something happens to one saga."""
        state, record = self._fold.here, self._fold.due(saga_id)
        assert record is not None
        assert isinstance(state, State), "what a dead process left is settled, and no more"
        if record.said.kind == "answered":
            event = self._fold.form.event_of(str(record.said.words[0]))
            if event is None:
                return Trouble(record, "that is no event")
            if (why := self._fold.misnumbered(version_of(event))) is not None:
                return Trouble(record, why)
        trouble = self._tried(saga_id, self._courses(state, saga_id))
        if trouble is None or trouble.why != _NOTHING:
            return trouble
        return trouble._replace(bounded=self._fold.causes.waited_too_long(state, record.said))

    def _courses(self, state: State[Any], saga_id: int) -> Iterator[Course]:
        """What can make a saga's next record, if it is one of an answer or an end."""
        record = self._fold.due(saga_id)
        assert record is not None
        said, causes = record.said, self._fold.causes
        if said.kind == "answered":
            event = self._fold.form.event_of(str(said.words[0]))
            assert event is not None
            yield from causes.of_answer(self._fold.prepared(saga_id, state), saga_id, event)
        elif said.kind in {"step failed", "closed"}:
            yield from causes.of_failure(state, saga_id, said.words[-1] or "", self._fold.doom)

    def _end_all(self) -> Trouble | None:
        """The process is asked to end, or died and starts again."""
        state, first = self._fold.here, min(self._all_ending)
        record = self._fold.due(first)
        assert record is not None
        if isinstance(state, State) and self._fold.causes.is_shutdown(record.said):
            attempt = self._fold.attempt(self._fold.causes.ends_all(state))
        else:
            attempt = self._fold.restarted()
        if self._fold.take(attempt):
            return None
        return self._first_difference(first, record, attempt)

    def _open(self) -> Trouble | None:
        saga_id = self._fold.unopened[0]
        record = self._fold.due(saga_id)
        assert record is not None
        state = self._fold.opening(saga_id)
        if isinstance(state, str):
            return Trouble(record, state)
        name, snapshot = map(str, record.said.words)
        event = self._fold.form.trigger_of(name, snapshot)
        if event is None:
            return Trouble(record, "no event opens such a saga with such an input")
        courses: list[Course] = [(self._fold.prepared(saga_id, state), event)]
        if not len(state.sagas):
            courses.append((self._fold.stopped(state), event))
        return self._tried(saga_id, courses)

    def _tried(self, saga_id: int, courses: Iterable[Course]) -> Trouble | None:
        """Take the first course that the log has; or say why there is none."""
        attempts: list[Attempt] = []
        for course in courses:
            attempt = self._fold.attempt(course)
            if self._fold.take(attempt):
                return None
            attempts.append(attempt)
        return self._blamed(saga_id, attempts)

    def _blamed(self, saga_id: int, attempts: list[Attempt]) -> Trouble:
        """Which record can't follow: the first that differs from the step that comes closest."""
        own = self._fold.due(saga_id)
        assert own is not None
        closest = max(attempts, key=lambda attempt: attempt.matched, default=None)
        if closest is None or not closest.written:
            return Trouble(own, _NOTHING)
        first = closest.written[0]
        if closest.matched == 0 and (first.saga_id, first.kind) != (saga_id, own.said.kind):
            return Trouble(own, _NOTHING)
        return self._first_difference(saga_id, own, closest)

    def _first_difference(self, saga_id: int, own: Dated, closest: Attempt) -> Trouble:
        missed = closest.written[closest.matched]
        done = closest.written[: closest.matched]
        by = sum(record.saga_id == missed.saga_id for record in done)
        story = self._fold.stories.get(missed.saga_id)
        found = None if story is None else story.ahead(by)
        if found is None or not (
            missed.saga_id == saga_id
            or self._fold.due(missed.saga_id, by)
            or (by > 0 and found.said == missed)
        ):
            why = f"the step that writes it also writes {told([missed])}"
            return Trouble(own, why, differs=missed.saga_id)
        when = f", at {own.at}" if found.said == missed else ""
        why = f"the step that can come here writes {told([missed])}{when}"
        return Trouble(found, why, differs=missed.saga_id)
