"""What a process remembers of ended sagas decides nothing: only its snapshots tell of them.

The search forgets it (`worlds.view`). So what concerns an ended saga is judged once more in a
process that remembers how every saga ended that is not in flight, some of them well.
"""

from typing import Any

from msgspec.structs import replace

from saga_core.check.scope import Scenario
from saga_core.engine.outcomes import Outcomes
from saga_core.engine.records import SagaOutcome
from saga_core.engine.state import State


def remembering(scenario: Scenario, state: State[Any]) -> State[Any]:
    """The same state, in which sagas have ended with every id up to the next, or are in flight."""
    names = sorted(scenario.triggers)
    ended = [
        _outcome(saga_id, names[saga_id % len(names)])
        for saga_id in range(1, state.counters.next_saga_id + 1)
        if saga_id not in state.sagas
    ]
    return replace(state, outcomes=Outcomes(tail=tuple(ended)))


def _outcome(saga_id: int, name: str) -> SagaOutcome:
    if saga_id % 2:
        return SagaOutcome(saga_id, name, "completed", None)
    return SagaOutcome(saga_id, name, "failed", "saga timeout")
