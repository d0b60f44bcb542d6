"""One run of the launcher, from start-up to the last row (FACTS 1.4, DESIGN 5).

Start-up takes, in this order: the data directory's lock, the socket, the log with its recovery;
then it listens, says so, and starts the processes it supervises. Whatever fails on the way gives
back what was taken, and is one line. The end goes the other way: sagas first, so that nobody is
told to do anything any more, then the processes, the peers, the log and the lock.
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

from returns.result import Failure, Success

from saga_core.agentmux import AgentMux, LauncherIdentity, Mirror, initial_state, wire
from saga_core.engine import ConnectionClosed, Event, RecoveryRequested, Reducer, ShutdownRequested
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
from saga_shell.launcher.event_log import EventLog
from saga_shell.launcher.family import Family
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
from saga_shell.launcher.runner import LogStopped, Runner, Watcher
from saga_shell.launcher.timers import Timers
from saga_shell.log import DataLock, LogOptions, LogWriter, acquire, settle_log

logger = logging.getLogger(__name__)

EVENT_LOG_NAME = "launcher-events.log"
SHUTDOWN_SECONDS = 10.0
"""How long the last events may take; a log that hangs must not keep the launcher alive."""

Announce = Callable[[Path], None]


async def launch(
    options: Options,
    announce: Announce,
    stop: asyncio.Event,
    watcher: Watcher[Mirror] | None = None,
) -> Exit:
    """Run until `stop` is set or something ends the run; `announce` gets the socket's path."""
    async with AsyncExitStack() as stack:
        match await _assemble(options, stack, watcher):
            case Failure(refused):
                return refused
            case Success(launcher):
                ended = await launcher.run(announce, stop)
                return await launcher.close_log(ended)


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
        self._fatal: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        self._events = EventLog(options.data_dir / EVENT_LOG_NAME)
        self._family = Family(options, _environment(os.environ, listener.path))
        self._timers = Timers(self._give)
        self._server = Server(
            listener,
            decode=wire.decode_command,
            sink=self._give,
            barred_roles=self._family.barred_roles,
            on_fatal=self._end_with,
            limits=options.limits,
        )
        self._bus = Bus(self._server.send, self._events.record)
        self._interpreter = Interpreter(self._server, self._bus, self._timers)
        self._runner = Runner(
            Reducer(AgentMux()),
            initial_state(options.config, LauncherIdentity(os.getpid(), options.version)),
            log,
            self._interpreter.perform,
            on_log_failure=options.on_log_failure,
            watcher=watcher,
        )
        self._runner.hold_back(self._server)

    async def run(self, announce: Announce, stop: asyncio.Event) -> Exit:
        """Recover, serve until something ends it, and end in good order."""
        running = asyncio.create_task(self._run_steps())
        vacuuming = asyncio.create_task(self._log.vacuum_daily(self._options.retention_days))
        try:
            self._give(_recovery(self._log))
            await self._settle(running)
            ended = await self._serve(announce, stop)
            return await self._shut_down(running, ended)
        finally:
            vacuuming.cancel()
            running.cancel()
            self._timers.stop()
            await asyncio.wait([running, vacuuming])
            await asyncio.to_thread(self._events.close)

    async def close_log(self, ended: Exit) -> Exit:
        """Write the last rows; rows that are lost turn a good end into a bad one."""
        match await self._log.stop():
            case Failure(line) if ended.code == EXIT_FINE:
                return Exit(EXIT_FAILED, line)
            case Failure(line):
                logger.error("%s", line)
            case Success():
                pass
        return ended

    def _give(self, event: Event) -> None:
        if isinstance(event, ConnectionClosed):
            self._bus.unsubscribe(event.connection)
        self._runner.give(event)

    def _end_with(self, line: str) -> None:
        if not self._fatal.done():
            self._fatal.set_result(Exit(EXIT_FAILED, line))

    async def _run_steps(self) -> None:
        try:
            await self._runner.run()
        except LogStopped as stopped:
            if not self._fatal.done():
                self._fatal.set_result(Exit(EXIT_LOG_STOPPED, str(stopped)))
        except Exception as bug:
            if not self._fatal.done():
                self._fatal.set_exception(bug)
            raise

    async def _serve(self, announce: Announce, stop: asyncio.Event) -> Exit:
        if self._fatal.done():
            return self._fatal.result()
        await self._server.start()
        announce(self._socket)
        match await self._family.start():
            case Failure(line):
                return Exit(EXIT_START_UP, line)
            case Success():
                return await _first(self._fatal, self._family.ended(), _stopped(stop))

    async def _shut_down(self, running: asyncio.Task[None], ended: Exit) -> Exit:
        self._give(ShutdownRequested("the launcher ends"))
        await self._settle(running)
        await self._family.stop()
        await self._settle(running)
        match await self._server.stop():
            case Failure(line):
                logger.warning("%s", line)
            case Success():
                pass
        await self._settle(running)
        self._say_totals()
        return ended

    async def _settle(self, running: asyncio.Task[None]) -> None:
        """Wait until nothing waits, but not for ever, and not for a runner that ended."""
        settled = asyncio.create_task(self._runner.settled())
        await asyncio.wait(
            [settled, running], timeout=SHUTDOWN_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
        settled.cancel()

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
    match await LogWriter.open(location.path, log_options, announce=lock.note):
        case Failure(error):
            return Failure(error.message)
        case Success(log):
            return Success(log)


def _recovery(log: LogWriter) -> RecoveryRequested:
    start = log.start
    if start.unresolved:
        logger.warning("%d saga(s) were in flight when the last run died", len(start.unresolved))
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


async def _first(*ends: Awaitable[Exit]) -> Exit:
    """The first of several possible ends; the others are no longer waited for."""
    waiting = [asyncio.ensure_future(end) for end in ends]
    try:
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        return next(end.result() for end in waiting if end in done)
    finally:
        for end in waiting:
            end.cancel()
