"""One run of the launcher, from start-up to the last row (FACTS 1.4, DESIGN 5).

Start-up takes, in this order: the data directory's lock, the socket, the log with its recovery;
then it accepts peers, starts the processes it supervises, and says so. Whatever fails on the way
gives back what was taken, and is one line. The end goes the other way: sagas first, so that nobody
is told to do anything any more, then the processes, the peers, the log and the lock.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from returns.result import Failure, Success

from saga_core.agentmux import AgentMux, LauncherIdentity, Mirror, initial_state, wire
from saga_core.engine import (
    ConnectionClosed,
    Event,
    RecoveryRequested,
    Reducer,
    ShutdownRequested,
    State,
)
from saga_shell.ipc import (
    Endpoint,
    Listener,
    Server,
    chosen_endpoint,
    default_endpoint,
    listen,
    own_uid,
)
from saga_shell.launcher.bus import Bus
from saga_shell.launcher.counts import CountsFile, counts_path
from saga_shell.launcher.descriptors import with_files_for
from saga_shell.launcher.ends import first
from saga_shell.launcher.event_log import EventLog
from saga_shell.launcher.family import Family, check_programs
from saga_shell.launcher.interpreter import Interpreter
from saga_shell.launcher.options import (
    EXIT_FAILED,
    EXIT_FINE,
    EXIT_LOG_STOPPED,
    EXIT_LOG_UNREADABLE,
    EXIT_START_UP,
    Exit,
    Options,
)
from saga_shell.launcher.ring import Ring
from saga_shell.launcher.runner import LogStopped, Runner, Watcher
from saga_shell.launcher.tally import Tally
from saga_shell.launcher.timers import Timers
from saga_shell.log import DataLock, LogOptions, LogWriter, acquire, settle_log

logger = logging.getLogger(__name__)

EVENT_LOG_NAME = "launcher-events.log"
SHUTDOWN_SECONDS = 10.0
"""How long the last rows may take; a log that hangs must not keep the launcher alive."""

Announce = Callable[[Path], None]


async def launch(
    options: Options,
    announce: Announce,
    stop: asyncio.Event,
    watcher: Watcher[Mirror] | None = None,
) -> Exit:
    """Run until `stop` is set or something ends the run; `announce` gets the socket's path.

    An exception is a bug, in a step or in an effect; everything is given back all the same.
    """
    options = replace(options, bounds=with_files_for(options.bounds))
    async with AsyncExitStack() as stack:
        match await _assemble(options, stack, watcher):
            case Failure(refused):
                return refused
            case Success(launcher):
                return await launcher.run(announce, stop)


class Launcher:
    """The parts of one run, all taken and none of them running yet."""

    def __init__(
        self,
        options: Options,
        listener: Listener,
        log: LogWriter,
        watcher: Watcher[Mirror] | None,
    ) -> None:
        self._options = options
        self._log = log
        self._socket = listener.path
        self._serving = False
        self._deaf: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        bounds = options.bounds
        self._events = _event_log(options)
        self._family = Family(options, _environment(os.environ, listener.path))
        self._timers = Timers(self._give)
        self._server = Server(
            listener,
            decode=wire.decode_command,
            sink=self._give,
            barred_roles=self._family.barred_roles,
            on_fatal=self._end_deaf,
            limits=bounds.limits,
        )
        self._bus = Bus(
            self._server.send, self._events.record, Ring(bounds.ring_events, bounds.ring_bytes)
        )
        self._interpreter = Interpreter(self._server, self._bus, self._timers)
        self._runner = Runner(
            Reducer(AgentMux()),
            _first_state(options),
            log,
            self._interpreter.perform,
            on_log_failure=options.on_log_failure,
            watcher=watcher,
            busy_events=bounds.waiting_events,
        )
        self._runner.hold_back(self._server)
        self._counts = CountsFile(counts_path(options.data_dir), self._tally())

    async def run(self, announce: Announce, stop: asyncio.Event) -> Exit:
        """Recover, serve until something ends it, and end in good order."""
        steps = asyncio.create_task(self._run_steps())
        try:
            self._interpreter.sums_up = True
            self._give(_recovery(self._log))
            ended = await first(asyncio.shield(steps), self._serve(announce), _stopped(stop))
        finally:
            lost = await self._shut_down(steps)
        if not steps.cancelled():
            return steps.result()
        return Exit(EXIT_FAILED, lost) if lost and ended.code == EXIT_FINE else ended

    def _give(self, event: Event) -> None:
        if isinstance(event, ConnectionClosed):
            self._bus.unsubscribe(event.connection)
        self._runner.give(event)

    def _end_deaf(self, line: str) -> None:
        self._deaf.set_result(Exit(EXIT_FAILED, line))

    async def _run_steps(self) -> Exit:
        """Ends by being cancelled, with the log's failure, or with the exception of a bug."""
        try:
            await self._runner.run()
        except LogStopped as stopped:
            return Exit(EXIT_LOG_STOPPED, str(stopped))

    async def _serve(self, announce: Announce) -> Exit:
        """Nobody connects before recovery is done: its events are the first of the ring."""
        await self._runner.settled()
        self._interpreter.sums_up = False
        await self._server.start()
        match await self._family.start():
            case Failure(line):
                return Exit(EXIT_START_UP, line)
            case Success():
                self._serving = True
                announce(self._socket)
        vacuuming = self._log.vacuum_daily(self._options.retention_days)
        counting = self._counts.keep()
        return await first(asyncio.shield(self._deaf), self._family.ended(), vacuuming, counting)

    async def _shut_down(self, steps: asyncio.Task[Exit]) -> str | None:
        """End everything, in this order; the line says what was lost, if anything was."""
        deadline = asyncio.get_running_loop().time() + SHUTDOWN_SECONDS
        self._give(ShutdownRequested("the launcher ends"))
        await self._settle(steps, deadline)
        await self._family.stop()
        match await self._server.stop():
            case Failure(line):
                logger.warning("%s", line)
            case Success():
                pass
        await self._settle(steps, deadline)
        steps.cancel()
        await asyncio.gather(steps, return_exceptions=True)
        self._timers.stop()
        lost = await self._close_log()
        await asyncio.to_thread(self._events.close)
        if self._serving:
            await self._counts.write()
            self._say_totals()
        return lost

    async def _settle(self, steps: asyncio.Task[Exit], deadline: float) -> None:
        """Wait until what was given is done, but not for ever, and not for steps that ended."""
        settled = asyncio.create_task(self._runner.settled())
        left = max(0.0, deadline - asyncio.get_running_loop().time())
        done, _ = await asyncio.wait(
            [settled, steps], timeout=left, return_when=asyncio.FIRST_COMPLETED
        )
        if not done and left:
            logger.error("the last events are not waited for: the saga log doesn't answer")
        settled.cancel()

    async def _close_log(self) -> str | None:
        """Write the last rows. A backlog takes its time; one that doesn't shrink is given up."""
        closing = asyncio.create_task(self._log.stop())
        waiting = -1
        while waiting != self._log.pending_records:
            waiting = self._log.pending_records
            done, _ = await asyncio.wait([closing], timeout=SHUTDOWN_SECONDS)
            if done:
                return _lost(closing.result())
        closing.cancel()
        return _lost(Failure(f"{waiting} record(s) of the saga log are lost: it doesn't answer"))

    def _tally(self) -> Tally:
        return Tally(
            bounds=self._options.bounds,
            server=self._server,
            runner=self._runner,
            timers=self._timers,
            bus=self._bus,
            interpreter=self._interpreter,
            events=self._events,
            log=self._log,
            family=self._family,
        )

    def _say_totals(self) -> None:
        counts = self._server.counters()
        logger.info(
            "ended: %d lines in, %d rejected, %d lines dropped, %d slow peers ended, "
            "%d commands sent again, %d records refused, %d event log lines dropped",
            counts.lines_in,
            counts.lines_rejected,
            counts.lines_dropped,
            counts.kicked_slow,
            self._interpreter.redeliveries,
            self._log.refused,
            self._events.dropped,
        )


async def _assemble(
    options: Options, stack: AsyncExitStack, watcher: Watcher[Mirror] | None
) -> Success[Launcher] | Failure[Exit]:
    found = await asyncio.to_thread(check_programs, options, os.environ)
    if isinstance(found, Failure):
        return Failure(Exit(EXIT_START_UP, found.failure()))
    locked = await asyncio.to_thread(acquire, options.data_dir)
    if isinstance(locked, Failure):
        return Failure(Exit(EXIT_START_UP, locked.failure()))
    lock = locked.unwrap()
    stack.callback(lock.release)
    bound = await asyncio.to_thread(_listen, options)
    if isinstance(bound, Failure):
        return Failure(Exit(EXIT_START_UP, bound.failure()))
    listener = bound.unwrap()
    stack.push_async_callback(asyncio.to_thread, listener.release)
    match await _open_log(options, lock):
        case Failure(line):
            return Failure(Exit(EXIT_LOG_UNREADABLE, line))
        case Success(log):
            return Success(Launcher(options, listener, log, watcher))


def _listen(options: Options) -> Success[Listener] | Failure[str]:
    match _endpoint(options):
        case Failure(line):
            return Failure(line)
        case Success(endpoint):
            return listen(endpoint)


def _endpoint(options: Options) -> Success[Endpoint] | Failure[str]:
    if options.socket is not None:
        return Success(chosen_endpoint(options.socket))
    return default_endpoint(options.data_dir, options.version, os.environ, own_uid())


async def _open_log(options: Options, lock: DataLock) -> Success[LogWriter] | Failure[str]:
    location = await asyncio.to_thread(settle_log, options.data_dir)
    if location.warning is not None:
        logger.warning("%s", location.warning)
    log_options = LogOptions(encode=wire.encode, synchronous=options.synchronous)
    match await LogWriter.open(
        location.path,
        log_options,
        announce=lock.note,
        reserve=lock.reserve_ids,
        regain=lock.regain,
        id_floor=lock.id_floor,
    ):
        case Failure(error):
            return Failure(error.message)
        case Success(log):
            return Success(log)


def _event_log(options: Options) -> EventLog:
    return EventLog(
        options.data_dir / EVENT_LOG_NAME,
        max_bytes=options.bounds.event_log_bytes,
        queue_lines=options.bounds.event_log_lines,
    )


def _first_state(options: Options) -> State[Mirror]:
    config = options.bounds.in_config(options.config)
    return initial_state(config, LauncherIdentity(os.getpid(), options.version))


def _recovery(log: LogWriter) -> RecoveryRequested:
    start = log.take_start()
    if start.unresolved:
        logger.warning(
            "%d saga(s) were in flight when the last run died and are failed now:"
            " `diag sagas --state failed_compensation` shows them",
            len(start.unresolved),
        )
    return RecoveryRequested(start.next_saga_id, start.unresolved, start.outcomes)


def _environment(environ: Mapping[str, str], socket: Path) -> dict[str, str]:
    """What children see: where to find the launcher (FACTS 1.5)."""
    return {
        **environ,
        "AGENTMUX_LAUNCHER_PIPE": str(socket),
        "AGENTMUX_IPC_HASH": socket.stem,
    }


async def _stopped(stop: asyncio.Event) -> Exit:
    await stop.wait()
    return Exit(EXIT_FINE)


def _lost(closed: Success[None] | Failure[str]) -> str | None:
    match closed:
        case Failure(line):
            logger.error("%s", line)
            return line
        case Success():
            return None
