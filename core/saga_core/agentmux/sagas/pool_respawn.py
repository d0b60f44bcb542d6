"""`pool_respawn_on_promote`: refill the pool after one of its windows was promoted (FACTS 3.3).

It asks the host for a pool window and is done when one was added *for it*: the report carries
its id. A refill that the host made on its own account carries none and is not taken for it, and
the label is not checked: it may be empty.
"""

from typing import ClassVar, Literal

from msgspec.structs import replace

from saga_core.agentmux.commands import SpawnPoolWindow
from saga_core.agentmux.events import PoolWindowAdded
from saga_core.engine import (
    Action,
    BusEvent,
    Done,
    IssueCommand,
    Json,
    SagaBase,
    SagaContext,
    Wait,
)

Phase = Literal["initial", "waiting_for_refill", "refilled"]


class PoolRespawn(SagaBase, frozen=True):
    """Refill after `promoted_label` left; `refilled_label` is the new one, once it is there."""

    NAME: ClassVar[str] = "pool_respawn_on_promote"

    promoted_label: str
    phase: Phase = "initial"
    refilled_label: str | None = None

    def name(self) -> str:
        """The kind of saga."""
        return self.NAME

    def input_snapshot(self) -> Json:
        """The window that was promoted."""
        return {"promoted_label": self.promoted_label}

    def start(self, _context: SagaContext) -> tuple["PoolRespawn", Action]:
        """Ask the host for a pool window."""
        assert self.phase == "initial", f"start in phase {self.phase}"
        return replace(self, phase="waiting_for_refill"), IssueCommand("host", SpawnPoolWindow())

    def on_event(self, event: BusEvent, context: SagaContext) -> tuple["PoolRespawn", Action]:
        """Done with the first refill that carries this saga's id."""
        match event:
            case PoolWindowAdded(label, saga_id=context.saga_id) if (
                self.phase == "waiting_for_refill"
            ):
                return replace(self, phase="refilled", refilled_label=label), Done()
            case _:
                return self, Wait()
