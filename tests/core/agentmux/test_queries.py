"""What clients ask, and the versions of the answers (FACTS 2.7, F-16, F-17, R-51)."""

import pytest
from tests.core.agentmux.launcher import Launcher
from tests.core.harness import emitted

from saga_core import Config
from saga_core.agentmux.commands import (
    GetEvents,
    GetSnapshot,
    Ping,
    ReportBackendWindowIdRegistered,
    ReportPoolWindowAdded,
    ReportWindowOpened,
    SpawnPoolWindow,
)
from saga_core.agentmux.events import Pong, ProcessSpawned, Snapshot
from saga_core.agentmux.vocabulary import ClientKind, SagaSnapshot, WindowKind, WindowSnapshot
from saga_core.engine import (
    Command,
    LineRejected,
    RecoveryRequested,
    Replay,
    Reply,
    SagaOpened,
)


@pytest.mark.parametrize("kind", ["host", "renderer", "srv", "tool"])
@pytest.mark.parametrize("question", [Ping(7), GetSnapshot(), GetEvents(0)])
def test_anybody_may_ask_and_only_the_asker_is_told(question: Command, kind: ClientKind) -> None:
    """FACTS R-51, F-16: the answer goes to its sender, uses no version, changes no state."""
    launcher = Launcher()
    other, asker = launcher.join("tool"), launcher.join(kind)
    before = launcher.state
    (effect,) = launcher.says(asker, question)
    assert isinstance(effect, Reply | Replay)
    assert effect.connection == asker != other
    assert launcher.state is before


def test_a_pong_carries_its_nonce_and_the_current_version() -> None:
    """FACTS 2.6, DESIGN 7: private answers carry the current version, unbumped."""
    launcher = Launcher()
    tool = launcher.join("tool")
    assert launcher.says(tool, Ping(7)) == (Reply(tool, Pong(7, 1)),)
    launcher.promote("w")
    assert launcher.says(tool, Ping(8)) == (Reply(tool, Pong(8, 2)),)


@pytest.mark.parametrize("since", [0, 1, 2**64 - 1])
def test_a_replay_is_the_rings_with_the_current_version(since: int) -> None:
    """FACTS F-13, F-16, 6.4: which events are above `since` is for the ring to say."""
    launcher = Launcher()
    tool = launcher.join("tool")
    assert launcher.says(tool, GetEvents(since)) == (Replay(tool, since, 1),)


def test_private_messages_leave_no_gap() -> None:
    """FACTS F-16, F-17: after errors, pongs, snapshots and replays the next event is the next."""
    launcher = Launcher()
    tool = launcher.join("tool")
    launcher.give(LineRejected(tool, "what"))
    launcher.says(tool, Ping(1), GetSnapshot(), GetEvents(0), SpawnPoolWindow())
    launcher.register(tool, "tool")
    launcher.join("tool", 5)
    assert emitted(launcher.last) == [ProcessSpawned(5, "tool", "1", 2)]


def test_an_empty_launcher_s_snapshot() -> None:
    """FACTS 2.6, 6.1: before anything happened, main has number 1 and nothing else is there."""
    launcher = Launcher()
    tool = launcher.join("tool")
    assert launcher.snapshot(tool) == Snapshot(
        version=1,
        lifecycle="starting",
        windows=(),
        pool=(),
        instance_registry=(("main", 1),),
        backend_window_ids=(),
        monitors=(),
        sagas=(),
    )


def plain(label: str, kind: WindowKind, parent: str | None = None) -> WindowSnapshot:
    """A window of which nothing was seen but its opening."""
    return WindowSnapshot(
        label=label,
        kind=kind,
        parent_label=parent,
        visible=False,
        iconic=False,
        foregrounded_since_open=False,
    )


def test_a_snapshot_is_sorted() -> None:
    """FACTS 6.2: lists ascend by label, whatever the order in which things came."""
    launcher = Launcher()
    host = launcher.join("host")
    launcher.says(
        host,
        ReportWindowOpened("main", "full_instance"),
        ReportWindowOpened("b", "subwindow", "main"),
        ReportPoolWindowAdded("w2"),
        ReportPoolWindowAdded("w1"),
        ReportBackendWindowIdRegistered("main", "y"),
        ReportBackendWindowIdRegistered("b", "x"),
    )
    snapshot = launcher.snapshot(host)
    assert snapshot.windows == (plain("b", "subwindow", "main"), plain("main", "full_instance"))
    assert (snapshot.version, snapshot.lifecycle) == (10, "running")
    assert snapshot.pool == ("w1", "w2")
    assert snapshot.instance_registry == (("b", 2), ("main", 1))
    assert snapshot.backend_window_ids == (("b", "x"), ("main", "y"))


def test_a_snapshot_tells_of_sagas_in_flight_and_ended() -> None:
    """FACTS R-39, R-55: ids ascending, whatever the order in which they ended."""
    launcher = Launcher(Config(outcomes_kept=2))
    tool = launcher.join("tool")
    launcher.promote("a", "b")
    launcher.clean_up("main", "c")
    for saga_id in (3, 2, 1):
        launcher.deadline(saga_id)
    assert launcher.snapshot(tool).sagas == (
        SagaSnapshot(1, "pool_respawn_on_promote", "failed", "saga timeout"),
        SagaSnapshot(2, "pool_respawn_on_promote", "failed", "saga timeout"),
        SagaSnapshot(4, "window_cleanup_cascade", "running", None),
    )


def test_a_snapshot_closes_the_brackets_of_a_dead_launcher() -> None:
    """FACTS R-39: a subscriber that reconnects learns how the saga it saw starting has ended."""
    launcher = Launcher()
    launcher.rows.commit(SagaOpened(41, "window_cleanup_cascade", "null"))
    launcher.give(RecoveryRequested(42, launcher.rows.unresolved()))
    reason = "launcher restarted while saga in state 'running'"
    assert launcher.snapshot(launcher.join("tool")).sagas == (
        SagaSnapshot(41, "window_cleanup_cascade", "failed_compensation", reason),
    )


def test_a_completed_saga_has_no_reason() -> None:
    """DESIGN 7: state completed, reason null."""
    launcher = Launcher()
    host = launcher.join("host")
    launcher.promote("w")
    launcher.answer_all(launcher.last)
    completed = SagaSnapshot(1, "pool_respawn_on_promote", "completed", None)
    assert launcher.snapshot(host).sagas == (completed,)
