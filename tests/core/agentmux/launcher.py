"""A run of the AgentMux launcher: who connects, and what they say."""

from itertools import count

from tests.core.harness import PeeredRun, opened_ids, replies

from saga_core import Config, initial_state
from saga_core.agentmux import AgentMux, LauncherIdentity, Mirror
from saga_core.agentmux.commands import (
    DrainPoolIfLast,
    GetSnapshot,
    ReapPanes,
    Register,
    ReportPanesReaped,
    ReportPoolDrainDecision,
    ReportPoolWindowAdded,
    ReportWindowOpened,
    SpawnPoolWindow,
)
from saga_core.agentmux.events import PoolWindowPromoted, Snapshot, WindowClosed
from saga_core.agentmux.vocabulary import ClientKind
from saga_core.engine import Command, CommandReceived, Dispatch, Effect, Reducer, SendFailed

IDENTITY = LauncherIdentity(999, "0.33.700")


class Launcher(PeeredRun[Mirror]):
    """A launcher with nobody connected."""

    def __init__(
        self,
        config: Config | None = None,
        application: AgentMux | None = None,
        *,
        was_last: bool = True,
    ) -> None:
        reducer = Reducer(application if application is not None else AgentMux())
        super().__init__(reducer, state=initial_state(config, IDENTITY))
        self.pids = count(1000)
        self.was_last = was_last

    def join_peer(self, target: str) -> int:
        """A peer connects and registers."""
        match target:
            case "host" | "srv" as kind:
                return self.join(kind)
            case other:
                raise AssertionError(f"the launcher has no peer {other}")

    def answer_to(self, dispatch: Dispatch) -> CommandReceived:
        """What a good host reports for what it was sent (FACTS 2.9)."""
        assert dispatch.connection is not None
        report = report_for(dispatch.command, was_last=self.was_last)
        return CommandReceived(dispatch.connection, report)

    def join(self, kind: ClientKind = "host", pid: int | None = None) -> int:
        """A client connects and registers."""
        connection = self.open()
        self.register(connection, kind, pid)
        return connection

    def register(
        self, connection: int, kind: ClientKind = "host", pid: int | None = None
    ) -> tuple[Effect, ...]:
        """A client says who it is."""
        return self.says(connection, Register(kind, next(self.pids) if pid is None else pid, "1"))

    def says(self, connection: int, *commands: Command) -> tuple[Effect, ...]:
        """A client sends commands."""
        return self.give(*(CommandReceived(connection, command) for command in commands))

    def shows(self, host: int, *labels: str) -> None:
        """The host opens windows."""
        self.says(host, *(ReportWindowOpened(label, "full_instance") for label in labels))

    def snapshot(self, connection: int) -> Snapshot:
        """What the launcher tells of itself."""
        (answer,) = replies(self.says(connection, GetSnapshot()), connection)
        assert isinstance(answer, Snapshot)
        return answer

    def promote(self, *labels: str) -> list[int]:
        """Pool windows are promoted; returns the refill sagas."""
        events = (PoolWindowPromoted(label, 0) for label in labels)
        return [saga_id for event in events for saga_id in opened_ids(self.give(event))]

    def clean_up(self, *labels: str) -> list[int]:
        """Windows are closed; returns the clean-up sagas."""
        events = (WindowClosed(label, 0) for label in labels)
        return [saga_id for event in events for saga_id in opened_ids(self.give(event))]

    def send_failed(self, dispatch: Dispatch) -> tuple[Effect, ...]:
        """The command is known not to have reached the host."""
        assert dispatch.connection is not None
        return self.give(SendFailed(dispatch.connection, dispatch.command))


def report_for(command: Command, *, was_last: bool = True) -> Command:
    """The report that answers a command."""
    match command:
        case SpawnPoolWindow(saga_id):
            return ReportPoolWindowAdded("", saga_id)
        case ReapPanes(label, saga_id):
            return ReportPanesReaped(label, saga_id)
        case DrainPoolIfLast(label, saga_id):
            return ReportPoolDrainDecision(label, was_last, saga_id)
        case other:
            raise AssertionError(f"a host has no answer to {other}")
