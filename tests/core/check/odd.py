"""Sagas that an author could write, on purpose or not, for the checker: each has one trigger."""

from collections.abc import Iterable

from tests.core.check.shop import connect, said
from tests.core.engine.odd_sagas import Odd, Scripted, as_saga, ask
from tests.core.engine.order_app import Do, Fulfil, Placed, Shop

from saga_core.check import Scenario
from saga_core.engine import BusEvent, Done, Failed, IssueCommand, Saga, Wait


def _raises(*_: object) -> object:
    raise ValueError("no")


ODD: dict[str, Saga] = {
    "waits": Scripted(Wait()),
    "is done": Scripted(Done()),
    "gives up": Scripted(Failed("no")),
    "gives up later": Scripted(ask("bank", "pay"), (("pay", Failed("sold\nout")),)),
    "acts on itself": Scripted(ask("shop_self", "book"), (("book", Done()),)),
    "goes round": Scripted(ask("shop_self", "book"), (("book", ask("shop_self", "book")),)),
    "asks nobody": Scripted(ask("nobody", "book")),
    "asks for nothing": Scripted(IssueCommand("bank", "pay")),  # type: ignore[arg-type]  # on purpose
    "raises": as_saga(Odd(start=_raises)),
    "raises later": as_saga(Odd(start=lambda _: (Odd(on_event=_raises), ask("bank", "pay")))),
    "returns nothing": as_saga(Odd(start=lambda _: None)),
    "has no name": as_saga(Odd(name=lambda: "")),
    "has no input": as_saga(Odd(input_snapshot=_raises)),
    "has no time": as_saga(Odd(timeout=lambda: 0)),
}
"""By what they do; every other order is fulfilled by a saga that goes to each kind of target."""


def _opened(event: BusEvent) -> tuple[Saga, ...]:
    if not isinstance(event, Placed):
        return ()
    return (ODD[event.order],) if event.order in ODD else (Fulfil(event.order),)


def orders(names: Iterable[str]) -> Scenario:
    """The shop, where such orders are placed."""
    return Scenario(
        application=Shop(_opened),
        triggers={name: Placed(name) for name in names},
        connect=connect,
        answers=lambda command: (said(command, ""),) if isinstance(command, Do) else (),
        failure=lambda command: said(command, "sold out"),
        peers=("warehouse", "bank"),
    )


ORDERS = orders((*ODD, "book"))
"""Every one of them."""
