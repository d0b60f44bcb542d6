"""Panes: each is one shell process on a pseudo-terminal of its own, in a session of its own."""

import asyncio
import ctypes
import errno
import fcntl
import os
import pty
import resource
import signal
import subprocess
import termios
from collections.abc import Callable, Mapping

from returns.result import Failure, Success

from saga_shell.host.accounts import Journal
from saga_shell.host.guard import Guard
from saga_shell.host.session import end_session, members

QUIET_SECONDS = 0.5
"""A shell that prints no prompt counts as alive when it has run for so long."""
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

    def __init__(self, label: str, process: "subprocess.Popen[bytes]", master: int) -> None:
        loop = asyncio.get_running_loop()
        self.label = label
        self.pid = process.pid
        self.stirred = asyncio.Event()
        """Set at the shell's first output, or at its end."""
        self.exit_code: asyncio.Future[int] = loop.create_future()
        """Done when the shell has ended; other processes of the pane may still live."""
        self.ending: asyncio.Task[bool] | None = None
        """The work of ending it, once somebody asked."""
        self._process = process
        self._master: int | None = master
        self._pidfd = os.pidfd_open(process.pid)
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
            self.stirred.set()

    def _reap(self) -> None:
        code = self._process.poll()
        if code is not None:
            asyncio.get_running_loop().remove_reader(self._pidfd)
            os.close(self._pidfd)
            self.exit_code.set_result(code)
            self.stirred.set()


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

    def __len__(self) -> int:
        return len(self._living)

    async def start(self, label: str) -> Success[Pane] | Failure[str]:
        """Start a shell and wait until it has shown a prompt or has at least kept running."""
        refused = self._refusal()
        if refused is not None:
            return Failure(refused)
        try:
            pane = _spawn(self._shell, label)
        except OSError as error:
            return Failure(f"cannot start {self._shell[0]!r}: {error.strerror}")
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
    """Wait for the first of: some output, the shell's end, a while without either."""
    try:
        async with asyncio.timeout(QUIET_SECONDS):
            await pane.stirred.wait()
    except TimeoutError:
        return


def _spawn(shell: tuple[str, ...], label: str) -> Pane:
    master, slave = pty.openpty()
    try:
        termios.tcsetwinsize(slave, SCREEN)
        os.set_blocking(master, False)
        process = subprocess.Popen(
            shell,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=_environment(os.environ),
            start_new_session=True,
            preexec_fn=_child_of(os.getpid()),  # noqa: PLW1509 - the host has one thread
        )
    except OSError:
        os.close(master)
        raise
    finally:
        os.close(slave)
    return Pane(label, process, master)


def _child_of(host: int) -> Callable[[], None]:
    """What the new process does before it becomes the shell."""

    def prepare() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != host:
            # The host died before it could be tied to this process.
            os._exit(1)

    return prepare


def _environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """The host's environment without what is meant for the host alone."""
    kept = {name: value for name, value in inherited.items() if not name.startswith(_PRIVATE)}
    return {"TERM": "xterm-256color", **kept}
