"""Every place that a world can be in, and the moves that lead from one to the next.

A *place* is what decides the next moves, but for the triggers that are left and what a failing
log still lacks: a running process in its world, or a dead one that will be started again. Places
and moves are small integers; a place's moves are worked out once.
"""

from typing import NamedTuple

from saga_core.check.boundaries import astray, failing, passed_over
from saga_core.check.contracts import Contracts
from saga_core.check.happenings import Happening, Up, World
from saga_core.check.memo import Arc, Memo
from saga_core.check.rows import Down, recovery_of
from saga_core.check.scope import DEAD_ANSWERS, Scenario, Scope
from saga_core.check.slots import CLOSING, FREE, OPEN
from saga_core.check.view import Names
from saga_core.engine.events import LogCommitFailed, LogCommitRecovered
from saga_core.engine.history import Violation

_COMING = frozenset({"connect", "second"})


class Move(NamedTuple):
    """What happens, and to whom. `events` are numbers of events.

    `died`: the process dies in the last of the events, after so many effects (`rows.crashes`).
    """

    kind: str
    subject: int
    events: tuple[int, ...]
    died: int | None = None


class Dead(NamedTuple):
    """A process that is not running, and what peers still hold."""

    down: int
    held: int


class Ways(NamedTuple):
    """The moves from one place, as (move, place).

    `deaths`: the process dies. `fails`, `heals`: the log fails, or works again. `broken`: the
    first promise that a move breaks.
    """

    plain: tuple[tuple[int, int], ...] = ()
    deaths: tuple[tuple[int, int], ...] = ()
    fails: tuple[int, int] | None = None
    heals: tuple[int, int] | None = None
    broken: tuple[int, Violation] | None = None


class Places:
    """The places and moves of one scope.

    `honest`: peers do what they are asked, so no saga may fail. Contracts, which need no world, are
    left to the search that has them all.
    """

    def __init__(self, scenario: Scenario, scope: Scope, *, honest: bool = False) -> None:
        self.scope = scope
        self.honest = honest
        self.memo = Memo(scenario, scope)
        self.contracts = Contracts(self.memo)
        self.world = World(self.memo, scope)
        self.places: list[Up | Dead] = []
        self.moves: list[Move] = []
        self._numbers: dict[Up | Dead, int] = {}
        self._moves: dict[Move, int] = {}
        self._ways: list[Ways | None] = []
        self._triggers: dict[tuple[int, int], Ways] = {}
        self._free = (FREE,) * len(self.world.targets)
        self._in_order = tuple(range(1, len(self.world.targets) + 1))
        self._crashes = "crash" in scope.faults
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
                happening = Happening("trigger", which, (event,), here.slots, here.held)
                found = self._joined(here, [happening])
            self._triggers[number, which] = found
        return found

    def dead(self, down: Down) -> int:
        """The place of a process that died while the log lacked rows."""
        return self._place(Dead(self.memo.deaths.kept(down), 0))

    def contract(self, number: int) -> tuple[int, Violation] | None:
        """The first event that changes something here, though it must not."""
        here = self.places[number]
        if isinstance(here, Dead) or self.honest:
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
        number = self._moves.get(move)
        if number is None:
            number = self._moves[move] = len(self.moves)
            self.moves.append(move)
        return number

    def _starting(self, here: Dead) -> Ways:
        arc = self.memo.start(here.down)
        events = (self.memo.event(recovery_of(self.memo.deaths.downs[here.down])),)
        move = self.move(Move("start", 0, events))
        broken = self.memo.broken_start(here.down)
        if broken is not None:
            return Ways(broken=(move, broken))
        deaths: dict[Dead, int] = {}
        again = Happening("start", 0, events, self._free, here.held)
        self._die(deaths, again, 1, arc, here.held)
        place = self._place(Up(arc.to, self._free, here.held))
        return Ways(((move, place),), self._placed(deaths))

    def _running(self, here: Up) -> Ways:
        ways = self._joined(here, [*self.world.happenings(here)])
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
        if begun.broken or ended.broken or ended.to != here.state or begun.closes or ended.closes:
            return None
        place = self._place(here)
        moves = [self.move(Move("log", 0, (fails,))), self.move(Move("heal", 0, (heals,)))]
        return ways._replace(plain=(*ways.plain, *((move, place) for move in moves)))

    def _outage(self, here: Up, ways: Ways) -> Ways:
        degraded = self.memo.states[here.state].log_degraded
        event = LogCommitRecovered(1) if degraded else LogCommitFailed("disk full", 1)
        kind, events = "heal" if degraded else "log", (self.memo.event(event),)
        log = self._joined(here, [Happening(kind, 0, events, here.slots, here.held)])
        if log.broken is not None:
            return log
        (way,) = log.plain
        return ways._replace(heals=way) if degraded else ways._replace(fails=way)

    def _joined(self, here: Up, happenings: list[Happening]) -> Ways:
        plain: dict[tuple[int, int], None] = {}
        deaths: dict[Dead, int] = {}
        for happening in happenings:
            move = self.move(Move(happening.kind, happening.subject, happening.events))
            end = self._follow(here.state, happening, deaths)
            if isinstance(end, Violation):
                return Ways(broken=(move, end))
            plain[move, self._place(end)] = None
        return Ways(tuple(plain), self._placed(deaths))

    def _follow(self, state: int, happening: Happening, deaths: dict[Dead, int]) -> Up | Violation:
        """Where a happening leads, or the promise that it breaks; adds the deaths on its way."""
        kind, subject, events, slots, held = happening
        coming = subject if kind in _COMING else 0
        for done, event in enumerate(events, start=1):
            arc = self.memo.arc(state, event)
            broken = arc.broken or astray(arc.over, slots) or self._failed(arc)
            if broken is not None:
                return broken
            if self._crashes:
                self._die(deaths, happening, done, arc, held)
            state, held = arc.to, self._held(held | arc.sends, arc.names)
            if arc.closes or arc.names.connections != self._in_order:
                slots = _hung_up(slots, arc)
            coming = arc.names.connections.index(coming) + 1 if coming else 0
            if arc.closes:
                break
        missed = passed_over(coming, self._newest(state, coming), slots) if coming else None
        return Up(state, slots, held) if missed is None else missed

    def _die(
        self, deaths: dict[Dead, int], happening: Happening, event: int, arc: Arc, held: int
    ) -> None:
        """Add the ways to die in the step of an event, unless an earlier one leaves the same."""
        kept = 0 if self._forgetful else held | arc.sends
        for done, down in arc.downs:
            dead = Dead(down, kept)
            if dead not in deaths:
                kind, subject, events, _, _ = happening
                deaths[dead] = self.move(Move(kind, subject, events[:event], done))

    def _placed(self, deaths: dict[Dead, int]) -> tuple[tuple[int, int], ...]:
        return tuple((move, self._place(dead)) for dead, move in deaths.items())

    def _held(self, held: int, names: Names) -> int:
        return self.memo.held(held, names) if self._forgetful and held else held

    def _newest(self, state: int, connection: int) -> int | None:
        links = self.memo.states[state].links
        return links[self.world.targets[connection - 1]].connection

    def _failed(self, arc: Arc) -> Violation | None:
        return failing(arc.effects) if self.honest else None

    def _place(self, place: Up | Dead) -> int:
        number = self._numbers.get(place)
        if number is None:
            number = self._numbers[place] = len(self.places)
            self.places.append(place)
            self._ways.append(None)
        return number


def _hung_up(slots: tuple[int, ...], arc: Arc) -> tuple[int, ...]:
    """The connections in their new names; those that the process ends wait for their end."""
    return tuple(
        CLOSING if slots[old - 1] == OPEN and old in arc.closes else slots[old - 1]
        for old in arc.names.connections
    )
