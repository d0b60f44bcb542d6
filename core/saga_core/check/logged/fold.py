"""The log's records folded into reducer states: one state, that a run may be in that wrote them.

Every state comes from the last one by `step`; what a log doesn't tell is chosen so that most stays
open. The rules:

1.  *Atomic*: the records of one step have one time, and the log has them all. If it lacks the last
    ones, the process died in that step: then nobody goes on, and the next start settles whatever is
    open. The rows of a process that died and never came back stay as they are.
2.  *At rest*: while nothing is in flight, the process may have ended and started again, which
    leaves no record. A fresh one can do all that the old one could, and more: so it did.
3.  *Ids*: within one run they follow each other. One is missing only if its saga's rows are past
    their retention: then nothing that ended before it opened can still be there.
4.  *Versions*: an answer's version lies above all that must have been on the bus at an earlier time
    of its run (openings, answers, ends), and no other answer has it.
"""

from collections import Counter, deque
from collections.abc import Iterable
from functools import reduce
from typing import Any, NamedTuple

from msgspec.structs import replace

from saga_core.check.logged.causes import Causes
from saga_core.check.logged.peers import Course, Peers
from saga_core.check.logged.said import Dated, Said, said
from saga_core.check.logged.timeline import Story, Timeline
from saga_core.check.scope import LogForm, Scenario
from saga_core.check.worlds.rows import Down, after, left_by, recovery_of
from saga_core.engine import reasons
from saga_core.engine.config import Config
from saga_core.engine.effects import Effect, WriteLog
from saga_core.engine.events import Event, ShutdownRequested
from saga_core.engine.messages import UNSTAMPED, version_of
from saga_core.engine.reducer import Reducer
from saga_core.engine.state import Counters, State

NEVER = "~"
"""A time after all that stand in a log."""


class Attempt(NamedTuple):
    """What an event would write, and how many of these records the log has next.

    `before` is what it came to: a running process, or what a dead one left.
    """

    event: Event
    before: State[Any] | Down
    state: State[Any]
    effects: tuple[Effect, ...]
    written: tuple[Said, ...]
    matched: int

    @property
    def fits(self) -> bool:
        """Whether it writes just what the log says."""
        return 0 < self.matched == len(self.written)


class Fold:
    """A run so far. `here` is its state, or what is left while the process is dead.

    `unopened` are the sagas that open at the present `moment`, ids ascending. `missing_ids` counts
    sagas past their retention.
    """

    def __init__(
        self,
        scenario: Scenario,
        form: LogForm,
        config: Config,
        timeline: Timeline,
        oldest_end: str | None,
    ) -> None:
        self.scenario = scenario
        self.form = form
        self.reducer: Reducer[Any] = Reducer(scenario.application)
        self.peers = Peers(scenario, self.reducer)
        self.causes = Causes(scenario, self.reducer, self.peers)
        self.stories = timeline.stories
        self.unopened: deque[int] = deque()
        self.moment = ""
        self.missing_ids = 0
        self._timeline = timeline
        self._oldest_end = oldest_end
        self._initial = self.reducer.initial_state(config)
        self._fresh = self.peers.join_all(self._initial)
        self.here: State[Any] | Down = self._fresh
        self._opened_at = ""
        self._opened_last = 0
        self._doomed: dict[int, str] = {}
        self._asked: dict[int, tuple[str, str]] = {}
        self._answered: set[int] = set()
        self._touched: list[int] = []
        self._floor = self._told = 0
        self._versions: set[int] = set()

    @property
    def open_ids(self) -> list[int]:
        """The sagas that opened and have not ended, ids ascending."""
        if isinstance(self.here, Down):
            return [row.saga_id for row in self.here.rows]
        return [saga_id for saga_id, _ in self.here.sagas.items()]

    def is_open(self, saga_id: int) -> bool:
        """Whether this saga opened and has not ended."""
        if isinstance(self.here, Down):
            return saga_id in self.open_ids
        return saga_id in self.here.sagas

    @property
    def reached(self) -> int:
        """The version that must have been on the bus by now, in this run."""
        return max(self._floor + self._told, *self._versions, 0)

    def begin(self, moment: str, ids: Iterable[int]) -> None:
        """Turn to the records of another time; `ids` are their sagas."""
        self.moment = moment
        for saga_id in ids:
            first = self.due(saga_id)
            if first is not None and first.said.kind == "opened":
                self.unopened.append(saga_id)
        for saga_id in self._answered:
            del self._asked[saga_id]
        self._answered.clear()
        self._floor = self.reached
        self._told = 0
        self._versions.clear()

    def due(self, saga_id: int, by: int = 0) -> Dated | None:
        """A saga's next record, or the one that comes `by` later, if it is of this moment."""
        story = self.stories.get(saga_id)
        return None if story is None else story.due(self.moment, by)

    def touched(self) -> list[int]:
        """The sagas that had records accounted for since this was last asked."""
        touched, self._touched = self._touched, []
        return touched

    def attempt(self, course: Course, before: Down | None = None) -> Attempt:
        """Make a step, and hold what it writes against the log; `before`: of a dead process.

        An event that the step itself published has the version of the log, if it can have that.
        """
        attempt = self._tried(course, before)
        state, event = course
        version = state.counters.version + self._lag(attempt)
        if version == state.counters.version or version < self._floor:
            return attempt
        counters = replace(state.counters, version=version)
        return self._tried((replace(state, counters=counters), event), before)

    def _tried(self, course: Course, before: Down | None) -> Attempt:
        state, event = course
        reached, effects = self.reducer.step(state, event)
        written = tuple(
            said(effect.record, self.form.line_of)
            for effect in effects
            if isinstance(effect, WriteLog)
        )
        came_to = state if before is None else before
        return Attempt(event, came_to, reached, effects, written, self._matched(written))

    def _lag(self, attempt: Attempt) -> int:
        """How far an answer's version in the log is above that in the first record that differs."""
        if attempt.matched == len(attempt.written):
            return 0
        record = attempt.written[attempt.matched]
        found = self.due(record.saga_id, _count(attempt)[record.saga_id])
        if record.kind != "answered" or found is None or found.said.kind != "answered":
            return 0
        return self._version_in(found.said) - self._version_in(record)

    def _version_in(self, answered: Said) -> int:
        event = self.form.event_of(str(answered.words[0]))
        return UNSTAMPED if event is None else version_of(event)

    def take(self, attempt: Attempt) -> bool:
        """Go on with a step if the log has it, wholly or up to the death of the process."""
        if attempt.fits:
            self._account(attempt.written)
            self._go_on(attempt.state)
            return True
        return attempt.matched > 0 and self._cut(attempt)

    def opening(self, saga_id: int) -> State[Any] | str:
        """The state in which a saga with this id opens, or why there is none."""
        if isinstance(self.here, Down):
            return f"saga {self.open_ids[0]} is open since the process died, and is not settled"
        counters = self.here.counters
        resting = not len(self.here.sagas)
        if saga_id < counters.next_saga_id or saga_id < 1:
            return f"ids grow, and the next one is {counters.next_saga_id}"
        if saga_id > counters.next_saga_id and not resting and not self._past_retention():
            return (
                f"ids follow each other while sagas are in flight, and the next one is"
                f" {counters.next_saga_id}; retention can't have removed it, since it leaves"
                " nothing that ended earlier"
            )
        return replace(self.here, counters=replace(counters, next_saga_id=saga_id))

    def stopped(self, state: State[Any]) -> State[Any]:
        """The same after the process was asked to end while nothing was in flight."""
        return self.reducer.step(state, ShutdownRequested("asked to end"))[0]

    def restarted(self) -> Attempt:
        """The process died, and starts again."""
        down = self.here if isinstance(self.here, Down) else left_by(self.here)
        return self.attempt((self._initial, recovery_of(down)), down)

    def doom(self, saga_id: int) -> str:
        """When a saga's pending command is dropped; empty if it is not."""
        return self._doomed.get(saga_id, "")

    def goes_on(self, saga_id: int) -> bool:
        """Whether a saga has an answer next, and then another command."""
        record, following = self.due(saga_id), self.due(saga_id, 1)
        return (
            record is not None
            and record.said.kind == "answered"
            and following is not None
            and following.said.kind == "asked"
        )

    def stays(self, saga_id: int) -> bool:
        """Whether a saga that goes on outlasts this moment."""
        return self.due(saga_id, 2) is None

    def drop_ahead(self, saga_id: int) -> str:
        """When the next command of a saga that opens or goes on is dropped; else `NEVER`."""
        asked = self.due(saga_id, 1)
        dropped = (
            asked is not None
            and asked.said.kind == "asked"
            and self._end_of_step(saga_id, 1, str(asked.said.words[1])) == "dropped"
        )
        story = self.stories[saga_id]
        return story.times[story.place + 2] if dropped else NEVER

    def at_most_newer(self, saga_id: int, target: str) -> int:
        """How many commands may have been newer at some time of this moment, in any order."""
        since = self._asked[saga_id][0]
        return sum(
            other != saga_id and to == target and at >= since
            for other, (at, to) in self._asked.items()
        )

    def misnumbered(self, version: int) -> str | None:
        """Why no answer of this moment can have this version."""
        if version <= self._floor:
            return f"versions grow, and {self._floor} had been reached before"
        if version in self._versions:
            return f"another answer has version {version}"
        return None

    def prepared(self, saga_id: int, state: State[Any]) -> State[Any]:
        """The same with peers where the saga's next command wants them (`peers`, rules 1, 2)."""
        record = self.due(saga_id, 1)
        if record is None or record.said.kind != "asked":
            return state
        target = str(record.said.words[1])
        alone = bool(self._doomed) or self._end_of_step(saga_id, 1, target) != "free"
        if alone and self._pushes_out(state, target):
            return state
        return self.peers.ready(state, target, alone=alone)

    def _end_of_step(self, saga_id: int, by: int, target: str) -> str:
        """How the command ends whose step opens with the record that comes `by` later."""
        ending = self.stories[saga_id].ahead(by + 1)
        if ending is None or ending.said.kind != "step failed":
            return "free"
        reason = ending.said.words[0]
        if reason == reasons.overflow(target):
            return "dropped"
        return "expires" if reason == reasons.unreachable(target) else "free"

    def _pushes_out(self, state: State[Any], target: str) -> bool:
        """Whether a new command just takes the place of one that is dropped at this moment."""
        link = state.links.get(target)
        full = state.config.buffer_cap
        if link is None or link.connection is not None or not 0 < full == len(link.buffer):
            return False
        return self.due(link.buffer[0]) is not None and bool(self.doom(link.buffer[0]))

    def _matched(self, written: tuple[Said, ...]) -> int:
        """How many of these records the log has next, all with the same time."""
        seen: Counter[int] = Counter()
        openings = 0
        at: str | None = None
        for count, record in enumerate(written):
            found = self.due(record.saga_id, seen[record.saga_id])
            if found is None or found.said != record or (at is not None and found.at != at):
                return count
            if record.kind == "opened":
                assert self.unopened[openings] == record.saga_id, "sagas come by their ids"
                openings += 1
            seen[record.saga_id] += 1
            at = found.at
        return len(written)

    def _account(self, written: tuple[Said, ...]) -> None:
        for record in written:
            story = self.stories[record.saga_id]
            if record.kind == "opened":
                self._see_opening(self.stories[self.unopened.popleft()])
            elif record.kind == "asked":
                self._see_command(record)
            elif record.kind == "answered":
                self._versions.add(self._version_in(record))
            if record.kind in {"answered", "step failed"}:
                self._doomed.pop(record.saga_id, None)
                self._answered.add(record.saga_id)
            if record.kind in {"opened", "closed"}:
                self._told += 1
            story.place += 1
            if record.kind == "closed" and story.ahead() is None:
                del self.stories[record.saga_id]
        self._touched += dict.fromkeys(record.saga_id for record in written)

    def _see_opening(self, story: Story) -> None:
        if self._opened_last:
            self.missing_ids += story.saga_id - self._opened_last - 1
        self._opened_last, self._opened_at = story.saga_id, story.records[0].at

    def _see_command(self, asked: Said) -> None:
        saga_id, target = asked.saga_id, str(asked.words[1])
        self._asked[saga_id] = self.moment, target
        self._answered.discard(saga_id)
        if self._end_of_step(saga_id, 0, target) == "dropped":
            story = self.stories[saga_id]
            self._doomed[saga_id] = story.times[story.place + 1]

    def _go_on(self, state: State[Any]) -> None:
        if len(state.sagas):
            self.here = state
        else:
            self._rest(state.counters.next_saga_id)

    def _rest(self, next_saga_id: int) -> None:
        """Nothing is in flight, so a fresh process runs on (rule 2)."""
        counters = Counters(0, next_saga_id, self._fresh.counters.next_sequence)
        self.here = replace(self._fresh, counters=counters)
        self._floor = self._told = self._opened_last = 0
        self._versions.clear()
        self._doomed.clear()

    def _past_retention(self) -> bool:
        return self._oldest_end is None or self._oldest_end >= self._opened_at

    def _cut(self, attempt: Attempt) -> bool:
        """Whether the process can have died in this step, after what the log has of it."""
        down = self._left_of(attempt)
        if not self._is_end_of_run(attempt, down):
            return False
        self._account(attempt.written[: attempt.matched])
        if down.rows:
            self.here = down
        else:
            self._rest(down.next_saga_id)
        return True

    def _left_of(self, attempt: Attempt) -> Down:
        before = attempt.before
        down = before if isinstance(before, Down) else left_by(before)
        down = replace(down, next_saga_id=attempt.state.counters.next_saga_id)
        records = [effect for effect in attempt.effects if isinstance(effect, WriteLog)]
        return reduce(after, records[: attempt.matched], down)

    def _is_end_of_run(self, attempt: Attempt, down: Down) -> bool:
        """Whether nothing goes on: what is open is settled by a start, or stays as it is."""
        done = _count(attempt)
        nexts = [self.stories[row.saga_id].ahead(done[row.saga_id]) for row in down.rows]
        settled = [record is not None and self.causes.is_recovery(record.said) for record in nexts]
        stays = [record is None for record in nexts]
        if any(stays):
            over = not self._timeline.coming and all(done[i] for i in self.unopened)
            return over and all(a or b for a, b in zip(settled, stays, strict=True))
        return all(settled)


def _count(attempt: Attempt) -> Counter[int]:
    """How many records of each saga the log has of this step."""
    return Counter(record.saga_id for record in attempt.written[: attempt.matched])
