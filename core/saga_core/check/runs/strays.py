"""Events that concern nobody, as cues: what `contracts` holds every state to, in real names."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace
from returns.result import Success

from saga_core.check.promises.contracts import NOBODY
from saga_core.check.runs.capsule import Cue
from saga_core.check.runs.scene import Scene, awaited, choices, wire_form
from saga_core.check.scope import Scenario
from saga_core.check.worlds.sent import Sent
from saga_core.check.worlds.view import CURRENT_STAY, OLD_STAY
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
from saga_core.engine.messages import Command, SagaActionFailed, SagaFailed
from saga_core.engine.state import State

_TOLD = frozenset({"answer", "failure report", "send failure"})

_NOWHERE: dict[str, Event] = {
    "connection's end": ConnectionClosed(NOBODY),
    "broken line": LineRejected(NOBODY, "foreign", fatal=True),
}

_UNKNOWN: dict[str, Callable[[int], Event]] = {
    "deadline": lambda saga_id: TimerFired(SagaDeadline(saga_id)),
    "failure": lambda saga_id: SagaActionFailed(saga_id, "foreign", 0),
    "end": lambda saga_id: SagaFailed(saga_id, "foreign", 0),
}


def strays(
    scenario: Scenario, here: Scene, known: Iterable[Sent], ids: Sequence[int] | None = None
) -> Iterator[Cue]:
    """Everything that must change nothing here; `known` are commands that sagas can send.

    `ids` are the sagas that strays are about; None: all that there ever were, the next, and nobody.
    """
    if here.state is None:
        return
    unused = here.state.counters.next_saga_id
    ids = range(unused + 1) if ids is None else ids
    others = [saga_id for saga_id in ids if 0 < saga_id < unused]
    for saga_id in ids:
        for event in ("expiry",) if saga_id in here.state.sagas else ("expiry", *_UNKNOWN):
            yield Cue("foreign event", event=event, saga_id=saga_id)
    for saga_id, step in awaited(here.state):
        yield _about("send failure", Sent(saga_id, step.target, step.command), NOBODY)
    for event in _NOWHERE:
        yield Cue("foreign event", event=event, connection=NOBODY)
    for sent in dict.fromkeys((*here.sent, *known)):
        for connection in _live(here.state, sent.target):
            yield from _late(scenario, here.state, sent, connection, others)


def stray_event(scenario: Scenario, here: Scene, cue: Cue) -> Event | None:
    """The event that such a cue means; None if it concerns somebody here after all."""
    if here.state is None or cue.event in _NOWHERE:
        return _NOWHERE.get(cue.event)
    saga_id, in_flight = cue.saga_id, cue.saga_id in here.state.sagas
    if cue.event == "expiry":
        return TimerFired(FrameExpiry(saga_id, OLD_STAY if in_flight else CURRENT_STAY))
    if cue.event == "send failure":
        return _send_failure(scenario, here.state, cue)
    if in_flight:
        return None
    unknown = _UNKNOWN.get(cue.event)
    return _said(scenario, cue) if unknown is None else unknown(saga_id)


def may_be_told(cue: Cue) -> bool:
    """Whether the event may be published, as long as it decides nothing."""
    return cue.event in _TOLD and cue.connection != NOBODY


def unkept(cue: Cue) -> str:
    """What is wrong if such an event changes more than it may."""
    return "concerns an ended saga, yet decides" if may_be_told(cue) else "changed something"


def _late(
    scenario: Scenario, state: State[Any], sent: Sent, connection: int, others: list[int]
) -> Iterator[Cue]:
    """What a peer may still say of ended sagas, and a sender of what is not awaited there."""
    for saga_id in dict.fromkeys((sent.saga_id, *others)):
        match scenario.application.address(sent.target, sent.command, saga_id):
            case Success(command):
                late = Sent(saga_id, sent.target, command)
            case _:
                continue
        if not _awaited(state, late, connection):
            yield _about("send failure", late, connection)
        if saga_id not in state.sagas:
            for says in choices(scenario.answers(command)):
                yield replace(_about("answer", late, connection), says=says)
            yield _about("failure report", late, connection)


def _about(event: str, sent: Sent, connection: int) -> Cue:
    return Cue(
        "foreign event",
        saga_id=sent.saga_id,
        peer=sent.target,
        connection=connection,
        command=wire_form(sent.command),
        event=event,
    )


def _send_failure(scenario: Scenario, state: State[Any], cue: Cue) -> Event | None:
    command = _command(scenario, cue)
    if command is None or _awaited(state, Sent(cue.saga_id, cue.peer, command), cue.connection):
        return None
    return SendFailed(cue.connection, command)


def _said(scenario: Scenario, cue: Cue) -> Event | None:
    """The answer or the failure report to a command of an ended saga."""
    command = _command(scenario, cue)
    if command is None:
        return None
    if cue.event == "failure report":
        return CommandReceived(cue.connection, scenario.failure(command))
    answers = scenario.answers(command)
    for says, answer in zip(choices(answers), answers, strict=True):
        if says == cue.says:
            return CommandReceived(cue.connection, answer)
    return None


def _command(scenario: Scenario, cue: Cue) -> Command | None:
    """The command of a wire form: of all kinds of command with that name, the application's."""
    waiting: list[type[Command]] = [Command]
    for kind in waiting:
        waiting += kind.__subclasses__()
        try:
            command = msgspec.convert(cue.command, kind)
        except (msgspec.ValidationError, TypeError):
            continue
        if scenario.application.saga_id_of(command) == cue.saga_id:
            return command
    return None


def _awaited(state: State[Any], sent: Sent, connection: int) -> bool:
    flight = state.sagas.get(sent.saga_id)
    step = flight.awaiting if flight is not None else None
    return step is not None and (step.connection, step.command) == (connection, sent.command)


def _live(state: State[Any], target: str) -> tuple[int, ...]:
    link = state.links[target]
    return link.older if link.connection is None else (*link.older, link.connection)
