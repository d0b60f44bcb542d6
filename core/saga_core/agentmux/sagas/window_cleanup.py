"""`window_cleanup_cascade`: clean up behind a window that was closed (FACTS 3.4).

First the window's panes are reaped, then the host decides whether the pool is to be drained.
Both decisions are success: the saga brackets the decision. Answers count only in their own
phase, for this saga's id and the closed label; one that comes too early is not remembered
(strict order, R-14).
"""

from typing import ClassVar, Literal

from msgspec.structs import replace

from saga_core.agentmux.commands import DrainPoolIfLast, ReapPanes
from saga_core.agentmux.events import PanesReaped, PoolDrained, PoolNotLast
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

Answer = PanesReaped | PoolDrained | PoolNotLast
Phase = Literal["initial", "reaping_panes", "draining_pool", "decided"]

TIMEOUT_SECONDS = 30.0
"""Both steps together: a workspace with many panes takes its time."""


class WindowCleanup(SagaBase, frozen=True):
    """Clean up behind `closed_label`; `drained` is the host's decision, once it is known."""

    NAME: ClassVar[str] = "window_cleanup_cascade"

    closed_label: str
    phase: Phase = "initial"
    drained: bool | None = None

    def name(self) -> str:
        """The kind of saga."""
        return self.NAME

    def input_snapshot(self) -> Json:
        """The window that was closed."""
        return {"closed_label": self.closed_label}

    def timeout(self) -> float:
        """`TIMEOUT_SECONDS`."""
        return TIMEOUT_SECONDS

    def start(self, _context: SagaContext) -> tuple["WindowCleanup", Action]:
        """Ask the host to reap the window's panes."""
        assert self.phase == "initial", f"start in phase {self.phase}"
        reap = IssueCommand("host", ReapPanes(self.closed_label))
        return replace(self, phase="reaping_panes"), reap

    def on_event(self, event: BusEvent, context: SagaContext) -> tuple["WindowCleanup", Action]:
        """Reaped: ask for the decision. Decided: done."""
        match (self.phase, event):
            case "reaping_panes", PanesReaped() if self._concerns(event, context):
                drain = IssueCommand("host", DrainPoolIfLast(self.closed_label))
                return replace(self, phase="draining_pool"), drain
            case "draining_pool", PoolDrained() | PoolNotLast() if self._concerns(event, context):
                drained = isinstance(event, PoolDrained)
                return replace(self, phase="decided", drained=drained), Done()
            case _:
                return self, Wait()

    def _concerns(self, event: Answer, context: SagaContext) -> bool:
        return event.saga_id == context.saga_id and event.label == self.closed_label
