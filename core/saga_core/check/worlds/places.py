"""Every place that a world can be in, and the moves that lead from one to the next.

A *place* is what decides the next moves, but for the triggers that are left and what a failing
log still lacks: a running process in its world, or a dead one that will be started again. Places
and moves are small integers; a place's moves are worked out once.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from saga_core.check.promises.contracts import Contracts
from saga_core.check.scope import DEAD_ANSWERS, NO_LESS, Scenario, Scope
from saga_core.check.worlds.courses import Course, Courses, Outcome, all_of
from saga_core.check.worlds.happenings import Up, World
from saga_core.check.worlds.holding import bits
from saga_core.check.worlds.memo import Memo
from saga_core.check.worlds.moves import Move, Moves
from saga_core.check.worlds.rows import Down, recovery_of
from saga_core.check.worlds.slots import FREE
from saga_core.check.worlds.view import Names
from saga_core.engine.events import LogCommitFailed, LogCommitRecovered
from saga_core.engine.history import Violation

_FORGETTING = frozenset({"answer", "lost", "restart", "send"})
"""What can happen in another way, or not at all, so that the peer holds as much as before."""


class Dead(NamedTuple):
    """A process that is not running, and what peers still hold."""

    down: int
    held: int


Way = tuple[int, tuple[int, ...]]
"""A place, and the moves that lead there."""


class Ways(NamedTuple):
    """The moves from one place.

    `deaths`: the process dies. `fails`, `heals`: the log fails, or works again. `broken`: the
    first promise that a move breaks.
    """

    plain: tuple[Way, ...] = ()
    deaths: tuple[Way, ...] = ()
    fails: Way | None = None
    heals: Way | None = None
    broken: tuple[int, Violation] | None = None


class Places:
    """The places and moves of one scope.

    `honest`: peers do what they are asked, so no saga may fail. `contracts`: whether those are
    looked at, too; they need no world, so one search is enough. `memo`: that of other places, whose
    scope differs in nothing that a step sees; None: its own.
    """

    def __init__(
        self,
        scenario: Scenario,
        scope: Scope,
        *,
        honest: bool = False,
        contracts: bool = True,
        memo: Memo | None = None,
    ) -> None:
        self.scope = scope
        self.honest = honest
        self.memo = Memo(scenario, scope) if memo is None else memo
        self._holds_contracts = contracts
        self.contracts = Contracts(self.memo)
        self._moves = Moves()
        self.moves = self._moves.known
        self.world = World(self.memo, scope, self._moves)
        self.places: list[Up | Dead] = []
        self._numbers: dict[Up | Dead, int] = {}
        self._ways: list[Ways | None] = []
        self._triggers: dict[tuple[int, int], Ways] = {}
        self._free = (FREE,) * len(self.world.targets)
        self.passed_over: set[str] = set()
        self._courses = Courses(self.memo, self.world, honest=honest)
        self._holds_on = scope.uses(NO_LESS) and "twice" in scope.faults
        self._forgetful = scope.uses(DEAD_ANSWERS)
        self.first = self._place(Up(self.memo.initial, self._free, 0))

    def ways(self, number: int) -> Ways:
        """All moves from this place but triggers."""
        found = self._ways[number]
        if found is None:
            here = self.places[number]
            broken = self.contract(number)
            if broken is not None:
                found = Ways(broken=broken)
            else:
                found = self._starting(here) if isinstance(here, Dead) else self._running(here)
            self._ways[number] = found
        return found

    def trigger(self, number: int, which: int) -> Ways:
        """The trigger number `which` of the scope comes, or the process dies over it."""
        found = self._triggers.get((number, which))
        if found is None:
            here = self.places[number]
            found = Ways()
            if isinstance(here, Up):
                name = self.scope.sagas[which][0]
                event = self.memo.event(self.memo.scenario.triggers[name])
                happening = self.world.of("trigger", which, (event,), here.slots)
                found = self._joined(here, [self._courses.of(here.state, happening)])
            self._triggers[number, which] = found
        return found

    def dead(self, down: Down) -> int:
        """The place of a process that died while the log lacked rows."""
        return self._place(Dead(self.memo.deaths.kept(down), 0))

    def contract(self, number: int) -> tuple[int, Violation] | None:
        """The first event that changes something here, though it must not."""
        here = self.places[number]
        if isinstance(here, Dead) or not self._holds_contracts:
            return None
        found = self.contracts.broken_in(here.state)
        if found is None:
            return None
        event, violation = found
        return self.move(Move("foreign event", 0, (self.memo.event(event),))), violation

    def left_number(self, number: int) -> int:
        """The number of what is left if the process dies here, with nothing under way."""
        here = self.places[number]
        return here.down if isinstance(here, Dead) else self.memo.left[here.state]

    def left_here(self, number: int) -> Down:
        """What is left if the process dies here, with nothing under way."""
        return self.memo.deaths.downs[self.left_number(number)]

    def open_sagas(self, number: int) -> tuple[int, ...]:
        """The sagas that opened and have not ended."""
        return tuple(row.saga_id for row in self.left_here(number).rows)

    def move(self, move: Move) -> int:
        """The number of a move."""
        return self._moves.number(move)

    def _starting(self, here: Dead) -> Ways:
        arc = self.memo.start(here.down)
        events = (self.memo.event(recovery_of(self.memo.deaths.downs[here.down])),)
        move = self.move(Move("start", 0, events))
        broken = self.memo.broken_start(here.down)
        if broken is not None:
            return Ways(broken=(move, broken))
        deaths: dict[Dead, int] = {}
        for done, down in arc.downs:
            deaths.setdefault(Dead(down, here.held), self.move(Move("start", 0, events, done)))
        place = self._place(Up(arc.to, self._free, here.held))
        return Ways(((place, (move,)),), self._placed(deaths))

    def _running(self, here: Up) -> Ways:
        ways = self._joined(here, self._all(here))
        if "log" not in self.scope.faults or ways.broken is not None:
            return ways
        return self._passing(here, ways) or self._outage(here, ways)

    def _passing(self, here: Up, ways: Ways) -> Ways | None:
        """An outage that leads back here when it ends; None, if it has to be told from here."""
        memo = self.memo
        fails, heals = (
            memo.event(LogCommitFailed("disk full", 1)),
            memo.event(LogCommitRecovered(1)),
        )
        if not memo.forgets_outages or memo.states[here.state].log_degraded:
            return None
        begun = memo.arc(here.state, fails)
        ended = memo.arc(begun.to, heals)
        fine = begun.broken is None and ended.broken is None and ended.to == here.state
        if not fine or begun.deed.closes or ended.deed.closes:
            return None
        place = self._place(here)
        moves = self.move(Move("log", 0, (fails,))), self.move(Move("heal", 0, (heals,)))
        return ways._replace(plain=(*ways.plain, (place, moves)))

    def _outage(self, here: Up, ways: Ways) -> Ways:
        degraded = self.memo.states[here.state].log_degraded
        event = LogCommitRecovered(1) if degraded else LogCommitFailed("disk full", 1)
        kind, events = "heal" if degraded else "log", (self.memo.event(event),)
        happening = self.world.of(kind, 0, events, here.slots)
        log = self._joined(here, [self._courses.of(here.state, happening)])
        if log.broken is not None:
            return log
        (way,) = log.plain
        return ways._replace(heals=way) if degraded else ways._replace(fails=way)

    def _all(self, here: Up) -> Iterator[Course]:
        """What can happen here, in the order of `happenings`."""
        courses, (state, slots, held) = self._courses, here
        yield from courses.early(state, slots)
        for restart in self.world.restarts(slots, held):
            yield courses.of(state, restart)
        for bit in bits(held):
            yield from courses.about(state, slots, bit)
        yield from courses.late(state, slots)

    def _joined(self, here: Up, courses: Iterable[Course]) -> Ways:
        """Where these courses lead from here.

        `passed_over` are the kinds of those left out: another leads to a world with more moves.
        """
        plain: dict[int, list[tuple[int, ...]]] = {}
        deaths: dict[Dead, int] = {}
        met: dict[tuple[int, int], list[tuple[int, ...]]] = {}
        for course in courses:
            kind, moves, drops, outcome = course
            if self._holds_on and here.held & drops and kind in _FORGETTING:
                self.passed_over.add(kind)
                continue
            if outcome.broken is not None:
                return Ways(broken=(moves[0], outcome.broken))
            held = here.held & ~drops
            there = met.get((id(outcome), held))
            if there is None:
                place = self._led_to(outcome, held)
                there = met[id(outcome), held] = plain.setdefault(place, [])
                self._add_deaths(deaths, course, held)
            there.append(moves)
        ways = [(place, all_of(moves)) for place, moves in plain.items()]
        return Ways(tuple(ways), self._placed(deaths))

    def _led_to(self, outcome: Outcome, held: int) -> int:
        for sent, names in outcome.sends:
            held = self._held(held | sent, names)
        return self._place(Up(outcome.state, outcome.slots, held))

    def _add_deaths(self, deaths: dict[Dead, int], course: Course, held: int) -> None:
        for got, event, torn in course.outcome.deaths:
            for effects, down in torn:
                dead = Dead(down, 0 if self._forgetful else held | got)
                if dead not in deaths:
                    deaths[dead] = self._moves.dying(course.moves[0], event, effects)

    def _placed(self, deaths: dict[Dead, int]) -> tuple[Way, ...]:
        return tuple([(self._place(dead), (move,)) for dead, move in deaths.items()])

    def _held(self, held: int, names: Names) -> int:
        return self.memo.holding.kept(held, names) if self._forgetful and held else held

    def _place(self, place: Up | Dead) -> int:
        number = self._numbers.get(place)
        if number is None:
            number = self._numbers[place] = len(self.places)
            self.places.append(place)
            self._ways.append(None)
        return number
