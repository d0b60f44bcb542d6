"""Connecting, registering and leaving (FACTS 2.7, 2.8)."""

import pytest
from tests.core.agentmux.launcher import Launcher
from tests.core.harness import emitted, of, replies

from saga_core import AgentMux, Reducer, initial_state
from saga_core.agentmux.commands import Goodbye, Ping, Register
from saga_core.agentmux.events import (
    Error,
    LifecyclePhaseChanged,
    Pong,
    ProcessExited,
    ProcessSpawned,
    Registered,
    WindowClosed,
)
from saga_core.agentmux.mirror import current_host
from saga_core.agentmux.vocabulary import ClientKind
from saga_core.engine import (
    CloseConnection,
    CommandReceived,
    ConnectionClosed,
    ConnectionOpened,
    Dispatch,
    Emit,
    LineRejected,
    Reply,
    Subscribe,
)


def test_an_application_needs_no_identity() -> None:
    """DESIGN 4: a reducer of AgentMux built by hand starts as the ready-made one does."""
    assert Reducer(AgentMux()).initial_state() == initial_state()


def test_the_first_host_starts_the_launchers_life() -> None:
    """FACTS 2.8, R-50: subscribed, spawned, starting to running, then its private registered."""
    launcher = Launcher()
    connection = launcher.open()
    assert launcher.says(connection, Register("host", 4242, "0.33.700")) == (
        Subscribe(connection),
        Emit(ProcessSpawned(4242, "host", "0.33.700", 1)),
        Emit(LifecyclePhaseChanged("starting", "running", 2)),
        Reply(connection, Registered(1, 999, "0.33.700", 2)),
    )


@pytest.mark.parametrize("kind", ["tool", "renderer", "srv"])
def test_any_other_client_just_registers(kind: ClientKind) -> None:
    """FACTS 2.8: spawned, then registered; no phase of the launcher's life begins."""
    launcher = Launcher()
    connection = launcher.open()
    assert launcher.says(connection, Register(kind, 7, "1")) == (
        Subscribe(connection),
        Emit(ProcessSpawned(7, kind, "1", 1)),
        Reply(connection, Registered(1, 999, "0.33.700", 1)),
    )
    assert launcher.state.mirror.lifecycle == "starting"


def test_a_second_host_finds_the_launcher_running() -> None:
    """FACTS 6.2: the lifecycle event comes once, even if all hosts were gone in between."""
    launcher = Launcher()
    launcher.close(launcher.join("host"))
    launcher.join("host")
    assert of(LifecyclePhaseChanged, emitted(launcher.last)) == []
    assert of(ProcessSpawned, emitted(launcher.last)) != []


def test_client_ids_count_up() -> None:
    """FACTS 6.1: each registration has an id of its own, and takes no version with it."""
    launcher = Launcher()
    ids = []
    for _ in range(3):
        connection = launcher.join("tool")
        ids += [told.client_id for told in of(Registered, replies(launcher.last, connection))]
    assert ids == [1, 2, 3]


def test_waiting_commands_follow_after_registered() -> None:
    """DESIGN 7: a host reads its own registered before the commands that waited for it."""
    launcher = Launcher()
    launcher.promote("w")
    launcher.join("host")
    kinds = [type(effect) for effect in launcher.last]
    assert kinds.index(Dispatch) > kinds.index(Reply)


def test_silence_hears_nothing() -> None:
    """FACTS R-50: a connection that has not registered is never subscribed, and gets no reply."""
    launcher = Launcher()
    silent = launcher.open()
    launcher.join("host")
    launcher.promote("w")
    assert of(Subscribe, launcher.last) == []
    assert replies(launcher.last, silent) == []


def test_the_goodbye_of_one_leaves_the_other() -> None:
    """FACTS F-02: a goodbye ends the process of its own connection, no other."""
    launcher = Launcher()
    first, second = launcher.join("tool", 11), launcher.join("tool", 22)
    assert launcher.says(first, Goodbye()) == (
        Emit(ProcessExited(11, 0, 3)),
        CloseConnection(first, "goodbye"),
    )
    assert 22 in launcher.state.mirror.live_pids
    assert replies(launcher.says(second, Ping(5)), second) == [Pong(5, 3)]


@pytest.mark.parametrize("leave", ["goodbye", "end of the socket", "line too long"])
def test_a_pid_can_come_back_as_another_kind(leave: str) -> None:
    """FACTS F-03, F-10, F-15: only a live record blocks a pid, however its process went."""
    launcher = Launcher()
    host = launcher.join("host", 1)
    match leave:
        case "goodbye":
            launcher.says(host, Goodbye())
        case "end of the socket":
            launcher.close(host)
        case _:
            launcher.give(LineRejected(host, "line longer than 1 MiB", fatal=True))
    assert of(ProcessExited, emitted(launcher.last)) == [ProcessExited(1, 0, 3)]
    launcher.join("renderer", 1)
    assert emitted(launcher.last) == [ProcessSpawned(1, "renderer", "1", 4)]


def test_the_end_after_a_goodbye_says_nothing_more() -> None:
    """FACTS 2.8: a process exits once; the socket's own end finds nobody."""
    launcher = Launcher()
    tool = launcher.join("tool")
    launcher.says(tool, Goodbye())
    launcher.ignores(ConnectionClosed(tool), CommandReceived(tool, Ping(1)))


def test_the_end_of_an_unregistered_socket_says_nothing() -> None:
    """FACTS 2.8: nobody was announced, so nobody exits."""
    launcher = Launcher()
    silent = launcher.open()
    assert launcher.close(silent) == ()
    assert launcher.state == initial_state(identity=launcher.state.mirror.identity)


def test_a_live_pid_can_t_register_twice() -> None:
    """FACTS R-52: the second claim on a pid is told so, privately and fatally, and is closed."""
    launcher = Launcher()
    launcher.join("host", 1)
    second = launcher.open()
    message = "pid 1 is registered and alive"
    assert launcher.register(second, "host", 1) == (
        Reply(second, Error("already_registered", message, True, 0)),
        CloseConnection(second, message),
    )
    launcher.ignores(CommandReceived(second, Register("host", 2, "1")))
    assert len(launcher.state.mirror.live_pids) == 1


def test_a_second_register_is_refused_and_the_connection_stays() -> None:
    """FACTS 2.7: already registered, private, not fatal; the client goes on as what it is."""
    launcher = Launcher()
    tool = launcher.join("tool", 5)
    (error,) = replies(launcher.register(tool, "host", 6), tool)
    message = "this connection is registered already, as tool with pid 5"
    assert error == Error("already_registered", message, False, 0)
    assert emitted(launcher.last) == []
    assert replies(launcher.says(tool, Ping(1)), tool) == [Pong(1, 1)]


@pytest.mark.parametrize("kind", ["host", "srv"])
def test_an_impostor_can_t_take_a_supervised_role(kind: ClientKind) -> None:
    """FACTS R-53: under supervision only the started process takes its role; others are closed."""
    launcher = Launcher()
    impostor = launcher.open(barred=("host", "srv"))
    message = f"only the {kind} that this launcher started may register as {kind}"
    assert launcher.register(impostor, kind, 666) == (
        Reply(impostor, Error("invalid_command", message, True, 0)),
        CloseConnection(impostor, message),
    )
    assert launcher.state.links[kind].connection is None


def test_a_barred_peer_may_still_be_a_tool() -> None:
    """FACTS R-53: only the supervised roles are barred."""
    launcher = Launcher()
    tool = launcher.open(barred=("host", "srv"))
    assert of(Registered, replies(launcher.register(tool, "tool"), tool)) != []


def test_an_undecodable_line_is_told_to_its_sender_alone() -> None:
    """FACTS F-17, 2.7: private, version 0, the connection stays, and no version is used up."""
    launcher = Launcher()
    tool = launcher.join("tool", 5)
    error = Error("invalid_command", "parse failed: unknown command 'x'", False, 0)
    assert launcher.give(LineRejected(tool, "unknown command 'x'")) == (Reply(tool, error),)
    launcher.join("tool", 6)
    assert emitted(launcher.last) == [ProcessSpawned(6, "tool", "1", 2)]


def test_a_line_that_can_t_be_read_past_ends_the_connection() -> None:
    """DESIGN 7: a line over the limit: private fatal error, then closed, and the process exited."""
    launcher = Launcher()
    tool = launcher.join("tool", 5)
    reason = "line longer than 1 MiB"
    assert launcher.give(LineRejected(tool, reason, fatal=True)) == (
        Reply(tool, Error("invalid_command", f"parse failed: {reason}", True, 0)),
        Emit(ProcessExited(5, 0, 2)),
        CloseConnection(tool, reason),
    )
    launcher.ignores(LineRejected(tool, reason, fatal=True), LineRejected(99, "what"))


def test_a_rejected_line_before_register_stays_private() -> None:
    """FACTS 2.7: garbage from a silent connection concerns nobody else."""
    launcher = Launcher()
    silent = launcher.open()
    assert len(replies(launcher.give(LineRejected(silent, "what")), silent)) == 1
    assert len(launcher.give(LineRejected(silent, "what", fatal=True))) == 2
    launcher.ignores(LineRejected(silent, "what"))


def test_everybody_hears_what_one_host_brings_about() -> None:
    """FACTS F-10: events go on the bus, not back to their sender alone."""
    launcher = Launcher()
    launcher.join("tool")
    host = launcher.join("host")
    launcher.shows(host, "main")
    assert of(Reply, launcher.last) == []
    assert len(emitted(launcher.last)) == 2


def test_the_host_that_registered_last_is_the_current_one() -> None:
    """DESIGN 7: the order of registration counts, not that of the sockets."""
    launcher = Launcher()
    early, late = launcher.open(), launcher.open()
    assert current_host(launcher.state.mirror) is None
    launcher.register(late, "host")
    launcher.register(early, "host")
    assert current_host(launcher.state.mirror) == early
    assert launcher.state.links["host"].connection == early
    launcher.close(early)
    assert current_host(launcher.state.mirror) == late
    assert launcher.state.links["host"].connection is None


def test_a_connection_that_is_open_already_stays_who_it_is() -> None:
    """FACTS F-03, F-15: a connection that opens once more keeps its pid and what it showed."""
    launcher = Launcher()
    host = launcher.join("host")
    launcher.shows(host, "main")
    launcher.ignores(ConnectionOpened(host))
    launcher.close(host)
    assert WindowClosed in map(type, emitted(launcher.last))
