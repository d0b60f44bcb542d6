"""Panes: each is one shell process on a pseudo-terminal of its own, in a session of its own."""

import asyncio
import ctypes
import errno
import os
import resource
import signal
import termios
from collections.abc import Mapping
from typing import NoReturn

from returns.result import Failure, Success

from saga_shell.host.accounts import Journal
from saga_shell.host.guard import Guard
from saga_shell.host.session import end_session, members

QUIET_SECONDS = 0.5
"""A shell that prints no prompt counts as alive when it has run for so long."""
SETTLE_SECONDS = 0.05
"""A shell that can't work says why and ends: it has to live for so long after its first words."""
CANNOT_START = 127
"""The exit code of a process that could not become the shell, as shells have it."""
SCREEN = (24, 80)
"""Rows and columns of a new pane."""

_CHUNK = 65536
_DESCRIPTORS_PER_PANE = 2
_SPARE_DESCRIPTORS = 64
_PR_SET_PDEATHSIG = 1
_PRIVATE = "AGENTMUX_HOST_"
_LIBC = ctypes.CDLL(None, use_errno=True)


class Pane:
    """A running shell. Its output is read and thrown away, so that it can never block."""

    def __init__(self, label: str, pid: int, master: int) -> None:
        loop = asyncio.get_running_loop()
        self.label = label
        self.pid = pid
        self.stirred: asyncio.Future[None] = loop.create_future()
        """Done at the shell's first output, or at its end."""
        self.exit_code: asyncio.Future[int] = loop.create_future()
        """Done when the shell has ended; other processes of the pane may still live."""
        self.ending: asyncio.Task[bool] | None = None
        """The work of ending it, once somebody asked."""
        self._master: int | None = master
        self._pidfd = os.pidfd_open(pid)
        loop.add_reader(master, self._drain)
        loop.add_reader(self._pidfd, self._reap)

    def hang_up(self) -> None:
        """Close the terminal: the kernel sends SIGHUP to the shell and its foreground job."""
        if self._master is not None:
            asyncio.get_running_loop().remove_reader(self._master)
            os.close(self._master)
            self._master = None

    def _drain(self) -> None:
        if self._master is None:
            return
        try:
            data = os.read(self._master, _CHUNK)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            # EIO: no process has the terminal open any more.
            asyncio.get_running_loop().remove_reader(self._master)
            return
        if data:
            self._stir()

    def _reap(self) -> None:
        _, status = os.waitpid(self.pid, 0)
        asyncio.get_running_loop().remove_reader(self._pidfd)
        os.close(self._pidfd)
        self.exit_code.set_result(os.waitstatus_to_exitcode(status))
        self._stir()

    def _stir(self) -> None:
        if not self.stirred.done():
            self.stirred.set_result(None)


class Panes:
    """Starts panes and ends them; knows all that have not gone."""

    def __init__(
        self, shell: tuple[str, ...], grace: float, journal: Journal, guard: Guard
    ) -> None:
        """`grace`: seconds between SIGHUP and SIGKILL."""
        self._shell = shell
        self._grace = grace
        self._journal = journal
        self._guard = guard
        self._living: set[Pane] = set()
        self._closed = False

    async def start(self, label: str) -> Success[Pane] | Failure[str]:
        """Start a shell and wait until it has shown a prompt or has at least kept running."""
        refused = self._refusal()
        if refused is not None:
            return Failure(refused)
        try:
            pane = _spawn(self._shell, label)
        except OSError as error:
            return Failure(f"no process or terminal for a pane: {error.strerror}")
        self._living.add(pane)
        self._guard.watch(pane.pid)
        self._journal.pane_started(pane.pid, label)
        await _alive(pane)
        if pane.exit_code.done():
            await self.end(pane)
            code = pane.exit_code.result()
            return Failure(f"{self._shell[0]!r} ended at once (exit code {code})")
        return Success(pane)

    async def end(self, pane: Pane) -> Success[None] | Failure[str]:
        """End every process of `pane` and wait until they are gone. Asked twice, it ends once."""
        if pane.ending is None:
            pane.ending = asyncio.create_task(self._end(pane))
        if await asyncio.shield(pane.ending):
            return Success(None)
        pids = ", ".join(map(str, members(pane.pid)))
        return Failure(f"window {pane.label!r}: its processes do not end (pid {pids})")

    async def end_all(self) -> tuple[str, ...]:
        """End every pane and refuse to start more; one line for each that would not end."""
        self._closed = True
        ends = await asyncio.gather(*(self.end(pane) for pane in self._living))
        return tuple(end.failure() for end in ends if isinstance(end, Failure))

    async def _end(self, pane: Pane) -> bool:
        pane.hang_up()
        if not await end_session(pane.pid, self._grace):
            pane.ending = None  # whoever asks again tries again
            return False
        await pane.exit_code
        self._living.discard(pane)
        self._journal.pane_gone(pane.pid, pane.label)
        self._guard.forget(pane.pid)
        return True

    def _refusal(self) -> str | None:
        if self._closed:
            return "the host is ending"
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if len(self._living) * _DESCRIPTORS_PER_PANE + _SPARE_DESCRIPTORS >= limit:
            return f"{len(self._living)} panes are all that {limit} open files allow (ulimit -n)"
        return None


async def _alive(pane: Pane) -> None:
    """Wait until the shell has ended, or has shown something and gone on, or just gone on."""
    await asyncio.wait((pane.stirred,), timeout=QUIET_SECONDS)
    await asyncio.wait((pane.exit_code,), timeout=SETTLE_SECONDS)


def _spawn(shell: tuple[str, ...], label: str) -> Pane:
    host, environment = os.getpid(), _environment(os.environ)
    pid, master = os.forkpty()
    if pid == 0:
        _become_shell(shell, environment, host)
    termios.tcsetwinsize(master, SCREEN)
    os.set_inheritable(master, False)
    os.set_blocking(master, False)
    return Pane(label, pid, master)


def _become_shell(shell: tuple[str, ...], environment: dict[str, str], host: int) -> NoReturn:
    """What the new process does, on its terminal and in its session: the host has one thread."""
    try:
        signal.set_wakeup_fd(-1)  # a signal that comes before the exec is not the host's
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == host:  # else the host died before this process was tied to it
            for ignored_by_python in (signal.SIGPIPE, signal.SIGXFSZ):
                signal.signal(ignored_by_python, signal.SIG_DFL)
            os.closerange(3, os.sysconf("SC_OPEN_MAX"))
            os.execvpe(shell[0], shell, environment)  # noqa: S606 - a pane is a shell of the user's choice
    finally:
        os._exit(CANNOT_START)


def _environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """The host's environment without what is meant for the host alone."""
    kept = {name: value for name, value in inherited.items() if not name.startswith(_PRIVATE)}
    return {"TERM": "xterm-256color", **kept}
