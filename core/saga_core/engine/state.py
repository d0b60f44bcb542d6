"""The reducer's state: immutable values, maps for what is looked up by key.

What has no bound (versions, ids, sequence numbers) stands in `Counters` and in the two numbers
of an `Awaiting`; what only tells of the past stands in `Outcomes`. The rest is what decides.
"""

from typing import Generic, TypeVar

from msgspec import Struct
from pyrsistent import PMap

from saga_core.engine.config import Config
from saga_core.engine.messages import Command
from saga_core.engine.outcomes import Outcomes
from saga_core.engine.registry import Registry
from saga_core.engine.saga import Saga

M = TypeVar("M")
"""The application's own part of the state: its mirror of the world."""


class Awaiting(Struct, frozen=True, gc=False):
    """A saga's one pending step: its command, and where that command is.

    `connection`: the one it was sent on, whose end would bring it back. None: it waits in its
    link's buffer (or ran here, if the target is the process itself). `issued` orders commands by
    when their sagas issued them; `stay` is new at each move and names one stay in the buffer.
    `sent`: it has been dispatched at least once, so the next time is a redelivery.
    """

    step_index: int
    target: str
    command: Command
    connection: int | None
    issued: int
    stay: int
    sent: bool


class InFlight(Struct, frozen=True, gc=False):
    """A saga that opened and has not ended."""

    saga: Saga
    name: str
    awaiting: Awaiting | None = None
    next_step_index: int = 0


class Link(Struct, frozen=True, gc=False):
    """The way to one peer.

    `connection` is the newest; `older` ones still live and may still answer, but get nothing
    new. `buffer`: ids of the sagas whose command waits, oldest first; empty while connected.
    """

    connection: int | None = None
    older: tuple[int, ...] = ()
    buffer: tuple[int, ...] = ()


class Counters(Struct, frozen=True, gc=False):
    """What only grows. `version` is the last one used, the others are the next to use."""

    version: int = 0
    next_saga_id: int = 1
    next_sequence: int = 1


class State(Struct, Generic[M], frozen=True, gc=False):
    """All that the reducer knows."""

    config: Config
    mirror: M
    sagas: Registry[InFlight]
    links: PMap[str, Link]
    stopping: bool
    log_degraded: bool
    counters: Counters
    outcomes: Outcomes
