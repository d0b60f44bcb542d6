"""The processes of a pane: all those in the session that its shell leads.

A process keeps its session through forks and job control, so the session is what has to end with
the pane. One that left it with `setsid` has become a daemon on purpose and is none of ours.
Everything here goes through pidfds: no polling while waiting, and no signal to a process that
merely got the number of one that ended.
"""

import asyncio
import os
import select
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

KILL_ROUNDS = 5
"""How often the members are listed and killed: one may fork while the list is read."""
KILL_SECONDS = 1.0
"""How long a killed process may take to go, per round."""


def members(sid: int) -> tuple[int, ...]:
    """The processes of session `sid` that have not ended; a zombie has."""
    with os.scandir("/proc") as entries:
        pids = [int(entry.name) for entry in entries if entry.name.isdigit()]
    return tuple(pid for pid in pids if _session_of(pid) == sid and not _has_ended(pid))


def signal_members(sid: int, *signals: signal.Signals) -> None:
    """Send each of `signals` to every member of session `sid`."""
    for pid in members(sid):
        with _opened(pid, sid) as pidfd:
            if pidfd is not None:
                _signal(pidfd, signals)


async def end_session(sid: int, grace: float) -> bool:
    """End every member: SIGHUP, after `grace` seconds SIGKILL. False if one can't be ended."""
    signal_members(sid, signal.SIGHUP, signal.SIGCONT)
    if await _gone(sid, grace):
        return True
    for _ in range(KILL_ROUNDS):
        signal_members(sid, signal.SIGKILL)
        if await _gone(sid, KILL_SECONDS):
            return True
    return False


def kill_session(sid: int) -> None:
    """End every member with SIGKILL, without an event loop."""
    until = time.monotonic() + KILL_ROUNDS * KILL_SECONDS
    while members(sid) and time.monotonic() < until:
        signal_members(sid, signal.SIGKILL)
        time.sleep(0.01)


async def _gone(sid: int, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            while pids := members(sid):
                for pid in pids:
                    await _exit_of(pid, sid)
    except TimeoutError:
        return False
    return True


async def _exit_of(pid: int, sid: int) -> None:
    """Wait until member `pid` has ended; it need not be a child."""
    with _opened(pid, sid) as pidfd:
        if pidfd is None:
            return
        loop = asyncio.get_running_loop()
        exited = asyncio.Event()
        loop.add_reader(pidfd, exited.set)
        try:
            await exited.wait()
        finally:
            loop.remove_reader(pidfd)


@contextmanager
def _opened(pid: int, sid: int) -> Iterator[int | None]:
    """A pidfd of member `pid`, or None if it is gone and its number perhaps another's."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        yield None
        return
    try:
        yield pidfd if _session_of(pid) == sid else None
    finally:
        os.close(pidfd)


def _signal(pidfd: int, signals: tuple[signal.Signals, ...]) -> None:
    try:
        for number in signals:
            signal.pidfd_send_signal(pidfd, number)
    except (ProcessLookupError, PermissionError):
        # Gone meanwhile, or another user's (sudo): whoever waits for it will see which.
        return


def _has_ended(pid: int) -> bool:
    """Whether all threads of `pid` have ended: that is when its pidfd becomes readable."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        return bool(poll.poll(0))
    finally:
        os.close(pidfd)


def _session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None
