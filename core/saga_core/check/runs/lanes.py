"""A run for people: one line for each move, with what it changed in each lane."""

from collections.abc import Iterable
from typing import Any

from saga_core.check.report import Line
from saga_core.check.runs.capsule import Cue
from saga_core.check.runs.stage import Taken
from saga_core.check.scope import FAULTS
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
from saga_core.engine.messages import tag_of
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


def line_of(taken: Taken, fresh: State[Any]) -> Line:
    """The line of a move; `fresh` is the state that a process starts with."""
    before, after = taken.before.state or fresh, taken.here.state
    return Line(
        move=titled(taken),
        registry=_registry(before, after),
        link=_links(before, after),
        peers=_listed(_peer(effect) for effect in taken.effects),
        timers=_listed(_timer(effect) for effect in taken.effects),
        log=_listed(_row(e.record) for e in taken.effects if isinstance(e, WriteLog)),
        bus=_listed(_told(effect) for effect in taken.effects if isinstance(effect, Emit)),
    )


def titled(taken: Taken) -> str:
    """What happens in a move that was played."""
    if taken.cue.move == "foreign event" and taken.deeds:
        return f"{taken.deeds[0].event} comes, which concerns nobody"
    return title(taken.cue)


def title(cue: Cue) -> str:
    """What happens in the move that a cue means."""
    if cue.dies_after is None:
        return _what(cue)
    where = "in the middle of it" if cue.dies_after else "before anything of it was done"
    return f"{_what(cue)}; the process dies {where}"


def _what(cue: Cue) -> str:
    match cue.move:
        case "answer" | "twice" | "failure" | "lost" | "foreign":
            return f"{cue.peer} {_MOVES[cue.move]} {_asked(cue)}"
        case "deadline" | "expiry" | "send":
            taken = ", though it was taken" if cue.taken else ""
            return f"{FAULTS[cue.move]}: saga {cue.saga_id}{taken}"
        case "foreign event":
            return f"a foreign {cue.event}: saga {cue.saga_id}"
        case kind:
            number = str(cue.connection or "")
            return _joined(" ", (cue.saga, cue.peer, _MOVES.get(kind) or FAULTS[kind], number))


_MOVES = {
    "trigger": "is triggered",
    "restart": "forgets what it was asked: its process dies",
    "connect": "connects as connection",
    "second": "connects once more, as connection",
    "disconnect": "loses connection",
    "closed": "sees the end of connection",
    "answer": "answers",
    "twice": "answers, and will again,",
    "foreign": "answers with another saga's id",
    "failure": "reports a failure of",
    "lost": "never takes",
    "start": "the process starts and recovers",
    "heal": "the log works again",
    "crash": "the process dies",
}


def _asked(cue: Cue) -> str:
    says = ", ".join(f"{name} {_shown(value)}" for name, value in sorted(cue.says.items()))
    poses = f", as if saga {cue.poses_as} had asked" if cue.poses_as else ""
    return f"{cue.command.get('cmd')} of saga {cue.saga_id}{says and f' ({says})'}{poses}"


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


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


def _listed(parts: Iterable[str]) -> str:
    return _joined(", ", parts)


def _joined(separator: str, parts: Iterable[str]) -> str:
    return separator.join(part for part in parts if part)
