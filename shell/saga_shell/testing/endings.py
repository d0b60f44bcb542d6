"""What must still be possible at the end of a life: whatever happened, everything can end."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from msgspec.structs import replace

from saga_core.check import COMPLETES, ENDS
from saga_core.check.runs.scene import Option, Scene
from saga_core.check.runs.stage import Stage, Taken
from saga_core.engine import State, Violation
from saga_core.engine.ordered import sorted_keys

_MOVES = 10_000
"""More than any life takes to complete: beyond it goes round."""


_FAULTS = frozenset({"deadline", "disconnect", "second", "shutdown"})
"""What a way to go on may need."""


class Way(NamedTuple):
    """A way to go on: what is said of it, and the moves that it may take, in up to three turns.

    From the second turn on peers do what they are asked. All of them come before any answers: what
    is asked next must not wait for one, or the buffer overflows. `promise` is broken if a saga is
    in flight when there is no such move left.
    """

    says: str
    promise: str
    turns: tuple[tuple[str, ...], ...]


_ENDED = Way("then the process was asked to end", ENDS, (("shutdown",),))
_TIMED_OUT = Way("then every deadline passed", ENDS, (("deadline",),))
_COMPLETED = Way(
    "then every peer came back and answered all that it was asked, the newest first",
    COMPLETES,
    (("start", "closed", "disconnect"), ("connect",), ("connect", "answer")),
)
_WENT_ON = Way(
    "then every peer answered all that it was asked, the newest first",
    COMPLETES,
    ((), ("closed", "connect", "second"), ("closed", "connect", "second", "answer")),
)
"""Of a life with good peers: nothing may have been lost, so nobody leaves in order to come back.

A peer that lost its newest connection comes once more, though an older one may live on.
"""


class Endings:
    """Ways to go on from any world; each starts from the same one, which stays as it is."""

    def __init__(self, stage: Stage, *, honest: bool) -> None:
        scope = replace(stage.scope, faults=_FAULTS)
        self._quiet = Stage(stage.scenario, scope)
        self._honest = Stage(stage.scenario, scope, honest=True)
        self._ways = (_ENDED, _TIMED_OUT, _WENT_ON if honest else _COMPLETED)

    def broken(self, here: Scene) -> tuple[str, Violation] | None:
        """The first promise that one of the ways breaks, and what is said of that way."""
        for way in self._ways:
            if (violation := self._end(here, way)) is not None:
                return way.says, violation
        return None

    def _end(self, here: Scene, way: Way) -> Violation | None:
        for stage, kinds in zip((self._quiet, self._honest, self._honest), way.turns, strict=False):
            here, broken = _go_on(stage, here, kinds)
            if broken is not None:
                return broken
        left = sorted_keys(here.state.sagas) if here.state is not None else []
        return Violation(way.promise, f"saga {left[0]} stays in flight for ever") if left else None


def _go_on(stage: Stage, here: Scene, kinds: tuple[str, ...]) -> tuple[Scene, Violation | None]:
    """Take moves of these kinds until there are none that matter."""
    for _ in range(_MOVES):
        taken = _next(stage, here, kinds)
        if taken is None:
            break
        if taken.broken is not None:
            return here, taken.broken
        here = taken.here
    return here, None


def _next(stage: Stage, here: Scene, kinds: tuple[str, ...]) -> Taken | None:
    useful = list(_useful(stage, here, kinds))
    return stage.take(here, useful[-1]) if useful else None


def _useful(stage: Stage, here: Scene, kinds: tuple[str, ...]) -> Iterator[Option]:
    for option in stage.options.of(here):
        if option.cue.move in kinds and _matters(here, option):
            yield option


def _matters(here: Scene, option: Option) -> bool:
    """An answer matters to a saga that awaits it; another connection to a peer that lacks one."""
    if here.state is None:
        return True
    if option.cue.move == "second":
        return here.state.links[option.cue.peer].connection is None
    return option.cue.move != "answer" or _is_awaited(here.state, option)


def _is_awaited(state: State[Any], option: Option) -> bool:
    flight = state.sagas.get(option.cue.saga_id)
    step = flight.awaiting if flight is not None else None
    return step is not None and step.connection == option.cue.connection
