"""Doing what the core decided: one effect, one act; nothing is decided here."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from typing import Any, Protocol

from saga_core.agentmux import wire
from saga_core.agentmux.clients import PEER_KINDS
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
    SagaFailed,
    Subscribe,
    WriteLog,
    reasons,
    tag_of,
)
from saga_shell.launcher.bus import Bus
from saga_shell.launcher.timers import Timers

logger = logging.getLogger(__name__)

COMMANDS_OVERFLOWED = "commands_overflowed"
FAILURES = {
    reasons.TIMEOUT: "sagas_timed_out",
    **{reasons.unreachable(target): "commands_expired" for target in PEER_KINDS},
    **{reasons.overflow(target): COMMANDS_OVERFLOWED for target in PEER_KINDS},
}
"""Failures that a bound of ours brings about, and what they are counted as."""

FAILURES_NAMED = 10
"""Sagas that fail in one turn of the loop and get a line each; of the rest the number is said."""


class Peers(Protocol):
    """The connections, as the interpreter uses them; `saga_shell.ipc.Server` is one."""

    def send(self, connection: int, line: bytes, command: Command | None = None) -> None:
        """Queue a line; for a command that can't be sent, a `SendFailed` comes back."""

    def close_connection(self, connection: int, reason: str) -> None:
        """End a connection once its queue is written."""

    def is_open(self, connection: int) -> bool:
        """Whether its socket is still open."""


class Interpreter:
    """Carries effects out, in order, after their records were committed.

    Never waits. `redeliveries` counts commands sent again because their connection ended,
    `failures` the sagas that failed at one of our own bounds. While `sums_up`, sagas that fail are
    not named one by one in the log lines: whoever sets it says how many there were.
    """

    def __init__(self, peers: Peers, bus: Bus, timers: Timers) -> None:
        self.redeliveries = 0
        self.sums_up = False
        self.failures = Counter(dict.fromkeys(FAILURES.values(), 0))
        self._peers = peers
        self._bus = bus
        self._timers = timers
        self._failed_now = 0
        self._acts: dict[type[Effect], Callable[[Any], None]] = {
            WriteLog: lambda _: None,
            Emit: self._emit,
            Dispatch: self._dispatch,
            ArmTimer: lambda arm: self._timers.arm(arm.timer, arm.seconds),
            CancelTimer: lambda cancel: self._timers.cancel(cancel.timer),
            Reply: self._serve,
            Replay: self._serve,
            Subscribe: self._serve,
            CloseConnection: self._serve,
        }

    def perform(self, effect: Effect) -> None:
        """Do one effect."""
        self._acts[type(effect)](effect)

    def _emit(self, effect: Emit) -> None:
        event = effect.event
        self._bus.publish(event)
        if type(event) is SagaFailed:
            self._count(event.reason)
            self._say_failed(event)

    def _count(self, reason: str) -> None:
        if reason in FAILURES:
            self.failures[FAILURES[reason]] += 1

    def _say_failed(self, event: SagaFailed) -> None:
        if self.sums_up:
            return
        if self._failed_now == 0:
            asyncio.get_running_loop().call_soon(self._say_how_many_more)
        self._failed_now += 1
        if self._failed_now <= FAILURES_NAMED:
            logger.warning("saga %d failed: %s", event.saga_id, event.reason)

    def _say_how_many_more(self) -> None:
        more, self._failed_now = self._failed_now - FAILURES_NAMED, 0
        if more > 0:
            logger.warning("%d more saga(s) failed: `diag sagas` shows their reasons", more)

    def _dispatch(self, effect: Dispatch) -> None:
        if effect.connection is None:
            return
        if effect.redelivery:
            self.redeliveries += 1
            tag = tag_of(effect.command)
            logger.warning("%s to %s is sent again: no answer came", tag, effect.target)
        frame = wire.encode_host_frame(effect.command)
        self._peers.send(effect.connection, frame, effect.command)

    def _serve(self, effect: Reply | Replay | Subscribe | CloseConnection) -> None:
        match effect:
            case Reply(connection, event):
                self._peers.send(connection, wire.encode(event))
            case Replay(connection, since, version):
                self._peers.send(connection, self._bus.replay(since, version))
            case Subscribe(connection):
                if self._peers.is_open(connection):
                    self._bus.subscribe(connection)
            case CloseConnection(connection, reason):
                self._bus.unsubscribe(connection)
                self._peers.close_connection(connection, reason)
