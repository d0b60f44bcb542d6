"""A shop whose saga compensates: if an order can't be shipped, what was reserved is put back."""

from typing import ClassVar

from msgspec.structs import replace
from tests.core.check.shop import SHOP, Send
from tests.core.engine.order_app import Books, Did, Placed, Refused, Say, Shop

from saga_core.engine import (
    Action,
    BusEvent,
    Command,
    Failed,
    Publish,
    Reaction,
    Saga,
    SagaContext,
    State,
    Wait,
)


class Refunded(Send, frozen=True):
    """Reserve an order, then ship it, or put it back."""

    def on_event(self, event: BusEvent, context: SagaContext) -> tuple[Saga, Action]:
        """Undo what was done, and only then fail."""
        match event:
            case Refused() if self.work == "ship":
                return replace(self, work="put back").start(context)
            case Refused(why):
                return self, Failed(why)
            case Did("put back") if self.work == "put back":
                return self, Failed("put back")
            case _:
                return super().on_event(event, context)


class Forgetful(Refunded, frozen=True):
    """The same, but it doesn't notice that it is put back."""

    def on_event(self, event: BusEvent, context: SagaContext) -> tuple[Saga, Action]:
        """Wait on for ever."""
        if self.work == "put back" and isinstance(event, Did):
            return self, Wait()
        return super().on_event(event, context)


class Refunds(Shop):
    """A shop in which a refusal is an event that sagas hear, and not their end."""

    saga: ClassVar[type[Refunded]] = Refunded

    def triggers(self, event: BusEvent) -> tuple[Saga, ...]:
        """Every order is sent."""
        return (self.saga(),) if isinstance(event, Placed) else ()

    def on_command(self, state: State[Books], connection: int, command: Command) -> Reaction[Books]:
        """Tell of a refusal."""
        match command:
            case Say(_, _, saga_id, problem) if problem:
                return Reaction(state.mirror, (Publish(Refused(problem, saga_id)),))
            case _:
                return super().on_command(state, connection, command)


class ForgetfulRefunds(Refunds):
    """The same shop with the saga that forgets."""

    saga = Forgetful


REFUNDS = replace(SHOP, application=Refunds())
FORGETFUL = replace(SHOP, application=ForgetfulRefunds())
