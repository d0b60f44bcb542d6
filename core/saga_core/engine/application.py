"""What an application gives to the engine: its mirror, its vocabulary, its sagas.

The engine calls these functions and never looks into an application's messages. All of them are
pure. What an application wants published, answered or linked it returns as outputs, in order;
the engine numbers the events and turns the outputs into effects.
"""

from abc import ABC, abstractmethod
from functools import cached_property
from typing import ClassVar, Generic, TypeVar

from msgspec import Struct
from returns.result import Failure, Success

from saga_core.engine.events import ConnectionOpened, LineRejected
from saga_core.engine.messages import BusEvent, Command
from saga_core.engine.saga import Saga
from saga_core.engine.state import M, State


class Publish(Struct, frozen=True, gc=False):
    """Put `event` on the bus. Its version is the engine's to set."""

    event: BusEvent


class Answer(Struct, frozen=True, gc=False):
    """Tell one connection; the event carries the current version, which does not grow."""

    connection: int
    event: BusEvent


class Refuse(Struct, frozen=True, gc=False):
    """Tell one connection what was wrong; the event goes out as it is, version 0."""

    connection: int
    event: BusEvent


class ReplaySince(Struct, frozen=True, gc=False):
    """Send one connection the ring's events with a version above `since`."""

    connection: int
    since: int


class Admit(Struct, frozen=True, gc=False):
    """From here on the connection hears the bus."""

    connection: int


class Attach(Struct, frozen=True, gc=False):
    """The connection is now the newest way to the peer `target`: drain its buffer to it."""

    target: str
    connection: int


class HangUp(Struct, frozen=True, gc=False):
    """End the connection."""

    connection: int
    reason: str


Output = Publish | Answer | Refuse | ReplaySince | Admit | Attach | HangUp

N = TypeVar("N")


class Reaction(Struct, Generic[N], frozen=True, gc=False):
    """The application's next mirror and what it wants done."""

    mirror: N
    outputs: tuple[Output, ...] = ()


class Application(ABC, Generic[M]):
    """Base of every application. `process` names the process in reasons and in its own target."""

    process: ClassVar[str]
    peers: ClassVar[tuple[str, ...]]

    @cached_property
    def own_target(self) -> str:
        """The target whose commands run in the same step, through this application."""
        return f"{self.process}_self"

    @abstractmethod
    def initial_mirror(self) -> M:
        """The mirror before anything happened."""

    @abstractmethod
    def triggers(self, event: BusEvent) -> tuple[Saga, ...]:
        """The sagas that an event without a saga id starts."""

    @abstractmethod
    def saga_id_of(self, message: Command | BusEvent) -> int:
        """The saga that a message belongs to; 0 means none (FACTS R-34)."""

    @abstractmethod
    def address(
        self, target: str, command: Command, saga_id: int
    ) -> Success[Command] | Failure[str]:
        """`command` with the saga's id in it, or why `target` can't take it (FACTS R-10)."""

    def on_opened(self, mirror: M, opened: ConnectionOpened) -> Reaction[M]:
        """A peer's socket opened."""
        del opened
        return Reaction(mirror)

    def on_closed(self, mirror: M, connection: int) -> Reaction[M]:
        """A peer's socket ended. The engine has detached it from its link already."""
        del connection
        return Reaction(mirror)

    @abstractmethod
    def on_command(self, state: State[M], connection: int, command: Command) -> Reaction[M]:
        """A peer sent a command."""

    def on_rejected(self, mirror: M, rejected: LineRejected) -> Reaction[M]:
        """A peer sent a line that is no command."""
        del rejected
        return Reaction(mirror)

    @abstractmethod
    def on_own_command(self, mirror: M, command: Command) -> Reaction[M]:
        """A saga issued a command to this process itself; only `Publish` may come back."""
