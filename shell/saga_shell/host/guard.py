"""Ends the panes of a host that was killed, when the host can't do it any more.

A shell dies with its host (`panes` sees to that), but a background job that the shell started, or
one that ignores SIGHUP, would live on. So the host starts one small process before anything else
and tells it through a pipe which sessions live. The pipe ends when the host ends, in whatever way.
"""

import os
import signal
from typing import NoReturn

from saga_shell.host.accounts import Say
from saga_shell.host.session import kill_session


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

    def _tell(self, sign: str, sid: int) -> None:
        if self._lost:
            return
        try:
            os.write(self._pipe, f"{sign}{sid}\n".encode())
        except (BrokenPipeError, BlockingIOError):
            self._lost = True
            self._say(
                "the guard does not listen: should the host be killed, background jobs may live on"
            )


def start_guard(say: Say) -> Guard:
    """Start the guard. Call it before the process has a second thread or an event loop."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _become_guard(reading)
    os.close(reading)
    os.set_blocking(writing, False)
    os.waitpid(child, 0)
    return Guard(writing, say)


def guard_sessions(pipe: int) -> None:
    """Read which sessions live until the pipe ends, then end those that still do."""
    sids: set[int] = set()
    with open(pipe, encoding="ascii") as lines:
        for line in lines:
            sid = int(line[1:])
            if line[0] == "+":
                sids.add(sid)
            else:
                sids.discard(sid)
    for sid in sorted(sids):
        kill_session(sid)


def _become_guard(pipe: int) -> NoReturn:
    """Be no child of the host, in a session of its own, holding nothing but the pipe."""
    try:
        if os.fork() == 0:
            os.setsid()
            for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)
            guard_sessions(_keep_only(pipe))
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
