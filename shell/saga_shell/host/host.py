"""The life of one host process: register, open windows, obey and report, end.

How it ends, and with which exit code:

- 0: SIGTERM, SIGINT, SIGHUP; the action `quit`; `host_should_quit`, unless the host rests in the
  background; the end of the connection after the launcher told that it is quitting.
- 1: the connection ended otherwise (the launcher died, or has left this host), or the first window
  could not be opened.

Every end but a crash ends the panes first, then says goodbye.
"""

import asyncio
import os
import signal
from collections.abc import Coroutine
from dataclasses import dataclass
from importlib.metadata import version

from returns.result import Failure, Success

from saga_core.agentmux.commands import (
    DrainPoolIfLast,
    GetSnapshot,
    Goodbye,
    ProbeUiThread,
    ReapPanes,
    Register,
    ReportBackgroundServiceEnabled,
    ReportWindowClosed,
    SpawnPoolWindow,
)
from saga_core.agentmux.events import (
    Error,
    HostShouldQuit,
    LifecyclePhaseChanged,
    Registered,
    Snapshot,
)
from saga_core.agentmux.wire import decode_host_line
from saga_core.engine import BusEvent, Command, tag_of
from saga_shell.host.accounts import Counters
from saga_shell.host.brackets import Brackets
from saga_shell.host.console import Console
from saga_shell.host.dispatch import Dispatcher, saga_id_of
from saga_shell.host.faults import Fault, FaultPlan
from saga_shell.host.inputs import read_lines
from saga_shell.host.link import LauncherLink
from saga_shell.host.panes import Panes
from saga_shell.host.player import Player
from saga_shell.host.scenario import UserAction
from saga_shell.host.windows import Windows

DISTRIBUTION = "agentmux-launcher"
MAIN_WINDOW = "main"
SNAPSHOT_SECONDS = 1.0
"""How long the host waits for the launcher's snapshot before it opens its windows."""


@dataclass(frozen=True)
class HostOptions:
    """What the command line chose. Times are in seconds."""

    shell: tuple[str, ...]
    pool: int
    main_window: bool
    background: bool
    grace: float
    linger: float
    patience: float
    faults: tuple[Fault, ...]
    scenario: tuple[UserAction, ...]
    inputs: tuple[tuple[str, int], ...]
    """Where more actions come from while the host runs: a name and a descriptor each."""


@dataclass(frozen=True)
class End:
    """How the host ends: its exit code and one line."""

    code: int
    why: str


class Host:
    """One connection, one set of windows, one life."""

    def __init__(
        self,
        options: HostOptions,
        link: LauncherLink,
        panes: Panes,
        counters: Counters,
        console: Console,
    ) -> None:
        self._options = options
        self._link = link
        self._panes = panes
        self._counters = counters
        self._say = console.say
        self._brackets = Brackets()
        self._told_to_quit = False
        self._launcher_quits = False
        self._snapshot = asyncio.Event()
        self._end: asyncio.Future[End] = asyncio.get_running_loop().create_future()
        self._group = asyncio.TaskGroup()
        self._tasks: set[asyncio.Task[None]] = set()
        faults = FaultPlan(options.faults)
        self._windows = Windows(panes, self._report, self._say, self._start)
        self._dispatcher = Dispatcher(self._windows, faults, link.send, counters, self._say)
        self._player = Player(
            self._windows, faults, options.patience, self._user_quits, counters, self._say
        )

    async def run(self) -> End:
        """Live until something ends it; then end the panes, say goodbye and close."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._finish, End(0, number.name))
        try:
            async with self._group:
                self._register()
                self._start(self._listen())
                self._start(self._live())
                end = await self._end
                self._say(f"ending: {end.why}")
                for task in tuple(self._tasks):
                    task.cancel()
        finally:
            await self._leave()
        return end

    def _register(self) -> None:
        """Register goes first, then the two questions of FACTS 2.8."""
        self._link.send(Register("host", os.getpid(), version(DISTRIBUTION)))
        self._link.send(GetSnapshot())
        self._link.send(ReportBackgroundServiceEnabled(self._options.background))

    async def _live(self) -> None:
        """Open the first windows, then let the user act.

        What waited in the launcher for a host comes before the answer to `get_snapshot`. A command
        about a window of an earlier host is thus refused before this host opens one of that name.
        """
        try:
            async with asyncio.timeout(SNAPSHOT_SECONDS):
                await self._snapshot.wait()
        except TimeoutError:
            self._say(f"the launcher sent no snapshot within {SNAPSHOT_SECONDS:g} s; going on")
        await self._open_windows()
        for name, descriptor in self._options.inputs:
            self._start(self._player.play_lines(read_lines(descriptor, self._say), name))
        await self._player.play(self._options.scenario)

    async def _open_windows(self) -> None:
        fills = (self._windows.fill() for _ in range(self._options.pool))
        for filled in await asyncio.gather(*fills):
            if isinstance(filled, Failure):
                self._say(f"no pool window: {filled.failure()}")
        if not self._options.main_window:
            return
        match await self._windows.open(MAIN_WINDOW):
            case Failure(reason):
                self._finish(End(1, f"cannot open window {MAIN_WINDOW!r}: {reason}"))
            case Success(_):
                self._say(f"window {MAIN_WINDOW!r} is open, the pool holds {self._options.pool}")

    async def _listen(self) -> None:
        """Take every line as it comes; commands and events may precede `registered` (FACTS 2.8)."""
        async for line in self._link.lines():
            match decode_host_line(line):
                case Success(message):
                    self._received(message)
                case Failure(reason):
                    self._ignored(f"a line that can't be read: {reason}")
        if self._launcher_quits:
            self._finish(End(0, "the launcher has quit"))
        else:
            self._finish(End(1, "the launcher is gone: its connection ended"))

    def _received(self, message: Command | BusEvent) -> None:
        if isinstance(message, BusEvent):
            self._heard(message)
        else:
            self._commanded(message)

    def _commanded(self, command: Command) -> None:
        match command:
            case SpawnPoolWindow() | ProbeUiThread():
                self._start(self._dispatcher.carry_out(command))
            case ReapPanes() | DrainPoolIfLast():
                self._brackets.commanded(saga_id_of(command), command.label)
                self._start(self._dispatcher.carry_out(command))
            case _:
                self._ignored(f"the command {tag_of(command)!r}, which is not for a host")

    def _heard(self, event: BusEvent) -> None:
        self._brackets.heard(event)
        match event:
            case Registered(client_id=client_id):
                self._say(f"registered as client {client_id}")
            case Snapshot():
                self._snapshot.set()
            case Error(message=message):
                self._say(f"the launcher says: {message}")
            case LifecyclePhaseChanged(to="quitting" | "dead"):
                self._launcher_quits = True
            case HostShouldQuit() if not self._options.background:
                self._begin_to_quit()
            case _:
                pass
        self._quit_if_settled()

    def _begin_to_quit(self) -> None:
        if not self._told_to_quit:
            self._told_to_quit = True
            late = End(0, "host_should_quit; a saga is still open")
            asyncio.get_running_loop().call_later(self._options.linger, self._finish, late)

    def _quit_if_settled(self) -> None:
        if self._told_to_quit and self._brackets.settled:
            self._finish(End(0, "host_should_quit"))

    def _report(self, report: Command) -> None:
        if isinstance(report, ReportWindowClosed):
            self._brackets.window_closed(report.label)
        self._link.send(report)

    def _ignored(self, what: str) -> None:
        self._counters.lines_ignored += 1
        self._say(f"warning: ignored {what}")

    def _user_quits(self) -> None:
        self._finish(End(0, "the user quits"))

    def _finish(self, end: End) -> None:
        if not self._end.done():
            self._end.set_result(end)

    def _start(self, work: Coroutine[object, object, None]) -> None:
        task = self._group.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _leave(self) -> None:
        for failure in await self._panes.end_all():
            self._say(failure)
        self._link.send(Goodbye())
        await self._link.close()
        self._say(
            f"panes started: {self._counters.panes_started}, gone: {self._counters.panes_gone}"
        )
