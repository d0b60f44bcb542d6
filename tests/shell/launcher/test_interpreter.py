"""Effects as acts: what each one makes the bus, the peers and the timers do."""

import asyncio
import logging
from dataclasses import dataclass, field
from typing import cast, get_args

import pytest

from saga_core.agentmux.commands import ReportPoolWindowAdded, SpawnPoolWindow
from saga_core.agentmux.events import Pong, PoolWindowRemoved
from saga_core.engine import (
    ArmTimer,
    CancelTimer,
    CloseConnection,
    Command,
    Dispatch,
    Effect,
    Emit,
    Replay,
    Reply,
    SagaDeadline,
    SagaFailed,
    SagaOpened,
    Subscribe,
    TimerFired,
    WriteLog,
)
from saga_shell.launcher.bus import Bus
from saga_shell.launcher.interpreter import FAILURES_NAMED, Interpreter
from saga_shell.launcher.timers import Timers
from saga_shell.rehearsal.clock import run_virtually


@dataclass
class Peers:
    """Connections 1 to 3 are open."""

    sent: list[tuple[int, bytes, Command | None]] = field(default_factory=list)
    closed: list[tuple[int, str]] = field(default_factory=list)

    def send(self, connection: int, line: bytes, command: Command | None = None) -> None:
        """Note what was sent."""
        self.sent.append((connection, line, command))

    def close_connection(self, connection: int, reason: str) -> None:
        """Note what was closed."""
        self.closed.append((connection, reason))

    def is_open(self, connection: int) -> bool:
        """Whether it is one of the three."""
        return connection in (1, 2, 3)


@dataclass
class Acts:
    """What a series of effects brought about within a minute."""

    peers: Peers = field(default_factory=Peers)
    fired: list[TimerFired] = field(default_factory=list)
    recorded: list[bytes] = field(default_factory=list)
    subscribers: int = 0
    redeliveries: int = 0


def perform(*effects: Effect) -> Acts:
    """Do all of them in order."""
    acts = Acts()

    async def main() -> None:
        bus = Bus(acts.peers.send, acts.recorded.append)
        interpreter = Interpreter(acts.peers, bus, Timers(acts.fired.append))
        for effect in effects:
            interpreter.perform(effect)
        acts.subscribers, acts.redeliveries = bus.subscribers, interpreter.redeliveries
        await asyncio.sleep(60)

    run_virtually(main())
    return acts


SPAWN = SpawnPoolWindow(42)


def test_a_command_goes_out_as_a_host_frame_with_itself_beside() -> None:
    """FACTS 2.3, R-33: the frame is tagged; the command comes along, to be told if it fails."""
    acts = perform(Dispatch("host", 2, SPAWN))
    frame = b'{"kind":"command","cmd":"spawn_pool_window","saga_id":42}'
    assert acts.peers.sent == [(2, frame, SPAWN)]
    assert acts.redeliveries == 0


def test_a_redelivery_is_counted_and_said(caplog: pytest.LogCaptureFixture) -> None:
    """FACTS R-17: a command that is sent again is the same command; the operator hears of it."""
    with caplog.at_level(logging.WARNING):
        acts = perform(Dispatch("host", 2, SPAWN, redelivery=True))
    assert (len(acts.peers.sent), acts.redeliveries) == (1, 1)
    assert caplog.messages == ["spawn_pool_window to host is sent again: no answer came"]


def test_a_command_to_the_launcher_itself_goes_nowhere() -> None:
    """DESIGN 4: it ran in its step already."""
    report = ReportPoolWindowAdded("w", 1)
    assert perform(Dispatch("launcher_self", None, report)).peers.sent == []


def test_a_reply_is_private_and_an_event_is_not() -> None:
    """FACTS 2.7: replies reach their connection only; they are neither in the ring nor on disk."""
    event = PoolWindowRemoved("w", 1)
    acts = perform(Subscribe(1), Subscribe(2), Reply(3, Pong(9, 0)), Emit(event), Replay(3, 0, 1))
    told = b'{"event":"pool_window_removed","label":"w","version":1}'
    assert acts.peers.sent == [
        (3, b'{"event":"pong","nonce":9,"version":0}', None),
        (1, told, None),
        (2, told, None),
        (3, b'{"event":"event_list","events":[' + told + b'],"version":1}', None),
    ]
    assert acts.recorded == [told]


def test_a_connection_that_ended_meanwhile_is_not_subscribed() -> None:
    """DESIGN 5: it ended while the commit ran; nothing would ever end its subscription."""
    acts = perform(Subscribe(4), Emit(PoolWindowRemoved("w", 1)))
    assert (acts.subscribers, acts.peers.sent) == (0, [])


def test_a_closed_connection_hears_nothing_more() -> None:
    """FACTS R-52: after the fatal reply comes the end, and no event in between."""
    acts = perform(Subscribe(1), CloseConnection(1, "why"), Emit(PoolWindowRemoved("w", 1)))
    assert (acts.peers.sent, acts.peers.closed) == ([], [(1, "why")])


def test_timers_are_armed_and_cancelled_in_order() -> None:
    """FACTS R-03: what is armed fires, what was cancelled doesn't."""
    acts = perform(
        ArmTimer(SagaDeadline(1), 5), ArmTimer(SagaDeadline(2), 5), CancelTimer(SagaDeadline(1))
    )
    assert acts.fired == [TimerFired(SagaDeadline(2))]


def test_every_kind_of_effect_is_an_act() -> None:
    """DESIGN 4: whatever the core may want done, the interpreter knows how."""
    bus = Bus(lambda _number, _line: None, lambda _line: None)
    interpreter = Interpreter(Peers(), bus, cast("Timers", None))
    assert set(interpreter._acts) == set(get_args(Effect))


def test_a_record_is_the_log_s_business() -> None:
    """DESIGN 2: rows are committed before; here nothing is left to do."""
    acts = perform(WriteLog(SagaOpened(1, "a saga", "null")))
    assert (acts.peers.sent, acts.recorded, acts.fired) == ([], [], [])


def test_a_failed_saga_is_said_to_the_operator(caplog: pytest.LogCaptureFixture) -> None:
    """DESIGN 6: logs go to standard error: one line with the id and the reason."""
    with caplog.at_level(logging.WARNING):
        perform(Emit(SagaFailed(7, "saga timeout", 1)))
    assert caplog.messages == ["saga 7 failed: saga timeout"]


def test_many_failures_at_once_are_summed_up(caplog: pytest.LogCaptureFixture) -> None:
    """FACTS R-39: a restart after which very many sagas failed names a few and counts the rest."""
    with caplog.at_level(logging.WARNING):
        perform(*(Emit(SagaFailed(n, "restarted", n)) for n in range(1, 5_001)))
    *named, summed_up = caplog.messages
    assert named == [f"saga {n} failed: restarted" for n in range(1, FAILURES_NAMED + 1)]
    assert summed_up == "4990 more saga(s) failed: `diag sagas` shows their reasons"
