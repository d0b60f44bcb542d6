"""Sagas and the host's connection, in the words of AgentMux (FACTS 5, 7.2)."""

import pytest
from tests.core.agentmux.launcher import Launcher
from tests.core.engine.odd_sagas import Odd, Scripted, as_saga
from tests.core.harness import emitted, records, replies, sent

from saga_core import Config
from saga_core.agentmux import AgentMux
from saga_core.agentmux.commands import (
    Goodbye,
    Ping,
    ReapPanes,
    ReportPoolWindowAdded,
    ReportSagaActionFailed,
    SpawnPoolWindow,
)
from saga_core.agentmux.events import Error, PoolWindowAdded, PoolWindowPromoted, WindowClosed
from saga_core.agentmux.vocabulary import ClientKind
from saga_core.engine import (
    BusEvent,
    CloseConnection,
    Command,
    Dispatch,
    Done,
    IssueCommand,
    LineRejected,
    Saga,
    SagaActionFailed,
    SagaCompleted,
    SagaFailed,
    SagaStarted,
    StepOpened,
)


def test_the_sixty_fifth_saga_of_an_outage_ends_the_first() -> None:
    """FACTS R-01, F-31: saga 1 has one terminal, its reason names the host, log and bus agree."""
    launcher = Launcher()
    launcher.promote(*(f"w{number}" for number in range(65)))
    reason = "host pipe backpressure overflow"
    assert launcher.endings() == {1: reason}
    launcher.join("host")
    launcher.answer_all(launcher.last)
    launcher.deadline(1)
    assert launcher.endings()[1] == reason
    assert [launcher.endings()[saga_id] for saga_id in range(2, 66)] == ["completed"] * 64


def test_a_command_that_waits_too_long_is_unreachable_once() -> None:
    """FACTS R-02, R-26: the expiry ends the saga; no later send, timeout or host changes that."""
    launcher = Launcher()
    launcher.close(launcher.join("host"))
    launcher.clean_up("main")
    launcher.promote("w")
    launcher.expire(1)
    launcher.deadline(1)
    launcher.join("host")
    assert launcher.endings() == {1: "host unreachable"}
    assert [dispatch.command for dispatch in sent(launcher.last)] == [SpawnPoolWindow(2)]


def test_a_killed_host_s_command_reaches_the_next() -> None:
    """FACTS R-17: written and never read: the same command, same id, goes to the new host."""
    launcher = Launcher()
    host = launcher.join("host")
    launcher.clean_up("main")
    launcher.close(host)
    new = launcher.join("host")
    redelivered = Dispatch("host", new, ReapPanes("main", 1), redelivery=True)
    assert sent(launcher.last) == [redelivered]


@pytest.mark.parametrize("way", ["goodbye", "end of the socket", "line too long", "failed send"])
def test_whatever_ends_the_connection_brings_the_command_back(way: str) -> None:
    """FACTS R-17, F-32: nothing that was unanswered is lost, however the connection went."""
    launcher = Launcher()
    host = launcher.join("host")
    launcher.promote("w")
    match way:
        case "goodbye":
            launcher.says(host, Goodbye())
        case "end of the socket":
            launcher.close(host)
        case "line too long":
            launcher.give(LineRejected(host, "line longer than 1 MiB", fatal=True))
        case _:
            (dispatch,) = sent(launcher.last)
            launcher.send_failed(dispatch)
    assert launcher.state.links["host"].buffer == (1,)


def test_a_failed_send_ends_the_host_in_two_moves() -> None:
    """FACTS R-25, R-33: the launcher hangs up; the socket's end then takes the host's mirror."""
    launcher = Launcher()
    host = launcher.join("host")
    launcher.promote("w")
    (dispatch,) = sent(launcher.last)
    effects = launcher.send_failed(dispatch)
    assert effects[-1] == CloseConnection(host, "a command could not be sent")
    assert emitted(effects) == []
    launcher.shows(host, "main")
    assert [type(event).__name__ for event in emitted(launcher.close(host))] == [
        "ProcessExited",
        "WindowClosed",
        "WindowInstanceReleased",
    ]


def test_a_failed_send_ends_the_saga_by_its_deadline_at_the_latest() -> None:
    """FACTS F-47, F-32: exactly one terminal: the deadline's, if nobody comes in time."""
    launcher = Launcher()
    launcher.join("host")
    launcher.promote("w")
    launcher.send_failed(*sent(launcher.last))
    launcher.deadline(1)
    launcher.join("host")
    assert sent(launcher.last) == []
    assert launcher.endings() == {1: "saga timeout"}


def test_an_action_that_failed_ends_its_saga() -> None:
    """FACTS 1.3, R-21: told on the bus first, then the saga fails with the host's reason."""
    launcher = Launcher()
    host = launcher.join("host")
    launcher.promote("w", "x")
    effects = launcher.says(host, ReportSagaActionFailed(2, "no display"))
    assert emitted(effects) == [
        SagaActionFailed(2, "no display", 5),
        SagaFailed(2, "host action failed: no display", 6),
    ]
    assert launcher.in_flight == [1]


def test_an_answer_after_the_end_is_published_and_changes_no_row() -> None:
    """FACTS R-13, F-20: the host did the work late: its report goes out, the record stays."""
    launcher = Launcher()
    host = launcher.join("host")
    launcher.promote("w")
    launcher.deadline(1)
    effects = launcher.says(host, ReportPoolWindowAdded("", 1))
    assert emitted(effects) == [PoolWindowAdded("", 5, 1)]
    assert records(effects) == []


def test_only_one_deadline_covers_both_steps() -> None:
    """FACTS R-12: the second step arms nothing new, and times out under the first one's clock."""
    launcher = Launcher()
    launcher.join("host")
    launcher.clean_up("main")
    launcher.answer(*sent(launcher.last))
    assert len(launcher.timers) == 1
    launcher.deadline(1)
    steps = launcher.rows.sagas[1].steps.values()
    assert [(step.state, step.reason) for step in steps] == [
        ("succeeded", None),
        ("failed", "saga timeout"),
    ]


def test_a_saga_is_not_shown_its_own_bracket() -> None:
    """FACTS 1.3, 3.1: brackets carry an id, yet are no answers: `on_event` never sees one."""
    curious = Odd(on_event=lambda *_: (Odd(), Done()))
    starting = Odd(start=lambda _: (curious, IssueCommand("host", SpawnPoolWindow())))
    launcher = Launcher(application=Promoting(as_saga(starting)))
    launcher.promote("w")
    launcher.ignores(SagaStarted(1, "odd", 9), SagaCompleted(1, 9), SagaFailed(1, "no", 9))
    launcher.give(PoolWindowAdded("", 0, 1))
    assert launcher.endings() == {1: "completed"}


@pytest.mark.parametrize(
    ("answer", "ending"),
    [
        (ReportPoolWindowAdded("w", 1), "completed"),
        (ReportSagaActionFailed(1, "no"), "srv action failed: no"),
    ],
)
def test_srv_can_answer_a_saga(answer: Command, ending: str) -> None:
    """DESIGN 4, Targets: srv is live; its answer moves the saga, and the mirror is of hosts."""
    asking = IssueCommand("srv", SpawnPoolWindow())
    done = Odd(on_event=lambda *_: (Odd(), Done()))
    launcher = Launcher(application=Promoting(as_saga(Odd(start=lambda _: (done, asking)))))
    srv = launcher.join("srv")
    launcher.promote("w")
    mirror = launcher.state.mirror
    launcher.says(srv, answer)
    assert launcher.endings() == {1: ending}
    assert launcher.state.mirror == mirror


@pytest.mark.parametrize("kind", ["srv", "tool"])
def test_only_whom_a_saga_asked_may_answer_it(kind: ClientKind) -> None:
    """FACTS F-05, R-54: what a host was asked, nobody else answers."""
    launcher = Launcher()
    launcher.join("host")
    other = launcher.join(kind)
    launcher.promote("w")
    before = launcher.state
    (refusal,) = replies(launcher.says(other, ReportPoolWindowAdded("w", 1)), other)
    assert isinstance(refusal, Error)
    assert launcher.state is before


def test_srv_is_a_peer_of_the_same_kind() -> None:
    """FACTS R-11, DESIGN 4: srv has a link of its own; its buffer and its reasons name it."""
    launcher = Launcher(Config(buffer_cap=1), issuing(IssueCommand("srv", SpawnPoolWindow())))
    launcher.promote("a", "b")
    assert launcher.endings() == {1: "srv pipe backpressure overflow"}
    srv = launcher.join("srv")
    assert sent(launcher.last) == [Dispatch("srv", srv, SpawnPoolWindow(2))]
    launcher.close(srv)
    launcher.expire(2)
    assert launcher.endings()[2] == "srv unreachable"


def test_a_tool_is_no_peer() -> None:
    """FACTS 1.1: sagas talk to host and srv; a tool or renderer never gets a command."""
    launcher = Launcher()
    launcher.promote("w")
    launcher.join("tool")
    launcher.join("renderer")
    assert launcher.state.links["host"].buffer == (1,)


class Promoting(AgentMux):
    """AgentMux, but a promote starts this saga."""

    def __init__(self, saga: Saga) -> None:
        self.saga = saga

    def triggers(self, event: BusEvent) -> tuple[Saga, ...]:
        """Only promotes."""
        return (self.saga,) if isinstance(event, PoolWindowPromoted) else ()


def issuing(action: IssueCommand) -> AgentMux:
    """AgentMux, but a promote starts a saga with this one command."""
    return Promoting(Scripted(action))


@pytest.mark.parametrize(
    ("target", "command", "reason"),
    [
        ("host", Ping(1), "host cannot take ping"),
        ("srv", ReportPoolWindowAdded("w"), "srv cannot take report_pool_window_added"),
        ("launcher_self", ReapPanes("main"), "launcher_self cannot take reap_panes"),
        ("tool", SpawnPoolWindow(), "unknown target tool"),
        ("host", ReapPanes("lone \ud800"), "host cannot take reap_panes: "),
    ],
)
def test_what_a_target_can_t_take_fails_the_saga_alone(
    target: str, command: Command, reason: str
) -> None:
    """FACTS R-10, R-36: a command without an id, or that nobody could read, is never sent."""
    launcher = Launcher(application=issuing(IssueCommand(target, command)))
    host = launcher.join("host")
    launcher.promote("w")
    assert launcher.endings()[1].startswith(reason)
    assert sent(launcher.last) == []
    assert len(replies(launcher.says(host, Ping(1)), host)) == 1


def test_a_label_that_nobody_can_write_fails_its_saga_alone() -> None:
    """FACTS R-36: a shipped saga under a label that has no UTF-8; the host stays connected."""
    launcher = Launcher()
    host = launcher.join("host")
    launcher.give(WindowClosed("lone \ud800", 1))
    assert launcher.state.links["host"].connection == host
    assert launcher.rows.sagas[1].state == "failed"
    assert launcher.rows.sagas[1].input_json == "null"


def test_a_label_of_many_digits_is_a_label() -> None:
    """FACTS 2.2: numbers have 64 bits, texts as many digits as they like."""
    launcher = Launcher()
    launcher.join("host")
    label = ":" + "9" * 30
    (dispatch,) = sent(launcher.give(WindowClosed(label, 1)))
    assert dispatch.command == ReapPanes(label, 1)


def test_the_row_holds_what_goes_over_the_wire() -> None:
    """FACTS R-42: the logged command carries the real id, like the frame."""
    launcher = Launcher()
    launcher.join("host")
    effects = launcher.give(WindowClosed("main", 1))
    logged = [r.command for r in records(effects) if isinstance(r, StepOpened)]
    assert logged == [d.command for d in sent(effects)] == [ReapPanes("main", 1)]
