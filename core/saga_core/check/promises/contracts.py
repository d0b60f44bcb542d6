"""What must change nothing, in every state: the cheapest check, and it needs no world.

An event about an unknown id returns *the same state object* and no effects. What a peer says
about an ended saga may be published, but it decides nothing: that is the obligation on which a
search may forget what peers still hold for ended sagas (`scope.DEAD_ANSWERS`).
"""

from collections.abc import Iterator

from saga_core.check.worlds.memo import Memo
from saga_core.check.worlds.sent import Sent, said
from saga_core.check.worlds.view import CURRENT_STAY, OLD_STAY
from saga_core.engine.effects import (
    ArmTimer,
    CancelTimer,
    CloseConnection,
    Dispatch,
    Effect,
    Emit,
    WriteLog,
)
from saga_core.engine.events import (
    CommandReceived,
    ConnectionClosed,
    Event,
    FrameExpiry,
    LineRejected,
    SagaDeadline,
    SendFailed,
    TimerFired,
)
from saga_core.engine.history import Violation
from saga_core.engine.messages import (
    SagaActionFailed,
    SagaCompleted,
    SagaFailed,
    SagaStarted,
)

NOBODY = 1_000_000
"""A connection that never was."""

_DECIDES = (WriteLog, Dispatch, ArmTimer, CancelTimer, CloseConnection)
_BRACKETS = (SagaStarted, SagaCompleted, SagaFailed)


class Contracts:
    """Checks each state of a memo once, and again for commands that came up since."""

    def __init__(self, memo: Memo) -> None:
        self._memo = memo
        self._commands: dict[int, int] = {}
        self._recalled: dict[tuple[int, int], bool] = {}

    def broken_in(self, state: int) -> tuple[Event, Violation] | None:
        """The first event that changes something in this state, though it must not."""
        done = self._commands.get(state)
        if done == len(self._memo.holding.sent):
            return None
        self._commands[state] = len(self._memo.holding.sent)
        if done is None:
            for event in self._foreign(state):
                if not self._ignored(state, event):
                    return event, Violation("contracts", f"{event} changed something")
        for event in self._dead(state, done or 0):
            if not self._decides_nothing(state, event):
                return event, Violation("contracts", f"{event} concerns an ended saga, yet decides")
        return None

    def _ignored(self, state: int, event: Event) -> bool:
        number = self._memo.event(event)
        return self._memo.result(state, number).same and self._recalls_nothing(state, number)

    def _decides_nothing(self, state: int, event: Event) -> bool:
        number = self._memo.event(event)
        result = self._memo.result(state, number)
        if any(decides(effect) for effect in result.effects):
            return False
        if not result.same and not self._memo.leads_back(state, result):
            return False
        return self._recalls_nothing(state, number)

    def _recalls_nothing(self, state: int, event: int) -> bool:
        """Whether it is the same to a process that remembers: once for all that look alike."""
        key = self._memo.alike_but_for_sagas(state), event
        found = self._recalled.get(key)
        if found is None:
            found = self._recalled[key] = self._memo.recalls_nothing(state, event)
        return found

    def _foreign(self, state: int) -> Iterator[Event]:
        here, in_flight = self._memo.states[state], self._memo.in_flight[state]
        for saga_id in range(here.counters.next_saga_id + 1):
            if saga_id in in_flight:
                yield TimerFired(FrameExpiry(saga_id, OLD_STAY))
                continue
            yield TimerFired(SagaDeadline(saga_id))
            yield TimerFired(FrameExpiry(saga_id, CURRENT_STAY))
            yield SagaActionFailed(saga_id, "foreign", 0)
            yield SagaFailed(saga_id, "foreign", 0)
        for saga_id in in_flight:
            if (step := here.sagas[saga_id].awaiting) is not None:
                yield self._failing(Sent(saga_id, step.target, step.command), NOBODY)
        yield ConnectionClosed(NOBODY)
        yield LineRejected(NOBODY, "foreign", fatal=True)

    def _dead(self, state: int, first: int) -> Iterator[Event]:
        """What peers may still say of ended sagas, and senders of commands not awaited there."""
        in_flight, links = self._memo.in_flight[state], self._memo.states[state].links
        for sent in self._memo.holding.sent[first:]:
            link = links[sent.target]
            newest = () if link.connection is None else (link.connection,)
            for connection in (*link.older, *newest):
                if not self._awaited(state, connection, sent):
                    yield self._failing(sent, connection)
                if sent.saga_id in in_flight:
                    continue
                for answer in said(self._memo.scenario, sent.command):
                    yield CommandReceived(connection, answer)

    def _failing(self, sent: Sent, connection: int) -> Event:
        event = self._memo.about(sent, lambda of: SendFailed(connection, of.command))
        return self._memo.events[event]

    def _awaited(self, state: int, connection: int, sent: Sent) -> bool:
        flight = self._memo.states[state].sagas.get(sent.saga_id)
        step = flight.awaiting if flight is not None else None
        return step is not None and (step.connection, step.command) == (connection, sent.command)


def decides(effect: Effect) -> bool:
    """Whether an effect is more than telling what a peer reported."""
    return isinstance(effect, _DECIDES) or (
        isinstance(effect, Emit) and isinstance(effect.event, _BRACKETS)
    )
