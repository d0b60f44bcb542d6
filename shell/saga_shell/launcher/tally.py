"""The counts of a running launcher, gathered from its parts."""

import asyncio
import os
import threading
from dataclasses import dataclass

from saga_core.agentmux import Mirror
from saga_shell.ipc import Server
from saga_shell.launcher.bounds import Bounds
from saga_shell.launcher.bus import Bus
from saga_shell.launcher.counts import Counts, Met
from saga_shell.launcher.event_log import EventLog
from saga_shell.launcher.family import Family
from saga_shell.launcher.interpreter import COMMANDS_OVERFLOWED, Interpreter
from saga_shell.launcher.runner import Runner
from saga_shell.launcher.timers import Timers
from saga_shell.log import LogWriter


@dataclass(frozen=True)
class Tally:
    """The parts that count; calling it counts now."""

    bounds: Bounds
    server: Server
    runner: Runner[Mirror]
    timers: Timers
    bus: Bus
    interpreter: Interpreter
    events: EventLog
    log: LogWriter
    family: Family

    def __call__(self) -> Counts:
        """All counts since the start."""
        met = self._met()
        bounds = tuple(Met(name, getattr(self.bounds, name), times) for name, times in met.items())
        return Counts(os.getpid(), bounds, self._others() | self._held())

    def _met(self) -> dict[str, int]:
        server = self.server.counters()
        return {
            "line_bytes": server.lines_too_long,
            "queue_lines": server.kicked_lines,
            "queue_bytes": server.kicked_bytes,
            "write_seconds": server.kicked_waiting,
            "connections": server.refused_full,
            "buffered_commands": self.interpreter.failures[COMMANDS_OVERFLOWED],
            "waiting_events": self.runner.pauses,
            "waiting_bytes": self.server.byte_pauses,
            "ring_events": self.bus.truncated,
            "ring_bytes": self.bus.ring.left_for_bytes,
            "event_log_bytes": self.events.rotations,
            "event_log_lines": self.events.dropped,
        }

    def _others(self) -> dict[str, int]:
        server = self.server.counters()
        failures = {
            name: count
            for name, count in self.interpreter.failures.items()
            if name != COMMANDS_OVERFLOWED
        }
        return {
            "peers_accepted": server.accepted,
            "peers_of_another_user": server.refused_uid,
            "accept_errors": server.accept_errors,
            "listened_anew": server.listened_anew,
            "lines_in": server.lines_in,
            "lines_rejected": server.lines_rejected,
            "lines_out": server.lines_out,
            "lines_dropped": server.lines_dropped,
            **failures,
            "commands_sent_again": self.interpreter.redeliveries,
            "records_waiting": self.log.pending_records,
            "records_refused": self.log.refused,
            "restarts": self.family.restarts,
        }

    def _held(self) -> dict[str, int]:
        """What is there at this moment; all else only grows."""
        return {
            "sagas_in_flight_now": len(self.runner.state.sagas),
            "peers_connected_now": len(self.server.connections()),
            "timers_now": len(self.timers),
            "timer_entries_now": self.timers.entries,
            "tasks_now": len(asyncio.all_tasks()),
            "threads_now": threading.active_count(),
        }
