"""A trace for people: one line for each move, with what it changed in each lane."""

from collections.abc import Iterable, Iterator
from typing import Any

from saga_core.check.guide import Step
from saga_core.check.happenings import Up
from saga_core.check.memo import Arc
from saga_core.check.places import Dead, Move
from saga_core.check.report import Line
from saga_core.check.scope import FAULTS
from saga_core.check.search import Search
from saga_core.engine.effects import (
    ArmTimer,
    CancelTimer,
    CloseConnection,
    Dispatch,
    Effect,
    Emit,
    WriteLog,
)
from saga_core.engine.events import FrameExpiry, Timer
from saga_core.engine.messages import Command, tag_of
from saga_core.engine.ordered import sorted_items, sorted_keys
from saga_core.engine.records import (
    LogRecord,
    SagaClosed,
    SagaOpened,
    StepFailed,
    StepOpened,
    StepSucceeded,
)
from saga_core.engine.state import Link, State


def lines(search: Search, steps: Iterable[Step]) -> Iterator[Line]:
    """The lines of a trace from the first world on."""
    here = search.worlds[0]
    for step in steps:
        yield _line(search, here, search.places.moves[step.move])
        here = step.world


def _line(search: Search, world: int, move: Move) -> Line:
    places = search.places
    here = places.places[search.place_of(world)]
    arcs = _arcs(search, here, move)
    effects = tuple(effect for arc in arcs for effect in _done(arc, move, last=arc is arcs[-1]))
    before, after = places.memo.states[_state(search, here)], None
    if move.died is None and move.kind != "crash":
        after = places.memo.states[arcs[-1].to if arcs else _state(search, here)]
    return Line(
        move=_title(search, move),
        registry=_registry(before, after),
        link=_links(before, after),
        peers=_listed(_peer(effect) for effect in effects),
        timers=_listed(_timer(effect) for effect in effects),
        log=_listed(_row(e.record) for e in effects if isinstance(e, WriteLog)),
        bus=_listed(_told(effect) for effect in effects if isinstance(effect, Emit)),
    )


def _state(search: Search, here: Up | Dead) -> int:
    return search.places.memo.initial if isinstance(here, Dead) else here.state


def _arcs(search: Search, here: Up | Dead, move: Move) -> list[Arc]:
    memo = search.places.memo
    if isinstance(here, Dead):
        return [memo.start(here.down)]
    arcs: list[Arc] = []
    state = here.state
    for event in move.events:
        arcs.append(memo.arc(state, event))
        state = arcs[-1].to
        if arcs[-1].closes:
            break
    return arcs


def _done(arc: Arc, move: Move, *, last: bool) -> tuple[Effect, ...]:
    """The effects that were carried out before the process died, if it did."""
    return arc.effects[: move.died] if last and move.died is not None else arc.effects


def _title(search: Search, move: Move) -> str:
    text = _what(search, move)
    if move.died is None:
        return text
    where = "in the middle of it" if move.died else "before anything of it was done"
    return f"{text}; the process dies {where}"


def _what(search: Search, move: Move) -> str:
    places, subject = search.places, move.subject
    match move.kind:
        case "trigger":
            return f"{places.scope.sagas[subject][0]} is triggered"
        case "connect" | "second" | "disconnect" | "closed":
            target = places.world.targets[subject - 1]
            return f"{target} {_MOVES[move.kind]} {subject}"
        case "answer" | "twice" | "foreign" | "failure" | "lost":
            sent = places.memo.commands[subject]
            return f"{sent.target} {_MOVES[move.kind]} {_command(sent.command, sent.saga_id)}"
        case "deadline" | "expiry" | "send":
            return f"{FAULTS[move.kind]}: saga {subject}"
        case "foreign event":
            return f"{places.memo.events[move.events[0]]} comes, which concerns nobody"
        case kind:
            return _MOVES.get(kind, FAULTS.get(kind, kind))


_MOVES = {
    "connect": "connects as connection",
    "second": "connects once more, as connection",
    "disconnect": "loses connection",
    "closed": "sees the end of connection",
    "answer": "answers",
    "twice": "answers, and will again,",
    "foreign": "answers with another saga's id",
    "failure": "reports a failure of",
    "lost": "never takes",
    "restart": "a peer's process dies and forgets what it was asked",
    "start": "the process starts and recovers",
    "heal": "the log works again",
    "crash": "the process dies",
}


def _registry(before: State[Any], after: State[Any] | None) -> str:
    if after is None:
        return "gone"
    old, new = sorted_keys(before.sagas), sorted_keys(after.sagas)
    opened = [f"+{saga_id} {after.sagas[saga_id].name}" for saga_id in new if saga_id not in old]
    ended = [f"-{saga_id}" for saga_id in old if saga_id not in new]
    return _listed((*opened, *ended))


def _links(before: State[Any], after: State[Any] | None) -> str:
    if after is None:
        return "gone"
    shown = [
        f"{target}: {_link(link)}"
        for target, link in sorted_items(after.links)
        if link != before.links[target]
    ]
    return _listed(shown)


def _link(link: Link) -> str:
    where = "not connected" if link.connection is None else f"connection {link.connection}"
    older = f", older {list(link.older)}" if link.older else ""
    waiting = f", waiting {list(link.buffer)}" if link.buffer else ""
    return where + older + waiting


def _peer(effect: Effect) -> str:
    match effect:
        case Dispatch(_, int() as connection, command, again):
            return f"{tag_of(command)} to {connection}{' again' if again else ''}"
        case CloseConnection(connection):
            return f"hang up {connection}"
        case _:
            return ""


def _timer(effect: Effect) -> str:
    match effect:
        case ArmTimer(timer):
            return f"+{_clock(timer)}"
        case CancelTimer(timer):
            return f"-{_clock(timer)}"
        case _:
            return ""


def _clock(timer: Timer) -> str:
    return f"{'expiry' if isinstance(timer, FrameExpiry) else 'deadline'} {timer.saga_id}"


def _row(record: LogRecord) -> str:
    match record:
        case SagaOpened(saga_id):
            return f"{saga_id} opened"
        case StepOpened(saga_id, index):
            return f"{saga_id}.{index} pending"
        case StepSucceeded(saga_id, index):
            return f"{saga_id}.{index} succeeded"
        case StepFailed(saga_id, index):
            return f"{saga_id}.{index} failed"
        case SagaClosed(saga_id, state):
            return f"{saga_id} {state}"


def _told(effect: Emit) -> str:
    saga_id = getattr(effect.event, "saga_id", None)
    return tag_of(effect.event) + (f" {saga_id}" if saga_id else "")


def _command(command: Command, saga_id: int) -> str:
    return f"{tag_of(command)} of saga {saga_id}"


def _listed(parts: Iterable[str]) -> str:
    return ", ".join(part for part in parts if part)
