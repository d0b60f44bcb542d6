"""Where a happening leads, worked out once for all worlds that differ in what peers hold.

What peers hold decides what can happen; it makes no difference to what comes of it. So the course
of a happening is known by the state of the process, the connections, and the happening.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

from saga_core.check.worlds.boundaries import astray, failing, passed_over
from saga_core.check.worlds.deaths import Torn
from saga_core.check.worlds.happenings import ABOUT, EARLY, LATE, Happening, World
from saga_core.check.worlds.memo import Arc, Memo
from saga_core.check.worlds.slots import CLOSING, OPEN
from saga_core.check.worlds.view import Names
from saga_core.engine.history import Violation


class Outcome(NamedTuple):
    """What comes of events in a state, whatever kind of happening makes them.

    `broken`: the promise that is broken on the way. Else it leads to `state` and `slots`; peers get
    what `sends` says, and names change. `deaths`: if the process dies on the way, what peers got
    before, in which of the events that is, and what can be left.
    """

    broken: Violation | None
    state: int
    slots: tuple[int, ...]
    sends: tuple[tuple[int, Names], ...] = ()
    deaths: tuple[tuple[int, int, Torn], ...] = ()


class Course(NamedTuple):
    """Happenings of one kind of which the same comes, by the numbers of their moves.

    Peers no longer hold `drops`.
    """

    kind: str
    moves: tuple[int, ...]
    drops: int
    outcome: Outcome


class Courses:
    """The courses of one world. `honest`: no saga may fail."""

    def __init__(self, memo: Memo, world: World, *, honest: bool) -> None:
        self._memo = memo
        self._world = world
        self._honest = honest
        self._known: dict[tuple[int, tuple[int, ...], int], tuple[Course, ...]] = {}
        self._state = -1
        self._outcomes: dict[tuple[tuple[int, ...], tuple[int, ...], int], Outcome] = {}
        self._equal: dict[Outcome, Outcome] = {}
        self._in_order = tuple(range(1, len(world.targets) + 1))

    def early(self, state: int, slots: tuple[int, ...]) -> tuple[Course, ...]:
        """Connections come and go."""
        return self._all(state, slots, EARLY)

    def about(self, state: int, slots: tuple[int, ...], bit: int) -> tuple[Course, ...]:
        """What becomes of a command that a peer holds."""
        return self._all(state, slots, ABOUT + bit)

    def late(self, state: int, slots: tuple[int, ...]) -> tuple[Course, ...]:
        """What befalls sagas, and the end of it all."""
        return self._all(state, slots, LATE)

    def of(self, state: int, happening: Happening) -> Course:
        """What comes of one happening."""
        outcome = self._comes_of(state, happening)
        return Course(happening.kind, happening.moves, happening.drops, outcome)

    def _all(self, state: int, slots: tuple[int, ...], which: int) -> tuple[Course, ...]:
        key = state, slots, which
        found = self._known.get(key)
        if found is None:
            happenings = self._world.happenings(state, slots, which)
            found = self._known[key] = tuple(self._joined(state, happenings))
        return found

    def _joined(self, state: int, happenings: Iterable[Happening]) -> Iterator[Course]:
        alike: dict[tuple[str, int, int], tuple[Outcome, list[tuple[int, ...]]]] = {}
        for happening in happenings:
            outcome = self._comes_of(state, happening)
            key = happening.kind, happening.drops, id(outcome)
            found = alike.get(key)
            if found is None:
                alike[key] = outcome, [happening.moves]
            else:
                found[1].append(happening.moves)
        for (kind, drops, _), (outcome, moves) in alike.items():
            yield Course(kind, all_of(moves), drops, outcome)

    def _comes_of(self, state: int, happening: Happening) -> Outcome:
        """Of equal outcomes always the same one, as long as nobody asks about another state."""
        if state != self._state:
            self._state, self._outcomes, self._equal = state, {}, {}
        key = happening.slots, happening.events, happening.coming
        found = self._outcomes.get(key)
        if found is None:
            outcome = self._outcome(state, *key)
            found = self._outcomes[key] = self._equal.setdefault(outcome, outcome)
        return found

    def _outcome(
        self, state: int, slots: tuple[int, ...], events: tuple[int, ...], coming: int
    ) -> Outcome:
        """`coming`: the connection that comes in with these events, 0 if none does."""
        sends: list[tuple[int, Names]] = []
        deaths: list[tuple[int, int, Torn]] = []
        got = 0
        for done, event in enumerate(events, start=1):
            arc = self._memo.arc(state, event)
            broken = arc.broken or astray(arc.deed.over, slots) or self._failed(arc)
            if broken is not None:
                return Outcome(broken, state, slots)
            sent = arc.deed.sends
            if sent or arc.names is not self._memo.names[state]:
                sends.append((sent, arc.names))
            got |= sent
            if arc.downs:
                deaths.append((got, done, arc.downs))
            state, slots = arc.to, self._hung_up(slots, arc)
            coming = arc.names.connections.index(coming) + 1 if coming else 0
            if arc.deed.closes:
                break
        missed = passed_over(coming, self._newest(state, coming), slots) if coming else None
        return Outcome(missed, state, slots, tuple(sends), tuple(deaths))

    def _hung_up(self, slots: tuple[int, ...], arc: Arc) -> tuple[int, ...]:
        """The connections in their new names; those that the process ends wait for their end."""
        closes = arc.deed.closes
        if not closes and arc.names.connections == self._in_order:
            return slots
        return tuple(
            CLOSING if slots[old - 1] == OPEN and old in closes else slots[old - 1]
            for old in arc.names.connections
        )

    def _newest(self, state: int, connection: int) -> int | None:
        links = self._memo.states[state].links
        return links[self._world.targets[connection - 1]].connection

    def _failed(self, arc: Arc) -> Violation | None:
        return failing(arc.deed.effects) if self._honest else None


def all_of(moves: list[tuple[int, ...]]) -> tuple[int, ...]:
    """All of these moves, each once."""
    return moves[0] if len(moves) == 1 else tuple(dict.fromkeys(chain.from_iterable(moves)))
