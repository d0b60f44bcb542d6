"""Commands to the launcher itself run in the same step (FACTS R-11, DESIGN 4)."""

from tests.core.agentmux.launcher import Launcher
from tests.core.agentmux.reporter import ReporterLauncher
from tests.core.engine.odd_sagas import Scripted
from tests.core.harness import emitted, sent

from saga_core.agentmux import AgentMux
from saga_core.agentmux.commands import (
    ReportPoolWindowAdded,
    ReportSagaActionFailed,
    SpawnPoolWindow,
)
from saga_core.agentmux.events import PoolWindowAdded, PoolWindowPromoted, PoolWindowRemoved
from saga_core.engine import (
    BusEvent,
    Dispatch,
    IssueCommand,
    Saga,
    SagaActionFailed,
    SagaFailed,
    SagaStarted,
)


def test_an_own_report_is_published_and_answers_its_saga() -> None:
    """FACTS R-11: report, event and answer in one step; then the host is asked."""
    launcher = ReporterLauncher()
    host = launcher.join("host")
    effects = launcher.give(PoolWindowPromoted("w", 0))
    own = Dispatch("launcher_self", None, ReportPoolWindowAdded("w", 1))
    assert own in effects
    assert emitted(effects) == [SagaStarted(1, "reporter", 3), PoolWindowAdded("w", 4, 1)]
    assert sent(effects) == [Dispatch("host", host, SpawnPoolWindow(1))]
    steps = launcher.rows.sagas[1].steps
    assert [(step.name, step.state) for step in steps.values()] == [
        ("issue_cmd_launcher_self_report_pool_window_added", "succeeded"),
        ("issue_cmd_host_spawn_pool_window", "pending"),
    ]


def test_what_a_saga_reports_belongs_to_the_current_host() -> None:
    """FACTS R-58: it is in the mirror, and leaves it with that host."""
    launcher = ReporterLauncher()
    launcher.join("host")
    current = launcher.join("host")
    launcher.give(PoolWindowPromoted("w", 0))
    assert launcher.snapshot(current).pool == ("w",)
    left = [e for e in emitted(launcher.close(current)) if isinstance(e, PoolWindowRemoved)]
    assert [event.label for event in left] == ["w"]


def test_without_a_host_it_belongs_to_nobody() -> None:
    """DESIGN 4: the own target needs no peer."""
    launcher = ReporterLauncher()
    launcher.give(PoolWindowPromoted("w", 0))
    tool = launcher.join("tool")
    assert launcher.snapshot(tool).pool == ("w",)
    assert launcher.state.links["host"].buffer == (1,)


class Complaining(AgentMux):
    """A promote starts a saga that reports its own failure."""

    def triggers(self, event: BusEvent) -> tuple[Saga, ...]:
        """Only promotes."""
        complaint = IssueCommand("launcher_self", ReportSagaActionFailed(99, "no"))
        return (Scripted(complaint),) if isinstance(event, PoolWindowPromoted) else ()


def test_a_saga_can_only_report_about_itself() -> None:
    """FACTS R-42: the engine puts the real id in, so nobody else's saga fails for it."""
    launcher = Launcher(application=Complaining())
    effects = launcher.give(PoolWindowPromoted("w", 0))
    assert emitted(effects) == [
        SagaStarted(1, "scripted", 1),
        SagaActionFailed(1, "no", 2),
        SagaFailed(1, "launcher_self action failed: no", 3),
    ]
