"""What must still be possible at the end of a life: whatever happened, everything can end."""

from typing import Any, NamedTuple

from msgspec.structs import replace

from saga_core.check import COMPLETES, ENDS
from saga_core.check.runs.scene import Option, Scene
from saga_core.check.runs.stage import Stage, Taken
from saga_core.check.worlds.boundaries import failing
from saga_core.engine import Effect, Emit, State, Violation
from saga_core.engine.ordered import sorted_keys

_MOVES = 10_000
"""More than any life takes to complete: beyond it goes round."""


_FAULTS = frozenset({"deadline", "disconnect", "second", "shutdown"})
"""What a way to go on may need."""


class Way(NamedTuple):
    """A way to go on: what is said of it, and the moves that it may take, in turns.

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
    "then every peer came back, answered all that it was asked, the newest first, and what"
    " each trigger opened anew",
    COMPLETES,
    (
        ("start", "closed", "disconnect"),
        ("connect",),
        ("connect", "answer"),
        ("connect", "answer", "trigger"),
    ),
)
"""Of a life in which peers refused: who was refused may fail by an answer, and who is new may not.

Each trigger comes once more, so that there is somebody who has to complete.
"""

_WENT_ON = Way(
    "then every peer answered all that it was asked, the newest first",
    COMPLETES,
    ((), ("closed", "connect", "second"), ("closed", "connect", "second", "answer")),
)
"""Of a life with good peers: nothing may have been lost, so nobody leaves in order to come back.

A peer that lost its newest connection comes once more, though an older one may live on. Nobody was
refused, so nobody may fail.
"""


class Endings:
    """Ways to go on from any world; each starts from the same one, which stays as it is."""

    def __init__(self, stage: Stage, *, honest: bool) -> None:
        self._stage = Stage(stage.scenario, replace(stage.scope, faults=_FAULTS))
        self._honest = honest
        self._ways = (_ENDED, _TIMED_OUT, _WENT_ON if honest else _COMPLETED)

    def broken(self, here: Scene) -> tuple[str, Violation] | None:
        """The first promise that one of the ways breaks, and what is said of that way."""
        here = here._replace(left=(1,) * len(here.left))
        for way in self._ways:
            if (violation := self._end(here, way)) is not None:
                return way.says, violation
        return None

    def _end(self, here: Scene, way: Way) -> Violation | None:
        promised = 0 if self._honest else _next_saga_id(here)
        for turn, kinds in enumerate(way.turns):
            here, broken = self._go_on(here, kinds, None if turn == 0 else promised)
            if broken is not None:
                return broken
        left = sorted_keys(here.state.sagas) if here.state is not None else []
        return Violation(way.promise, f"saga {left[0]} stays in flight for ever") if left else None

    def _go_on(
        self, here: Scene, kinds: tuple[str, ...], promised: int | None
    ) -> tuple[Scene, Violation | None]:
        """Take moves of these kinds until there are none that matter.

        `promised`: the sagas from this id on may not fail; None, and any may.
        """
        for _ in range(_MOVES):
            taken = self._next(here, kinds)
            if taken is None:
                break
            broken = taken.broken or _failing(taken, promised)
            if broken is not None:
                return here, broken
            here = taken.here
        return here, None

    def _next(self, here: Scene, kinds: tuple[str, ...]) -> Taken | None:
        useful = [
            option
            for option in self._stage.options.of(here)
            if option.cue.move in kinds and _matters(here, option)
        ]
        return self._stage.take(here, useful[-1]) if useful else None


def _next_saga_id(here: Scene) -> int:
    return here.down.next_saga_id if here.state is None else here.state.counters.next_saga_id


def _failing(taken: Taken, promised: int | None) -> Violation | None:
    """A saga that fails, and had to complete: one of before may, by an answer that it got."""
    if promised is None:
        return None
    cue = taken.cue
    refused = cue.saga_id if cue.move == "answer" and cue.saga_id < promised else 0
    return failing(effect for effect in taken.effects if not _is_end_of(refused, effect))


def _is_end_of(saga_id: int, effect: Effect) -> bool:
    return isinstance(effect, Emit) and getattr(effect.event, "saga_id", 0) == saga_id


def _matters(here: Scene, option: Option) -> bool:
    """An answer matters to a saga that awaits it; another connection to a peer that lacks one.

    A process that was asked to end opens no saga that could complete.
    """
    if here.state is None:
        return True
    if option.cue.move == "second":
        return here.state.links[option.cue.peer].connection is None
    if option.cue.move == "trigger":
        return not here.state.stopping
    return option.cue.move != "answer" or _is_awaited(here.state, option)


def _is_awaited(state: State[Any], option: Option) -> bool:
    flight = state.sagas.get(option.cue.saga_id)
    step = flight.awaiting if flight is not None else None
    return step is not None and step.connection == option.cue.connection
