"""A run as a small text that outlives the code it was found in.

A capsule names each move by what people call it: which peer, which connection, which saga, what
it was asked on the wire. It holds no state, no number of an event and no pickle, so it can be
played against any later reducer, which may find a move impossible (`replay`).
"""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct
from returns.result import Failure, Success

from saga_core.check.scope import FAULTS, Scope

FORMAT = "saga-capsule-1"
"""The only format so far."""

AGENTMUX = "AgentMux"
"""The application that needs no `module:name`."""


class Cue(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Which move comes next. `KINDS` says which fields a kind of move needs.

    `command`: what was asked, in its wire form without the saga's id; `says`: those fields of the
    answer that tell it from the other possible ones. `poses_as`: the saga whose id a foreign
    answer carries. `taken`: a peer got the command, though its sending failed. `event`: what comes
    that concerns nobody. `dies_after`: the process dies once so many effects are done of event
    number `dies_in`; None, if it lives on.
    """

    move: str
    saga: str = ""
    saga_id: int = 0
    peer: str = ""
    connection: int = 0
    command: dict[str, Any] = {}
    says: dict[str, Any] = {}
    poses_as: int = 0
    taken: bool = False
    event: str = ""
    dies_in: int = 1
    dies_after: int | None = None


class Bounds(Struct, frozen=True, forbid_unknown_fields=True):
    """The scope that the run was found in: each saga's triggers, the cap, what could go wrong."""

    sagas: dict[str, int]
    buffer_cap: int
    connections: int
    faults: tuple[str, ...]


class Capsule(Struct, frozen=True, forbid_unknown_fields=True):
    """A run, and the promise that it broke when it was found.

    `application` is `AgentMux` or `module:name`. `repeats`: None, or from which of the moves on the
    run goes round for ever; equal to their number, it stays where it is.
    """

    format: str
    application: str
    scope: Bounds
    promise: str
    sentence: str
    moves: tuple[Cue, ...]
    repeats: int | None = None


KINDS: dict[str, tuple[str, ...]] = {
    "trigger": ("saga",),
    "connect": ("peer", "connection"),
    "second": ("peer", "connection"),
    "disconnect": ("peer", "connection"),
    "closed": ("peer", "connection"),
    "restart": ("peer",),
    "answer": ("peer", "connection", "saga_id", "command"),
    "twice": ("peer", "connection", "saga_id", "command"),
    "failure": ("peer", "connection", "saga_id", "command"),
    "foreign": ("peer", "connection", "saga_id", "command", "poses_as"),
    "lost": ("peer", "saga_id", "command"),
    "deadline": ("saga_id",),
    "expiry": ("saga_id",),
    "send": ("saga_id",),
    "shutdown": (),
    "log": (),
    "heal": (),
    "crash": (),
    "start": (),
    "foreign event": ("event",),
}
"""Every kind of move, and what must be said of it."""

STRAYS: dict[str, tuple[str, ...]] = {
    "deadline": (),
    "expiry": (),
    "failure": (),
    "end": (),
    "connection's end": (),
    "broken line": (),
    "send failure": ("peer", "connection", "command"),
    "answer": ("peer", "connection", "command"),
    "failure report": ("peer", "connection", "command"),
}
"""Every foreign event, and what must be said of it; `saga_id` may be 0, which is nobody's."""


def text_of(capsule: Capsule) -> str:
    """The capsule as JSON text, one move a line."""
    fields = [
        f" {_json(name)}: {_moves(capsule.moves) if name == 'moves' else _json(value)}"
        for name, value in msgspec.structs.asdict(capsule).items()
    ]
    return "{\n" + ",\n".join(fields) + "\n}\n"


def capsule_of(text: str) -> Success[Capsule] | Failure[str]:
    """The capsule that `text` holds, or one line that says what is wrong, where, and what to do."""
    try:
        head = msgspec.json.decode(text, type=_Head)
        if head.format != FORMAT:
            return Failure(f"its format is {head.format!r}, and only {FORMAT!r} is read: {_ANEW}")
        capsule = msgspec.json.decode(text, type=Capsule)
    except (msgspec.MsgspecError, RecursionError) as error:
        return Failure(f"not a capsule: {error}: {_ANEW}")
    problem = next(_problems(capsule), None)
    return Success(capsule) if problem is None else Failure(f"not a capsule: {problem}: {_ANEW}")


def scope_of(capsule: Capsule) -> Scope:
    """The scope to play the capsule in: nothing is merged."""
    told = capsule.scope
    return Scope(
        tuple(told.sagas.items()),
        told.buffer_cap,
        frozenset(told.faults),
        told.connections,
        frozenset(),
    )


class _Head(Struct):
    """What every format says of itself."""

    format: str


_ANEW = "mend it, or have `check --capsule` write it anew"


def _problems(capsule: Capsule) -> Iterator[str]:
    told = capsule.scope
    unknown = sorted(set(told.faults) - FAULTS.keys())
    if unknown:
        yield f"unknown fault {unknown[0]!r} at `$.scope.faults`"
    if told.buffer_cap < 0 or told.connections < 1 or min(told.sagas.values(), default=1) < 1:
        yield "a count is too small at `$.scope`"
    if capsule.repeats is not None and not 0 <= capsule.repeats <= len(capsule.moves):
        yield f"there is no move {capsule.repeats} to go round from at `$.repeats`"
    for number, cue in enumerate(capsule.moves):
        if (problem := _unfit(cue)) is not None:
            yield f"{problem} at `$.moves[{number}]`"


def _unfit(cue: Cue) -> str | None:
    """What is wrong with one move, whatever the application is."""
    if cue.move not in KINDS:
        return f"unknown kind of move {cue.move!r}"
    if cue.move == "foreign event" and cue.event not in STRAYS:
        return f"unknown foreign event {cue.event!r}"
    needs = (*KINDS[cue.move], *(STRAYS.get(cue.event, ())))
    missing = [name for name in needs if not getattr(cue, name)]
    if missing:
        return f"a move {cue.move!r} needs {', '.join(missing)}"
    if cue.dies_in < 1 or (cue.dies_after or 0) < 0:
        return "`dies_in` counts from 1, `dies_after` from 0"
    return None


def _moves(moves: tuple[Cue, ...]) -> str:
    if not moves:
        return "[]"
    return "[\n  " + ",\n  ".join(_json(move) for move in moves) + "\n ]"


def _json(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=0).decode()
