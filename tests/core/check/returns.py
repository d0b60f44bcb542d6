"""Orders with compensation: what was reserved is given back if the rest is declined."""

from typing import ClassVar

from msgspec.structs import replace
from tests.core.check.shop import SHOP
from tests.core.engine.order_app import Books, Did, Do, Placed, Say, Shop

from saga_core.check import Scenario
from saga_core.engine import (
    UNSTAMPED,
    Action,
    BusEvent,
    Command,
    Done,
    Failed,
    IssueCommand,
    Publish,
    Reaction,
    Saga,
    SagaBase,
    SagaContext,
    State,
    Wait,
)


class Declined(BusEvent, frozen=True, tag="declined"):
    """A peer won't do a piece of work; the saga that asked decides what that means."""

    work: str
    saga_id: int = 0
    version: int = UNSTAMPED


class Order(SagaBase, frozen=True):
    """Reserve an order, then ship it; give back what was reserved if shipping is declined."""

    work: str = "reserve"

    def name(self) -> str:
        """The kind of saga."""
        return "order"

    def start(self, _context: SagaContext) -> tuple[Saga, Action]:
        """Ask for a piece of work."""
        return self, IssueCommand("warehouse", Do(self.work, "book"))

    def on_event(self, event: BusEvent, context: SagaContext) -> tuple[Saga, Action]:
        """Go on, go back, or end."""
        match self.work, event:
            case "reserve", Did("reserve"):
                return replace(self, work="ship").start(context)
            case "ship", Did("ship"):
                return self, Done()
            case "reserve", Declined("reserve"):
                return self, Failed("sold out")
            case "ship", Declined("ship"):
                return replace(self, work="release").start(context)
            case "release", Did("release"):
                return self, Failed("not shipped, and released")
            case _:
                return self, Wait()


class Returns(Shop):
    """A shop whose peers may decline; only a release that fails can't be handled by the saga."""

    order: ClassVar[type[Order]] = Order

    def __init__(self) -> None:
        super().__init__(lambda event: (self.order(),) if isinstance(event, Placed) else ())

    def saga_id_of(self, message: Command | BusEvent) -> int:
        """What is declined was asked for by somebody."""
        return message.saga_id if isinstance(message, Declined) else super().saga_id_of(message)

    def on_command(self, state: State[Books], connection: int, command: Command) -> Reaction[Books]:
        """A report that a release failed ends its saga at once, any other is told to it."""
        match command:
            case Say("reserve" | "ship" as work, _, saga_id, problem) if problem:
                return Reaction(state.mirror, (Publish(Declined(work, saga_id)),))
            case _:
                return super().on_command(state, connection, command)


RETURNS = replace(SHOP, application=Returns(), triggers={"order": Placed("book")})


class Forgetful(Order, frozen=True):
    """Does not notice that what it reserved is released."""

    def on_event(self, event: BusEvent, context: SagaContext) -> tuple[Saga, Action]:
        """Wait on."""
        return (self, Wait()) if self.work == "release" else super().on_event(event, context)


class Timid(Order, frozen=True):
    """Gives up as soon as something is reserved."""

    def on_event(self, event: BusEvent, context: SagaContext) -> tuple[Saga, Action]:
        """Fail without a reason that any peer gave."""
        if isinstance(event, Did):
            return self, Failed("who knows")
        return super().on_event(event, context)


class Doubtful(Order, frozen=True):
    """Is at a loss if it hears twice that something is reserved."""

    def on_event(self, event: BusEvent, context: SagaContext) -> tuple[Saga, Action]:
        """Wait on for nothing."""
        if self.work == "ship" and isinstance(event, Did) and event.work == "reserve":
            return replace(self, work="nothing"), Wait()
        return super().on_event(event, context)


class Careless(Order, frozen=True):
    """Says that it released what it reserved, and asks for no such thing."""

    def on_event(self, event: BusEvent, context: SagaContext) -> tuple[Saga, Action]:
        """Fail without undoing anything."""
        if isinstance(event, Declined):
            return self, Failed("not shipped, and released")
        return super().on_event(event, context)


class Stubborn(Order, frozen=True):
    """Asks again whatever is declined, as often as it takes."""

    def on_event(self, event: BusEvent, context: SagaContext) -> tuple[Saga, Action]:
        """Ask once more."""
        if isinstance(event, Declined):
            return self.start(context)
        return super().on_event(event, context)


class Selfish(Order, frozen=True):
    """Keeps its own id, and goes by it."""

    mine: int = 0

    def start(self, context: SagaContext) -> tuple[Saga, Action]:
        """Remember who it is."""
        return super(Selfish, replace(self, mine=context.saga_id)).start(context)

    def on_event(self, event: BusEvent, context: SagaContext) -> tuple[Saga, Action]:
        """Fail if it is somebody else."""
        if self.mine != context.saga_id:
            return self, Failed("who am I?")
        return super().on_event(event, context)


def returns_of(kind: type[Order]) -> Scenario:
    """The same shop with another saga."""

    class Other(Returns):
        order = kind

    return replace(RETURNS, application=Other())


FORGETFUL, TIMID, DOUBTFUL = returns_of(Forgetful), returns_of(Timid), returns_of(Doubtful)
"""Three wrong ones: the first hangs once it had to compensate, the second fails for no reason, the
third hangs if a peer answers twice."""

CARELESS, STUBBORN, SELFISH = returns_of(Careless), returns_of(Stubborn), returns_of(Selfish)
"""Three that keep every promise: the first is wrong, the others are hard to check."""
