"""Starting, restarting and stopping the processes that the launcher owns (FACTS 1.4).

The rules
---------
1.  An end with code 0, or by SIGINT, SIGTERM or SIGHUP, is clean: the process is not restarted.
2.  Any other end is abnormal and counts against the budget: `RESTARTS` restarts within
    `WINDOW_SECONDS`. The next abnormal end inside the window gives up, with that end's code.
3.  The same abnormal code twice in a row restarts the process in its degraded mode.
4.  Stopping asks with SIGTERM and insists with SIGKILL after `TERM_SECONDS`. Both go to the
    process and its helpers: it leads a process group of its own. So Ctrl-C in a terminal reaches
    the launcher alone, which ends its sagas before it ends the processes.
"""

import asyncio
import logging
import os
import shutil
import signal
import threading
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from returns.result import Failure, Success

from saga_shell.ipc import is_self_or_descendant

logger = logging.getLogger(__name__)

RESTARTS = 3
WINDOW_SECONDS = 60.0
TERM_SECONDS = 1.5
CLEAN_SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
SIGNAL_EXIT_BASE = 128

START_SECONDS = 5.0
"""How long `owns` waits for the pid of a process that is just being started."""


@dataclass(frozen=True)
class Child:
    """A program to supervise. `degraded_arguments` are added in its degraded mode."""

    role: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    degraded_arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ended:
    """How the supervision ended: `code` is an exit code, `clean` says whether all was well.

    `reason` is one line for the user, if it was not.
    """

    code: int
    clean: bool
    reason: str = ""


class Budget:
    """Rule 2, apart from any process: which abnormal ends are still within bounds."""

    def __init__(self, restarts: int = RESTARTS, window_seconds: float = WINDOW_SECONDS) -> None:
        self._restarts = restarts
        self._window = window_seconds
        self._ends: deque[float] = deque()

    def allows_restart(self, now: float) -> bool:
        """Count an abnormal end at `now` (seconds); say whether a restart is in order."""
        while self._ends and now - self._ends[0] >= self._window:
            self._ends.popleft()
        self._ends.append(now)
        return len(self._ends) <= self._restarts


class Supervisor:
    """Keeps one child running. `pid` is that of the process that runs now, if any."""

    def __init__(
        self, child: Child, budget: Budget | None = None, term_seconds: float = TERM_SECONDS
    ) -> None:
        self.pid: int | None = None
        self.restarts = 0
        self._child = child
        self._budget = budget if budget is not None else Budget()
        self._term_seconds = term_seconds
        self._process: asyncio.subprocess.Process | None = None
        self._spawning = asyncio.Lock()
        self._pid_is_known = threading.Event()
        self._pid_is_known.set()
        self._stopping = False
        self._last_code: int | None = None

    async def start(self) -> Success[None] | Failure[str]:
        """Start the child for the first time; the failure is one line for the user."""
        return await self._spawn(())

    async def supervise(self) -> Ended:
        """Wait for the child's end and restart it while the rules say so."""
        while True:
            code = await self._wait()
            if self._stopping or is_clean(code):
                return Ended(exit_code(code), clean=True)
            role = self._child.role
            logger.warning("the %s ended with code %d", role, exit_code(code))
            if not self._budget.allows_restart(asyncio.get_running_loop().time()):
                line = f"the {role} ended with code {exit_code(code)} too often: see its output"
                return Ended(exit_code(code), clean=False, reason=line)
            match await self._restart(code):
                case Failure(line):
                    return Ended(exit_code(code), clean=False, reason=line)
                case Success():
                    pass

    async def stop(self) -> None:
        """End the child (rule 4), also one that is just being started; nothing if it has ended."""
        self._stopping = True
        async with self._spawning:
            process = self._process
        if process is None or process.returncode is not None:
            return
        _signal_group(process, signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), self._term_seconds)
        except TimeoutError:
            logger.warning("the %s didn't end on SIGTERM and is killed", self._child.role)
            _signal_group(process, signal.SIGKILL)
            await process.wait()

    def owns(self, pid: int) -> bool:
        """Whether process `pid` is the child that runs now, or a child of it (FACTS R-53).

        Reads procfs, and waits while a child is being started, which may connect before its
        number is known here: call it on a thread, not on the loop.
        """
        self._pid_is_known.wait(START_SECONDS)
        return self.pid is not None and is_self_or_descendant(pid, self.pid)

    async def _restart(self, code: int) -> Success[None] | Failure[str]:
        degraded = self._child.degraded_arguments if code == self._last_code else ()
        self._last_code = code
        restarted = await self._spawn(degraded)
        if isinstance(restarted, Success) and not self._stopping:
            self.restarts += 1
            mode = " degraded" if degraded else ""
            logger.warning("the %s was restarted%s", self._child.role, mode)
        return restarted

    async def _spawn(self, arguments: tuple[str, ...]) -> Success[None] | Failure[str]:
        async with self._spawning:
            if self._stopping:
                return Success(None)
            self._pid_is_known.clear()
            try:
                self._process = await _run_program(self._child, arguments)
                self.pid = self._process.pid
            except OSError as error:
                return Failure(_cannot_start(self._child, error.strerror or str(error)))
            finally:
                self._pid_is_known.set()
        logger.info("the %s runs as process %d", self._child.role, self.pid)
        return Success(None)

    async def _wait(self) -> int:
        assert self._process is not None, "supervise comes after start"
        code = await self._process.wait()
        self.pid = None
        return code


def check_program(child: Child) -> Success[None] | Failure[str]:
    """Whether there is such a program; the failure is one line for the user.

    Looks at the file system: call it on a thread, not on the loop.
    """
    if shutil.which(child.command[0], path=child.environment.get("PATH")) is None:
        return Failure(_cannot_start(child, "no such program"))
    return Success(None)


def is_clean(returncode: int) -> bool:
    """Rule 1, for a code as asyncio tells it: negative for a signal."""
    return returncode == 0 or -returncode in CLEAN_SIGNALS


def exit_code(returncode: int) -> int:
    """The code as a shell tells it: 128 + n for a signal."""
    return returncode if returncode >= 0 else SIGNAL_EXIT_BASE - returncode


async def _run_program(child: Child, arguments: tuple[str, ...]) -> asyncio.subprocess.Process:
    """Its output goes to our standard error: standard output is for what was asked of us."""
    return await asyncio.create_subprocess_exec(
        *child.command,
        *arguments,
        env=dict(child.environment),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=2,
        process_group=0,
    )


def _signal_group(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    # It may have ended this very moment, before the loop heard of it.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _cannot_start(child: Child, problem: str) -> str:
    return f"can't start the {child.role} {child.command[0]}: {problem}: see --{child.role}-cmd"
