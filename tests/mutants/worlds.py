"""Where mutants are looked for: small scopes first, wide ones for those that survive them.

The launcher's two sagas alone and together, under all faults; buffers of other sizes; an order of
the shop that goes to every kind of target; and sagas that are written badly.
"""

from typing import NamedTuple

from tests.core.check.odd import ODD, orders
from tests.core.check.running import BOTH, CLEANUP, POOL, SMALL

from saga_core.check import FAULTS, Scenario, Scope
from saga_core.check.agentmux import SCENARIO

_HARMLESS = frozenset({"deadline", "disconnect", "log", "shutdown"})


class World(NamedTuple):
    """A scenario within a scope."""

    name: str
    scenario: Scenario
    scope: Scope


_LONG = "goes round"
"""This one runs a thousand commands in each of its steps."""

FULFILMENT = orders(["book"])
"""Orders that go to every kind of target."""

_ONE_ORDER = Scope((("book", 1),), connections=1, faults=frozenset(FAULTS) - {"second", "foreign"})


def _odd(name: str) -> World:
    faults = frozenset({"deadline"}) if name == _LONG else _HARMLESS
    scope = Scope(((name, 1),), connections=1, faults=faults)
    return World(f"a saga that {name}", orders([name]), scope)


NARROW = (
    World("one pool_respawn", SCENARIO, Scope(POOL)),
    World("one window_cleanup", SCENARIO, Scope(CLEANUP)),
    World("one of each, few faults", SCENARIO, Scope(BOTH, faults=SMALL)),
    World("one order", FULFILMENT, _ONE_ORDER),
    *map(_odd, ODD),
)
"""Where nearly every mutant dies."""

WIDE = (
    World("one of each", SCENARIO, Scope(BOTH)),
    World("one of each, no buffer", SCENARIO, Scope(BOTH, buffer_cap=0, faults=SMALL)),
    World("one of each, a buffer of two", SCENARIO, Scope(BOTH, buffer_cap=2, faults=SMALL)),
)
"""Where the others are looked for."""
