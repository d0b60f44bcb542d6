"""Who may say what, and when (FACTS 2.5, F-05, R-54)."""

from typing import get_args

import pytest
from tests.core.agentmux.launcher import Launcher
from tests.core.agentmux.wire_tables import COMMAND_ROWS
from tests.core.harness import emitted, of, replies

from saga_core.agentmux.commands import (
    CLIENT_REPORTS,
    HOST_COMMANDS,
    HOST_REPORTS,
    WIRE_COMMANDS,
    GetEvents,
    GetSnapshot,
    Goodbye,
    Ping,
    ReapPanes,
    Register,
    ReportUiThreadAlive,
    SpawnPoolWindow,
)
from saga_core.agentmux.events import Error
from saga_core.agentmux.reports import REPORTS
from saga_core.agentmux.vocabulary import ClientKind
from saga_core.engine import CloseConnection, Command, CommandReceived, tag_of

SAMPLES: dict[type[Command], Command] = {type(command): command for command, _ in COMMAND_ROWS}
NOT_HOSTS: tuple[ClientKind, ...] = ("tool", "renderer", "srv")
assert {*NOT_HOSTS, "host"} == set(get_args(ClientKind))


def samples(kinds: frozenset[type[Command]]) -> list[Command]:
    """One command of each kind, in the order of the tables."""
    return [SAMPLES[kind] for kind in WIRE_COMMANDS if kind in kinds]


def by_tag(command: object) -> str:
    """A test's name."""
    return tag_of(command) if isinstance(command, Command) else str(command)


def error_of(launcher: Launcher, connection: int, command: Command) -> Error:
    """The one thing that this command brings about: a private error."""
    before = launcher.bus.copy()
    told = replies(launcher.says(connection, command), connection)
    assert launcher.bus == before
    (error,) = told
    assert isinstance(error, Error)
    assert error.version == 0
    return error


@pytest.mark.parametrize("kind", NOT_HOSTS)
@pytest.mark.parametrize("report", samples(HOST_REPORTS), ids=by_tag)
def test_only_a_host_may_report(report: Command, kind: ClientKind) -> None:
    """FACTS F-05: a report from a tool, a renderer or srv: private error, state as it was."""
    launcher = Launcher()
    host = launcher.join("host")
    launcher.shows(host, "main")
    other = launcher.join(kind)
    before = launcher.state
    error = error_of(launcher, other, report)
    assert error == Error("invalid_command", f"only a host may send {tag_of(report)}", False, 0)
    assert launcher.state is before
    assert len(launcher.last) == 1


@pytest.mark.parametrize("report", samples(HOST_REPORTS), ids=by_tag)
def test_a_report_before_register_is_fatal(report: Command) -> None:
    """FACTS F-05, 2.5 (F): an unregistered reporter is told why and closed; nothing else moves."""
    assert closes(report)


@pytest.mark.parametrize("command", samples(frozenset(WIRE_COMMANDS) - {Register}), ids=by_tag)
def test_what_comes_before_register(command: Command) -> None:
    """FACTS 2.5, F-04: each command's column `pre`: N stays open and usable, F is closed."""
    harmless = {Ping, GetSnapshot, GetEvents, ReportUiThreadAlive} | HOST_COMMANDS
    assert closes(command) == (type(command) not in harmless)


def closes(command: Command) -> bool:
    """Whether this command ends a connection that has not registered, after a private error."""
    launcher = Launcher()
    launcher.join("host")
    connection = launcher.open()
    before = launcher.state
    error = error_of(launcher, connection, command)
    message = f"register first: {tag_of(command)} came before register"
    assert error == Error("not_registered", message, error.fatal, 0)
    closed = of(CloseConnection, launcher.last)
    assert closed == ([CloseConnection(connection, message)] if error.fatal else [])
    if error.fatal:
        launcher.ignores(CommandReceived(connection, Register("tool", 77, "1")))
    else:
        assert launcher.state is before
        assert len(replies(launcher.register(connection, "tool"), connection)) == 1
    return error.fatal


@pytest.mark.parametrize("kind", ["host", *NOT_HOSTS])
@pytest.mark.parametrize("command", samples(HOST_COMMANDS), ids=by_tag)
def test_the_launchers_own_commands_are_misplaced(command: Command, kind: ClientKind) -> None:
    """DESIGN 7, FACTS 2.5: a command for a host sent to the launcher: private, not fatal."""
    launcher = Launcher()
    connection = launcher.join(kind)
    error = error_of(launcher, connection, command)
    assert (error.code, error.fatal) == ("invalid_command", False)
    assert error.message.startswith(tag_of(command))
    assert len(replies(launcher.says(connection, Ping(1)), connection)) == 1


@pytest.mark.parametrize("kind", ["host", *NOT_HOSTS])
@pytest.mark.parametrize("report", samples(CLIENT_REPORTS), ids=by_tag)
def test_some_reports_bring_about_nothing(report: Command, kind: ClientKind) -> None:
    """FACTS 2.5: liveness and start-up stages never produce an event, whoever sends them."""
    launcher = Launcher()
    launcher.ignores(CommandReceived(launcher.join(kind), report))


@pytest.mark.parametrize("report", samples(HOST_REPORTS), ids=by_tag)
def test_a_host_that_said_goodbye_is_not_heard(report: Command) -> None:
    """FACTS R-54: the gate wants a living host: a report after goodbye changes nothing."""
    launcher = Launcher()
    host = launcher.join("host")
    launcher.says(host, Goodbye())
    launcher.ignores(CommandReceived(host, report))


def test_each_host_report_has_a_rule() -> None:
    """FACTS 2.5: the gate and the rules know the same reports."""
    assert set(REPORTS) == HOST_REPORTS


@pytest.mark.parametrize("command", samples(frozenset(WIRE_COMMANDS)), ids=by_tag)
def test_an_unknown_connection_is_not_heard(command: Command) -> None:
    """DESIGN 4: what comes from a connection that never opened, or is closed, changes nothing."""
    launcher = Launcher()
    gone = launcher.join("host")
    launcher.close(gone)
    launcher.ignores(CommandReceived(gone, command), CommandReceived(99, command))


def test_a_misplaced_command_starts_nothing() -> None:
    """FACTS 2.5: a host that sends its own orders up gets an error each, and no saga moves."""
    launcher = Launcher()
    host = launcher.join("host")
    launcher.promote("w")
    before = launcher.state.sagas
    launcher.says(host, SpawnPoolWindow(1), ReapPanes("main", 1))
    assert launcher.state.sagas is before
    assert emitted(launcher.last) == []
