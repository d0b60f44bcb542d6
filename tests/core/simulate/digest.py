"""The trace hashes of a few runs, for comparing processes."""

from tests.core.check.shop import SHOP

from saga_core.check.agentmux import SCENARIO
from saga_core.simulate import Plan, simulate

PLANS = (
    (SCENARIO, Plan(7, 1_500)),
    (SCENARIO, Plan(8, 1_000, sagas=300, buffer_cap=1)),
    (SCENARIO, Plan(9, 600, swarms=False, scope=(("window_cleanup_cascade", 2),))),
    (SHOP, Plan(10, 800)),
)


def digest() -> str:
    """All hashes, and what was counted."""
    runs = [simulate(scenario, plan) for scenario, plan in PLANS]
    return " ".join(f"{run.trace_hash} {run.started} {run.coverage}" for run in runs)


if __name__ == "__main__":
    print(digest())
