"""The shop's own saga for the checker: all that its author writes."""

import msgspec
from msgspec.structs import replace
from tests.core.engine.order_app import Did, Do, Join, Placed, Refused, Say, Shop

from saga_core.check import LogForm, Scenario
from saga_core.engine import (
    Action,
    BusEvent,
    Command,
    CommandReceived,
    ConnectionOpened,
    Done,
    Event,
    IssueCommand,
    Saga,
    SagaBase,
    SagaContext,
    Wait,
)


class Send(SagaBase, frozen=True):
    """Reserve an order, then ship it."""

    work: str = "reserve"

    def name(self) -> str:
        """The kind of saga."""
        return "send"

    def start(self, _context: SagaContext) -> tuple[Saga, Action]:
        """Ask for the first piece of work."""
        return self, IssueCommand("warehouse", Do(self.work, "book"))

    def on_event(self, event: BusEvent, context: SagaContext) -> tuple[Saga, Action]:
        """Go on with the second piece, then be done."""
        if not isinstance(event, Did) or event.work != self.work:
            return self, Wait()
        if self.work == "ship":
            return self, Done()
        return replace(self, work="ship").start(context)


def connect(target: str, connection: int) -> tuple[Event, ...]:
    """A peer of the shop comes in."""
    return ConnectionOpened(connection), CommandReceived(connection, Join(target))


def said(command: Command, problem: str) -> Command:
    """What a peer says to a piece of work."""
    assert isinstance(command, Do)
    return Say(command.work, command.order, command.saga_id, problem)


def opened(event: BusEvent) -> tuple[Saga, ...]:
    """Every order is sent."""
    return (Send(),) if isinstance(event, Placed) else ()


SHOP = Scenario(
    application=Shop(opened),
    triggers={"send": Placed("book")},
    connect=connect,
    answers=lambda command: (said(command, ""),),
    failure=lambda command: said(command, "sold out"),
    peers=("warehouse",),
)

TWO_PEERS = replace(SHOP, peers=("warehouse", "bank"))
"""The same shop, to which a bank connects that nobody asks for anything."""


def misunderstood(command: Command) -> tuple[Command, ...]:
    """A peer that always says that some other work is done."""
    assert isinstance(command, Do)
    return (Say("dusting", command.order, command.saga_id),)


DEAF = replace(SHOP, answers=misunderstood)
"""The same shop with peers whose answers are of no use."""


def event_of(line: str) -> BusEvent | None:
    """The event of a line of the shop's log."""
    try:
        return msgspec.json.decode(line, type=Placed | Did | Refused)
    except msgspec.DecodeError:
        return None


LOGGED = LogForm(
    trigger_of=lambda name, _: Placed("book") if name == "send" else None,
    event_of=event_of,
    line_of=msgspec.json.encode,
)

LOGGED_SHOP = replace(SHOP, log=LOGGED)
LOGGED_DEAF = replace(DEAF, log=LOGGED)
"""The same two, whose logs can be read back."""
