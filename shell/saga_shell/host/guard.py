"""Ends the panes of a host that was killed or hangs, when the host can't do it any more.

A shell dies with its host (`panes` sees to that), but a background job that the shell started, or
one that ignores SIGHUP, would live on. So the host starts one small process before anything else
and tells it through a pipe which sessions live. The pipe ends when the host ends, in whatever way.

A host whose launcher died ends by itself, unless it hangs or was stopped. The guard knows the
launcher too: a host that outlives it for `ORPHAN_SECONDS` is killed.
"""

import os
import select
import signal
import time
from contextlib import suppress
from typing import NoReturn

from saga_shell.host.accounts import Say
from saga_shell.host.session import kill_session

ORPHAN_SECONDS = 15.0
"""How long a host may live on without its launcher, its panes' grace apart: it needs less."""

PIECE = 65_536


class Guard:
    """The host's end of the pipe."""

    def __init__(self, pipe: int, say: Say) -> None:
        self._pipe = pipe
        self._say = say
        self._lost = False

    def watch(self, sid: int) -> None:
        """End session `sid` when the host ends."""
        self._tell("+", sid)

    def forget(self, sid: int) -> None:
        """Session `sid` is gone."""
        self._tell("-", sid)

    def launched_by(self, pid: int) -> None:
        """End the host, should it live on without this process, its launcher."""
        self._tell("L", pid)

    def _tell(self, sign: str, pid: int) -> None:
        if self._lost:
            return
        try:
            os.write(self._pipe, f"{sign}{pid}\n".encode())
        except (BrokenPipeError, BlockingIOError):
            self._lost = True
            self._say(
                "the guard does not listen: should the host be killed, background jobs may live on"
            )


def start_guard(say: Say, grace: float) -> Guard:
    """Start the guard; `grace` is what panes get (seconds).

    Call it before the process has a second thread or an event loop.
    """
    reading, writing = os.pipe()
    host = os.getpid()
    child = os.fork()
    if child == 0:
        _become_guard(reading, host, grace + ORPHAN_SECONDS)
    os.close(reading)
    os.set_blocking(writing, False)
    os.waitpid(child, 0)
    return Guard(writing, say)


def guard_sessions(pipe: int, host: int, orphan_seconds: float) -> None:
    """Read what `Guard` tells until the pipe ends, then end the sessions that still live."""
    watch = _Watch(pipe, host, orphan_seconds)
    while watch.goes_on():
        pass
    watch.close()
    for sid in sorted(watch.sids):
        kill_session(sid)


class _Watch:
    """What the guard was told, and when the host has to have ended."""

    def __init__(self, pipe: int, host: int, orphan_seconds: float) -> None:
        self.sids: set[int] = set()
        self._pipe = pipe
        self._host = _pidfd(host)
        self._orphan_seconds = orphan_seconds
        self._launcher: int | None = None
        self._deadline: float | None = None
        self._rest = b""

    def goes_on(self) -> bool:
        """Wait for something to happen and heed it; False once the pipe has ended."""
        ready = self._ready()
        if self._launcher in ready:
            self._orphaned()
        if self._pipe in ready:
            return self._read()
        if self._deadline is not None and time.monotonic() >= self._deadline:
            self._kill_host()
        return True

    def close(self) -> None:
        """Give back what was opened for watching."""
        for descriptor in (self._pipe, self._host, self._launcher):
            if descriptor is not None:
                os.close(descriptor)

    def _ready(self) -> set[int]:
        poll = select.poll()
        for descriptor in (self._pipe, self._launcher):
            if descriptor is not None:
                poll.register(descriptor, select.POLLIN)
        left = None if self._deadline is None else self._deadline - time.monotonic()
        timeout = None if left is None else max(0.0, left) * 1_000
        return {descriptor for descriptor, _ in poll.poll(timeout)}

    def _read(self) -> bool:
        data = os.read(self._pipe, PIECE)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._heed(line[:1], int(line[1:]))
        return bool(data)

    def _heed(self, sign: bytes, pid: int) -> None:
        if sign == b"+":
            self.sids.add(pid)
        elif sign == b"-":
            self.sids.discard(pid)
        else:
            self._launcher = _pidfd(pid)
            if self._launcher is None:
                self._orphaned()

    def _orphaned(self) -> None:
        if self._launcher is not None:
            os.close(self._launcher)
            self._launcher = None
        self._deadline = time.monotonic() + self._orphan_seconds

    def _kill_host(self) -> None:
        """Its end of the pipe goes with it, and that ends the panes."""
        self._deadline = None
        if self._host is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._host, signal.SIGKILL)


def _pidfd(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return None


def _become_guard(pipe: int, host: int, orphan_seconds: float) -> NoReturn:
    """Be no child of the host, in a session of its own, holding nothing but the pipe."""
    try:
        if os.fork() == 0:
            os.setsid()
            for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)
            guard_sessions(_keep_only(pipe), host, orphan_seconds)
    finally:
        os._exit(0)


def _keep_only(pipe: int) -> int:
    """Close every other descriptor: the host's readers wait for the end of its output."""
    kept = os.dup2(pipe, 3)
    os.closerange(4, os.sysconf("SC_OPEN_MAX"))
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    return kept
