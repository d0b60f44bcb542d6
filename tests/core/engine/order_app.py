"""A shop on the saga engine: an order is reserved, paid, booked and shipped.

It shares nothing with AgentMux but the engine. The warehouse and the bank are its peers; the
booking is its own, so that step goes to the shop itself.
"""

from collections.abc import Callable
from typing import ClassVar

from msgspec import Struct
from msgspec.structs import replace
from returns.result import Failure, Success

from saga_core.engine import (
    UNSTAMPED,
    Action,
    Admit,
    Application,
    Attach,
    BusEvent,
    Command,
    Done,
    Failed,
    IssueCommand,
    Json,
    Publish,
    Reaction,
    Reducer,
    Saga,
    SagaActionFailed,
    SagaBase,
    SagaContext,
    State,
    Wait,
)


class Join(Command, frozen=True, tag="join"):
    """A peer says who it is."""

    role: str


class Place(Command, frozen=True, tag="place"):
    """A customer orders something."""

    order: str


class Do(Command, frozen=True, tag="do"):
    """The shop asks for one piece of work on an order."""

    work: str
    order: str
    saga_id: int = 0


class Say(Command, frozen=True, tag="say"):
    """A peer says that the work is done, or why it can't be done."""

    work: str
    order: str
    saga_id: int
    problem: str = ""


class Placed(BusEvent, frozen=True, tag="placed"):
    """Somebody ordered something."""

    order: str
    version: int = UNSTAMPED


class Did(BusEvent, frozen=True, tag="did"):
    """One piece of work on an order is done."""

    work: str
    order: str
    saga_id: int = 0
    version: int = UNSTAMPED


class Refused(BusEvent, frozen=True, tag="refused"):
    """The order can't go on."""

    why: str
    saga_id: int
    version: int = UNSTAMPED


PLAN = (("warehouse", "reserve"), ("bank", "pay"), ("shop_self", "book"), ("warehouse", "ship"))
"""Who does what, in order."""


class Fulfil(SagaBase, frozen=True):
    """Take one order through the plan."""

    order: str
    stage: int = 0

    def name(self) -> str:
        """The kind of saga."""
        return "fulfil"

    def input_snapshot(self) -> Json:
        """The order."""
        return {"order": self.order}

    def start(self, _context: SagaContext) -> tuple[Saga, Action]:
        """Ask for the first piece of work."""
        return self, self._ask()

    def on_event(self, event: BusEvent, _context: SagaContext) -> tuple[Saga, Action]:
        """Go on with the next piece, or give up."""
        match event:
            case Did(work) if work == PLAN[self.stage][1]:
                after = replace(self, stage=self.stage + 1)
                return after, Done() if after.stage == len(PLAN) else after._ask()
            case Refused(why):
                return self, Failed(why)
            case _:
                return self, Wait()

    def _ask(self) -> IssueCommand:
        target, work = PLAN[self.stage]
        return IssueCommand(target, Do(work, self.order))


class Books(Struct, frozen=True):
    """The shop's own state: how many orders are booked."""

    booked: int = 0


def fulfilment(event: BusEvent) -> tuple[Saga, ...]:
    """Every order is fulfilled."""
    return (Fulfil(event.order),) if isinstance(event, Placed) else ()


class Shop(Application[Books]):
    """The application. `opens` says which sagas an event starts."""

    process: ClassVar[str] = "shop"
    peers: ClassVar[tuple[str, ...]] = ("warehouse", "bank")

    def __init__(self, opens: Callable[[BusEvent], tuple[Saga, ...]] = fulfilment) -> None:
        self.opens = opens

    def initial_mirror(self) -> Books:
        """Nothing is booked."""
        return Books()

    def triggers(self, event: BusEvent) -> tuple[Saga, ...]:
        """As `opens` says."""
        return self.opens(event)

    def saga_id_of(self, message: Command | BusEvent) -> int:
        """Requests and their answers carry an id."""
        return message.saga_id if isinstance(message, Do | Did | Refused) else 0

    def address(
        self, target: str, command: Command, saga_id: int
    ) -> Success[Command] | Failure[str]:
        """Everybody takes work, and nothing else."""
        if not isinstance(command, Do):
            return Failure(f"{target} does no such thing")
        return Success(replace(command, saga_id=saga_id))

    def on_command(self, state: State[Books], connection: int, command: Command) -> Reaction[Books]:
        """Peers join and answer; anybody orders."""
        match command:
            case Join(role):
                return Reaction(state.mirror, (Admit(connection), Attach(role, connection)))
            case Say(work, order, saga_id, ""):
                return Reaction(state.mirror, (Publish(Did(work, order, saga_id)),))
            case Say(_, _, saga_id, problem):
                failed = SagaActionFailed(saga_id, problem, UNSTAMPED)
                return Reaction(state.mirror, (Publish(failed),))
            case Place(order):
                return Reaction(state.mirror, (Publish(Placed(order)),))
            case _:
                return Reaction(state.mirror)

    def on_own_command(self, mirror: Books, command: Command) -> Reaction[Books]:
        """Book an order."""
        assert isinstance(command, Do)
        done = Publish(Did(command.work, command.order, command.saga_id))
        return Reaction(Books(mirror.booked + 1), (done,))


SHOP = Reducer(Shop())
