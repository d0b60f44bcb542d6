"""Long runs of the reducer in a world that does everything to it, chosen by a seed.

    from saga_core.simulate import Plan, simulate

`simulate(SCENARIO, Plan(seed=7, steps=20_000))` plays one run: faults by chance and by what was not
seen yet, then healing, after which every saga must have ended. Each step is judged. The same plan
gives the same run, wherever it is played. `shrink` makes the shortest run of one that broke a
promise.
"""

from saga_core.simulate.exact import States, exact_states, met
from saga_core.simulate.plan import Plan, scope_of, swarm
from saga_core.simulate.shrinking import CHECK_LIMITS, Checked, Shrunk, shrink
from saga_core.simulate.simulation import Coverage, Simulation, Tell, simulate

__all__ = [
    "CHECK_LIMITS",
    "Checked",
    "Coverage",
    "Plan",
    "Shrunk",
    "Simulation",
    "States",
    "Tell",
    "exact_states",
    "met",
    "scope_of",
    "shrink",
    "simulate",
    "swarm",
]
