"""A run of the shop: who joins it, what is ordered, what is answered."""

from collections.abc import Callable

from tests.core.engine.order_app import Books, Did, Do, Join, Place, Placed, Say, Shop, fulfilment
from tests.core.harness import PeeredRun, opened_ids

from saga_core.engine import BusEvent, CommandReceived, Config, Dispatch, Effect, Reducer, Saga


class Store(PeeredRun[Books]):
    """A shop. `opens` says which sagas an event starts."""

    def __init__(
        self,
        config: Config | None = None,
        opens: Callable[[BusEvent], tuple[Saga, ...]] = fulfilment,
    ) -> None:
        super().__init__(Reducer(Shop(opens)), config)

    def join_peer(self, target: str) -> int:
        """A peer connects and says who it is."""
        connection = self.open()
        self.give(CommandReceived(connection, Join(target)))
        return connection

    def answer_to(self, dispatch: Dispatch, problem: str = "") -> CommandReceived:
        """What the peer says to what it was sent: done, or its problem."""
        command = dispatch.command
        assert dispatch.connection is not None
        assert isinstance(command, Do)
        said = Say(command.work, command.order, command.saga_id, problem)
        return CommandReceived(dispatch.connection, said)

    def order(self, *names: str) -> list[int]:
        """Somebody else publishes orders; returns the sagas that they start."""
        return [saga_id for name in names for saga_id in opened_ids(self.give(Placed(name)))]

    def place(self, connection: int, name: str) -> tuple[Effect, ...]:
        """A customer orders over a connection."""
        return self.give(CommandReceived(connection, Place(name)))

    def did(self, work: str, saga_id: int) -> tuple[Effect, ...]:
        """Some producer tells that a piece of work is done."""
        return self.give(Did(work, "", saga_id))
