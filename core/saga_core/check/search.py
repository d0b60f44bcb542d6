"""Breadth first through every world of a scope, over integers.

A world is a place, the triggers that are left, and what a failing log still lacks, packed into
one integer. Since the search goes breadth first, the first broken promise that it meets has the
shortest trace there is.
"""

from collections.abc import Callable
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from saga_core.check.scope import LATE_ROWS, Scope
from saga_core.check.worlds.moves import Move
from saga_core.check.worlds.places import Places, Way
from saga_core.check.worlds.rows import Down
from saga_core.engine.history import Violation

_PLACE_BITS = 32
_TRIGGER_BITS = 24
_LOG_SHIFT = _PLACE_BITS + _TRIGGER_BITS
_PLACE = (1 << _PLACE_BITS) - 1
_TRIGGERS = (1 << _TRIGGER_BITS) - 1
_LOOK_EVERY = 64

INTERRUPTED = "interrupted"
OUT_OF_MEMORY = "out of memory"

SPARE_BYTES = 8 << 20
"""Memory that is put by, and given back when there is no more: telling what was found takes some.
Nothing is written into it, so until then it costs addresses only."""

UNREDUCED_WORLD_KB = 1
WORLD_KB = 20
"""What a world takes without reductions, and up to with them: there are fewer, and each one stands
for many. Measured with AgentMux's own sagas."""

Group = tuple[int, tuple[Way, ...]]
"""Ways, and what to add to their places to get the worlds that they lead to."""


class Progress(Struct, frozen=True):
    """How far a search is. Depth is in moves."""

    states: int
    transitions: int
    step_calls: int
    depth: int
    seconds: float


class Limits(Struct, frozen=True):
    """What cuts a search. Memory is counted in worlds of `WORLD_KB`, at most."""

    seconds: float = 3_600.0
    states: int = 20_000_000


class Watch(NamedTuple):
    """The clock, in seconds, and who is told each second."""

    clock: Callable[[], float]
    tell: Callable[[Progress], None]


class Found(NamedTuple):
    """A broken promise: the world it was broken in, by its place in `Search.worlds`, and how.

    `late`: it came up after the search, so there may be a shorter way to break it.
    """

    world: int
    move: int
    violation: Violation
    late: bool = False


class Triggers:
    """How many of each trigger are left, as one number; 0 means that all of them are."""

    def __init__(self, scope: Scope) -> None:
        start = tuple(count for _, count in scope.sagas)
        self.left = [start]
        self.fewer: list[tuple[tuple[int, int], ...]] = []
        known = {start: 0}
        for here in self.left:
            steps: list[tuple[int, int]] = []
            for which, count in enumerate(here):
                if count:
                    less = (*here[:which], count - 1, *here[which + 1 :])
                    if less not in known:
                        known[less] = len(self.left)
                        self.left.append(less)
                    steps.append((which, known[less]))
            self.fewer.append(tuple(steps))


class Search:
    """One search; `run` may be called once. `worlds` are in the order in which they were met."""

    def __init__(self, places: Places, limits: Limits, watch: Watch) -> None:
        self.places = places
        self.worlds: list[int] = [places.first]
        self.index: dict[int, int] = {places.first: 0}
        self.parents: list[tuple[int, int]] = [(-1, -1)]
        self.transitions = 0
        self.depth = 0
        self.cut: str | None = None
        self._triggers = Triggers(places.scope)
        self._forgetful = places.scope.uses(LATE_ROWS)
        self._limits = limits
        self._watch = watch
        self._began = self._told = watch.clock()
        self._crashed: dict[tuple[int, int], tuple[Way, ...]] = {}
        self._spare = bytes(SPARE_BYTES)

    def run(self) -> Found | None:
        """Go through all worlds, or to the first broken promise, or to what cuts the search."""
        done = 0
        try:
            while done < len(self.worlds):
                level = len(self.worlds)
                for number in range(done, level):
                    if (broken := self._visit(number)) is not None:
                        return Found(number, *broken)
                    if number % _LOOK_EVERY == 0 and self._cut():
                        return None
                done = level
                self.depth += done < len(self.worlds)
            return self._last_contracts()
        except KeyboardInterrupt:
            self.cut = INTERRUPTED
        except MemoryError:
            self.give_up()
        return None

    def give_up(self) -> None:
        """There is no more memory: make room to tell what was found."""
        self._spare = b""
        self.cut = OUT_OF_MEMORY

    @property
    def step_calls(self) -> int:
        """How often `step` was called, contracts included."""
        return self.places.memo.step_calls

    def progress(self) -> Progress:
        """How far the search is."""
        return Progress(
            len(self.worlds),
            self.transitions,
            self.step_calls,
            self.depth,
            self._watch.clock() - self._began,
        )

    def path_to(self, world: int) -> list[tuple[int, int]]:
        """The moves from the first world to this one, each with the world it leads to."""
        path = []
        while world > 0:
            parent, move = self.parents[world]
            path.append((move, self.worlds[world]))
            world = parent
        return path[::-1]

    def groups(self, world: int) -> list[Group]:
        """All moves from a world, in groups that leave the same triggers and the same log."""
        place, log = world & _PLACE, world >> _LOG_SHIFT
        base, triggers = world - place, world >> _PLACE_BITS & _TRIGGERS
        ways = self.places.ways(place)
        bare = triggers << _PLACE_BITS
        groups = [(base, ways.plain), (bare, self._deaths(log, place) if log else ways.deaths)]
        if ways.fails is not None:
            lacks = 1 if self._forgetful else self.places.left_number(place) + 1
            groups.append((base + (lacks << _LOG_SHIFT), (ways.fails,)))
        if ways.heals is not None:
            groups.append((bare, (ways.heals,)))
        for which, rest in self._triggers.fewer[triggers]:
            opened = self.places.trigger(place, which)
            less = rest << _PLACE_BITS
            groups.append((less + (log << _LOG_SHIFT), opened.plain))
            late = (death for there, _ in opened.plain for death in self._deaths(log, there))
            groups.append((less, tuple(late) if log else opened.deaths))
        return groups

    def successors(self, world: int) -> list[tuple[int, int]]:
        """All moves from a world, each with the world it leads to."""
        return [
            (move, base + place)
            for base, ways in self.groups(world)
            for place, moves in ways
            for move in moves
        ]

    def place_of(self, world: int) -> int:
        """The place of a world."""
        return world & _PLACE

    def triggers_of(self, world: int) -> int:
        """Which triggers are left in a world, as a number."""
        return world >> _PLACE_BITS & _TRIGGERS

    def broken_in(self, world: int) -> tuple[int, Violation] | None:
        """The first promise that a move from this world breaks, and the move."""
        place = world & _PLACE
        broken = self.places.ways(place).broken
        for which, _ in self._triggers.fewer[self.triggers_of(world)]:
            broken = broken or self.places.trigger(place, which).broken
        return broken

    def _visit(self, number: int) -> tuple[int, Violation] | None:
        world = self.worlds[number]
        broken = self.broken_in(world)
        if broken is not None:
            return broken
        worlds, index, parents = self.worlds, self.index, self.parents
        for base, ways in self.groups(world):
            for place, moves in ways:
                self.transitions += len(moves)
                target = base + place
                if target not in index:
                    index[target] = len(worlds)
                    worlds.append(target)
                    parents.append((number, moves[0]))
        return None

    def _deaths(self, log: int, place: int) -> tuple[Way, ...]:
        """The process dies while its log lacks rows: it comes back with what the log has."""
        if "crash" not in self.places.scope.faults:
            return ()
        found = self._crashed.get((log, place))
        if found is None:
            next_saga_id = self.places.left_here(place).next_saga_id
            left = Down(1) if self._forgetful else self.places.memo.deaths.downs[log - 1]
            next_saga_id = max(left.next_saga_id, next_saga_id)
            down = replace(left, next_saga_id=next_saga_id, excused=True)
            move = self.places.move(Move("crash", 0, ()))
            found = self._crashed[log, place] = ((self.places.dead(down), (move,)),)
        return found

    def _last_contracts(self) -> Found | None:
        """Contracts of states for commands that came up after those states were left."""
        for number, world in enumerate(self.worlds):
            broken = self.places.contract(world & _PLACE)
            if broken is not None:
                return Found(number, *broken, late=True)
        return None

    def _cut(self) -> bool:
        now = self._watch.clock()
        if now - self._told >= 1:
            self._told = now
            self._watch.tell(self.progress())
        if now - self._began > self._limits.seconds:
            self.cut = f"out of time after {self._limits.seconds:g} s"
        elif len(self.worlds) > self._limits.states:
            self.cut = f"over the limit of {self._limits.states} states"
        return self.cut is not None
