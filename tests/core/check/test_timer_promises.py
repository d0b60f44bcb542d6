"""How long a timer lasts: as the configuration says, or the saga itself."""

import pytest
from msgspec.structs import replace
from pyrsistent import pmap
from tests.core.engine.order_app import SHOP, Placed
from tests.core.engine.store import Store

from saga_core.check.promises.steps import broken_by, implied_history
from saga_core.engine import ArmTimer, Config, Effect, FrameExpiry, SagaDeadline, Violation

EVENT = Placed("a")
NAMED = Config(timeouts=pmap({"fulfil": 2.0}), frame_expiry_seconds=7.0)
OTHERS = Config(timeouts=pmap({"other": 2.0}))


def opened(config: Config, deadline: float | None, expiry: float | None) -> Violation | None:
    """What is wrong with an order's step whose timers last that long; None: as the reducer says."""
    store = Store(config)
    after, effects = store.reducer.step(store.state, EVENT)

    def lasting(effect: Effect) -> Effect:
        match effect:
            case ArmTimer(SagaDeadline()) if deadline is not None:
                return replace(effect, seconds=deadline)
            case ArmTimer(FrameExpiry()) if expiry is not None:
                return replace(effect, seconds=expiry)
            case _:
                return effect

    told = implied_history(store.state)
    tampered = tuple(lasting(effect) for effect in effects)
    return broken_by(SHOP.application, told, store.state, EVENT, after, tampered)


@pytest.mark.parametrize(
    ("config", "deadline", "expiry", "sentence"),
    [
        (NAMED, None, None, None),
        (OTHERS, None, None, None),
        (Config(buffer_cap=0), None, None, None),
        (Config(buffer_cap=0), 2.0, None, None),
        (NAMED, 5.0, None, "SagaDeadline(saga_id=1) lasts 5.0 s instead of 2.0 s"),
        (OTHERS, 2.0, None, "SagaDeadline(saga_id=1) lasts 2.0 s instead of 5.0 s"),
        (NAMED, None, 30.0, "FrameExpiry(saga_id=1, stay=1) lasts 30.0 s instead of 7.0 s"),
        (OTHERS, None, 5.0, "FrameExpiry(saga_id=1, stay=1) lasts 5.0 s instead of 30.0 s"),
    ],
)
def test_a_timer_lasts_as_long_as_was_said(
    config: Config, deadline: float | None, expiry: float | None, sentence: str | None
) -> None:
    """FACTS 1.2, 3.1: a stay, and a saga in all, unless it ends in the very step that it opens."""
    wanted = Violation("timers", sentence) if sentence else None
    assert opened(config, deadline, expiry) == wanted
