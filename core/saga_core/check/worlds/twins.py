"""Three obligations of reductions: what a state has a twin for must decide nothing.

`scope.ORDER`: sagas are called by when they issued their commands, so in a settled state the order
of ids is that of issue. In a *turned* twin the ids are in another order, and all else is the same.
A step that looks at several sagas is made there too, and must do the same: keep its promises or
not, lead to the same settled state, send the same commands, end the same connections. A rule that
compares two ids finds each pair the other way round in the twin with the opposite order; one that
looks at three or more finds each of them in another place in the twin whose ids are turned by one.

Sagas that end in one step end in the order of their ids, in either. So a death between two such
endings leaves other rows, which is why this reduction needs `scope.ROWS` to forget them.

`scope.ALIKE`: in a *reissued* twin the sagas issued in the opposite order as well, so that each
has the place of another in the buffer. Every step is made there too, and must do the same.

`scope.DEGRADED`: in the *degraded* twin the log fails. All but an outage and its end must do the
same there. A step that asks whether the log fails is made there wherever it is made.

The others are looked at where few sagas are in flight (`few`). That is where a rule that decides by
ids shows first: it compares two, or puts three in order; and which has to go from a full buffer
shows with one more than fit.
"""

from collections.abc import Callable, Hashable

from saga_core.check.scope import Scenario, Scope
from saga_core.check.worlds.sent import Sent
from saga_core.check.worlds.settling import Entries, Parts, Settling
from saga_core.engine.effects import CloseConnection, Dispatch, Effect
from saga_core.engine.events import Event, FrameExpiry, SagaDeadline, TimerFired

Others = tuple[tuple[int, int], ...]
"""Each saga in flight, and the one whose id it has in the twin."""


_A_PAIR = 2
"""Of so many, ids can tell two things apart: which is lower, and which is higher."""


def few(scope: Scope) -> int:
    """How many sagas may be in flight in a state whose turned twins are looked at."""
    return max(3, scope.buffer_cap + 1 if scope.buffer_cap < scope.triggers else 0)


def orders(sagas: Entries, looked_at: int) -> list[Others]:
    """Whose id each saga has in the twins, for a step that looked at so many."""
    ids = [saga_id for saga_id, _ in sagas]
    opposite, turned = ids[::-1], [*ids[1:], *ids[:1]]
    ways = [opposite] if turned == opposite or looked_at <= _A_PAIR else [opposite, turned]
    return [tuple(zip(ids, way, strict=True)) for way in ways if way != ids]


class Twins:
    """Says what states, events and effects are in the twin."""

    def __init__(self, scenario: Scenario, settling: Settling) -> None:
        self._scenario = scenario
        self._settling = settling
        self._sources: dict[Event, tuple[Sent, Callable[[Sent], Event]]] = {}
        self._events: dict[tuple[Event, Others], Event] = {}

    def comes_of(self, event: Event, sent: Sent, make: Callable[[Sent], Event]) -> None:
        """`event` is what `make` makes of a command that was sent, whoever sent it."""
        self._sources[event] = sent, make

    def parts(self, parts: Parts, others: Others, *, reissued: bool) -> Parts:
        """The turned twin of a settled state, or the reissued one."""
        return self._settling.renamed(parts, others, reissued=reissued)

    def event(self, event: Event, others: Others) -> Event:
        """The event as it comes to the twin."""
        key = event, others
        found = self._events.get(key)
        if found is None:
            found = self._events[key] = self._turned(event, dict(others))
        return found

    def done(self, effects: tuple[Effect, ...], others: Others) -> Hashable:
        """What a step sent and ended, by the ids of the twin."""
        other = dict(others)
        sent = frozenset([self._sent(e, other) for e in effects if isinstance(e, Dispatch)])
        return sent, tuple([e.connection for e in effects if isinstance(e, CloseConnection)])

    def _turned(self, event: Event, other: dict[int, int]) -> Event:
        match event:
            case TimerFired(SagaDeadline(saga_id)):
                return TimerFired(SagaDeadline(other.get(saga_id, saga_id)))
            case TimerFired(FrameExpiry(saga_id, stay)):
                return TimerFired(FrameExpiry(other.get(saga_id, saga_id), stay))
            case _ if event in self._sources:
                sent, make = self._sources[event]
                return make(sent.by(self._scenario, other.get(sent.saga_id, sent.saga_id)))
            case _:
                return event

    def _sent(self, dispatch: Dispatch, other: dict[int, int]) -> Hashable:
        saga_id = self._scenario.application.saga_id_of(dispatch.command)
        sent = Sent(saga_id, dispatch.target, dispatch.command)
        return sent.by(self._scenario, other.get(saga_id, saga_id)), dispatch.connection
