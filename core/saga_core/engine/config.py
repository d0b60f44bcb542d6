"""The bounds that the rules are written in: one frozen value, never constants in the rules."""

from sys import float_info

import msgspec
from msgspec import Struct
from pyrsistent import PMap, pmap

from saga_core.engine.ordered import sorted_items

PENDING_BUFFER_CAP = 64
"""Commands that wait for one peer (FACTS 1.2)."""

FRAME_EXPIRY_SECONDS = 30.0
"""How long one command may wait for its peer (FACTS 1.2, `DISCONNECT_TIMEOUT`)."""

OUTCOMES_KEPT = 256
"""Ended sagas that a snapshot still tells of (DESIGN 4)."""

OWN_COMMANDS_PER_STEP = 1_000
"""Commands to the process itself that one step may run before it is called a loop."""


class Config(Struct, frozen=True):
    """Bounds of one reducer. All are counts or seconds; `timeouts` is by saga name."""

    buffer_cap: int = PENDING_BUFFER_CAP
    frame_expiry_seconds: float = FRAME_EXPIRY_SECONDS
    timeouts: PMap[str, float] = msgspec.field(default_factory=pmap)
    outcomes_kept: int = OUTCOMES_KEPT
    own_commands_per_step: int = OWN_COMMANDS_PER_STEP

    def __post_init__(self) -> None:
        assert self.buffer_cap >= 0, "buffer_cap is a count"
        assert self.frame_expiry_seconds > 0, "frame_expiry_seconds is a positive time"
        assert self.outcomes_kept >= 0, "outcomes_kept is a count"
        assert self.own_commands_per_step >= 0, "own_commands_per_step is a count"
        for name, seconds in sorted_items(self.timeouts):
            assert 0 < seconds <= float_info.max, f"the timeout of {name} is a positive time"
