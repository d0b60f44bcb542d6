"""Starting, restarting and stopping the processes that the launcher owns (FACTS 1.4).

The rules
---------
1.  An end with code 0, or by SIGINT, SIGTERM or SIGHUP, is clean: the process is not restarted.
2.  Any other end is abnormal and counts against the budget: `RESTARTS` restarts within
    `WINDOW_SECONDS`. The next abnormal end inside the window gives up, with that end's code.
3.  The same abnormal code twice in a row restarts the process in its degraded mode.
4.  Stopping asks with SIGTERM and insists with SIGKILL after `TERM_SECONDS`.
"""

import asyncio
import logging
import signal
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from returns.result import Failure, Success

logger = logging.getLogger(__name__)

RESTARTS = 3
WINDOW_SECONDS = 60.0
TERM_SECONDS = 1.5
CLEAN_SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
SIGNAL_EXIT_BASE = 128


@dataclass(frozen=True)
class Child:
    """A program to supervise. `degraded_arguments` are added in its degraded mode."""

    role: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    degraded_arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ended:
    """How the supervision ended: `code` is an exit code, `clean` says whether all was well."""

    code: int
    clean: bool


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

    def __init__(self, child: Child, budget: Budget | None = None) -> None:
        self.pid: int | None = None
        self.restarts = 0
        self._child = child
        self._budget = budget if budget is not None else Budget()
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self._last_code: int | None = None

    async def start(self) -> Success[None] | Failure[str]:
        """Start the child for the first time; the failure is one line for the user."""
        try:
            await self._spawn(degraded=False)
        except OSError as error:
            program = self._child.command[0]
            role = self._child.role
            return Failure(f"can't start the {role} {program}: {error.strerror}: see --{role}-cmd")
        return Success(None)

    async def supervise(self) -> Ended:
        """Wait for the child's end and restart it while the rules say so."""
        while True:
            code = await self._wait()
            if self._stopping.is_set() or is_clean(code):
                return Ended(exit_code(code), clean=True)
            logger.warning("the %s ended with code %d", self._child.role, exit_code(code))
            if not self._budget.allows_restart(asyncio.get_running_loop().time()):
                logger.error("the %s is given up: too many restarts", self._child.role)
                return Ended(exit_code(code), clean=False)
            degraded = code == self._last_code and bool(self._child.degraded_arguments)
            self._last_code = code
            try:
                await self._spawn(degraded=degraded)
            except OSError as error:
                logger.warning("can't restart the %s: %s", self._child.role, error.strerror)
                return Ended(exit_code(code), clean=False)
            self.restarts += 1
            if self._stopping.is_set():
                await self.stop()
            logger.warning("the %s was restarted%s", self._child.role, " degraded" * degraded)

    async def stop(self) -> None:
        """End the child (rule 4); nothing happens if it has ended."""
        self._stopping.set()
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), TERM_SECONDS)
        except TimeoutError:
            logger.warning("the %s didn't end on SIGTERM and is killed", self._child.role)
            process.kill()
            await process.wait()

    async def _spawn(self, *, degraded: bool) -> None:
        extra = self._child.degraded_arguments if degraded else ()
        self._process = await asyncio.create_subprocess_exec(
            *self._child.command,
            *extra,
            env=dict(self._child.environment),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=2,
        )
        self.pid = self._process.pid
        logger.info("the %s runs as process %d", self._child.role, self.pid)

    async def _wait(self) -> int:
        assert self._process is not None, "supervise comes after start"
        code = await self._process.wait()
        self.pid = None
        return code


def is_clean(returncode: int) -> bool:
    """Rule 1, for a code as asyncio tells it: negative for a signal."""
    return returncode == 0 or -returncode in CLEAN_SIGNALS


def exit_code(returncode: int) -> int:
    """The code as a shell tells it: 128 + n for a signal."""
    return returncode if returncode >= 0 else SIGNAL_EXIT_BASE - returncode
