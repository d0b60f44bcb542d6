"""A saga that uses the launcher's own target, between two commands to the host."""

from typing import Literal

from msgspec.structs import replace
from tests.core.agentmux.launcher import Launcher

from saga_core.agentmux import AgentMux
from saga_core.agentmux.commands import ReportPoolWindowAdded, SpawnPoolWindow
from saga_core.agentmux.events import PoolWindowAdded, PoolWindowPromoted
from saga_core.engine import (
    Action,
    BusEvent,
    Config,
    Done,
    IssueCommand,
    Saga,
    SagaBase,
    SagaContext,
    Wait,
)


class Reporter(SagaBase, frozen=True):
    """Mirrors a pool window `label` by the launcher's own report, then has the host spawn one."""

    label: str
    phase: Literal["reporting", "spawning"] = "reporting"

    def name(self) -> str:
        """The kind of saga."""
        return "reporter"

    def start(self, _context: SagaContext) -> tuple[Saga, Action]:
        """Tell the launcher."""
        return self, IssueCommand("launcher_self", ReportPoolWindowAdded(self.label))

    def on_event(self, event: BusEvent, _context: SagaContext) -> tuple[Saga, Action]:
        """Told: ask the host. Answered: done."""
        match (self.phase, event):
            case "reporting", PoolWindowAdded(label) if label == self.label:
                return replace(self, phase="spawning"), IssueCommand("host", SpawnPoolWindow())
            case "spawning", PoolWindowAdded():
                return self, Done()
            case _:
                return self, Wait()


class ReporterAgentMux(AgentMux):
    """AgentMux, but a promote starts a `Reporter`."""

    def triggers(self, event: BusEvent) -> tuple[Saga, ...]:
        """Only promotes."""
        return (Reporter(event.label),) if isinstance(event, PoolWindowPromoted) else ()


class ReporterLauncher(Launcher):
    """A launcher that runs it."""

    def __init__(self, config: Config | None = None) -> None:
        super().__init__(config, ReporterAgentMux())
