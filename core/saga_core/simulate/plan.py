"""What a simulation shall do, and what each seed makes of it."""

from msgspec import Struct
from msgspec.structs import replace

from saga_core.check.scope import FAULTS, Scope
from saga_core.engine.config import PENDING_BUFFER_CAP
from saga_core.simulate.dice import Dice

SWARM, MOVES, HEALING = range(1, 4)
"""The streams that one seed has: what it switches off, which moves it makes, how it heals."""

_ALL_ON_ONE_IN = 4
_OFF_ONE_IN = 4
_CAPS = (1, 2, 8, PENDING_BUFFER_CAP)


class Plan(Struct, frozen=True):
    """One run: so many moves with faults, then healing.

    `sagas`: how many may be in flight at once. `buffer_cap`: None, and the seed chooses it.
    `connections`: how many each peer may have at once. `swarms`: the seed switches some of the
    faults off. `scope`: None, or the triggers of a round, after which everything begins anew; of a
    scope that small the checker knows every state.
    """

    seed: int
    steps: int = 100_000
    sagas: int = 2_000
    faults: frozenset[str] = frozenset(FAULTS)
    buffer_cap: int | None = None
    connections: int = 2
    swarms: bool = True
    scope: tuple[tuple[str, int], ...] | None = None


def swarm(plan: Plan) -> Plan:
    """The plan as its seed has it: with some faults switched off, and with a buffer cap.

    A fault that happens all the time hides what happens only without it; one seed in four keeps
    them all. A buffer that holds dozens is hardly ever full where few sagas are in flight.
    """
    dice = Dice(plan.seed, SWARM)
    all_on = dice.hits(_ALL_ON_ONE_IN)
    kept = [fault for fault in FAULTS if not dice.hits(_OFF_ONE_IN)]
    cap = _CAPS[dice.below(len(_CAPS))] if plan.buffer_cap is None else plan.buffer_cap
    faults = plan.faults if all_on or not plan.swarms else plan.faults & frozenset(kept)
    return replace(plan, swarms=False, faults=faults, buffer_cap=cap)


def cap_of(plan: Plan) -> int:
    """The buffer cap of a plan."""
    return PENDING_BUFFER_CAP if plan.buffer_cap is None else plan.buffer_cap


def scope_of(plan: Plan) -> Scope | None:
    """The scope in which the checker meets the states that this plan can meet, if it is small."""
    if plan.scope is None:
        return None
    return Scope(plan.scope, cap_of(plan), plan.faults, plan.connections)
