"""Random lives of the launcher and of the shop, for whoever chooses.

The shop is the whole one: three targets, four steps, one of them its own.
"""

from msgspec.structs import replace
from tests.core.check.shop import SHOP
from tests.core.engine.order_app import Placed, Shop

from saga_core.check import FAULTS
from saga_core.check.agentmux import SCENARIO
from saga_shell.testing import Life, endless

FULFILMENT = replace(
    SHOP,
    application=Shop(),
    triggers={"fulfil": Placed("book")},
    peers=("warehouse", "bank"),
)

ONE_PROCESS = frozenset(FAULTS) - {"crash", "shutdown"}
"""What may go wrong in the life of one process that runs on."""


def launcher_life() -> Life:
    """The launcher with both of its sagas."""
    return Life(SCENARIO, endless(SCENARIO, ONE_PROCESS, buffer_cap=3), busy=8)


def shop_life() -> Life:
    """The shop with its orders."""
    return Life(FULFILMENT, endless(FULFILMENT, ONE_PROCESS, buffer_cap=3), busy=8)
