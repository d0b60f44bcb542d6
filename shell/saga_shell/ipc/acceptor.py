"""Accepting peers, and what to do when that fails (FACTS F-01, F-44, R-63)."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from saga_shell.ipc.counters import Tally
from saga_shell.ipc.keeper import Keeper
from saga_shell.ipc.listener import Listener
from saga_shell.ipc.peer import Credentials, credentials, own_uid

logger = logging.getLogger(__name__)

MAX_ERRORS_IN_A_ROW = 32
MAX_BACK_OFF_MS = 1_024


def accept_one(listening: socket.socket) -> socket.socket:
    """Accept a peer that waits; `BlockingIOError` if there is none."""
    accepted, _address = listening.accept()
    accepted.setblocking(False)
    return accepted


async def pause(seconds: float) -> None:
    """Wait."""
    await asyncio.sleep(seconds)


@dataclass(frozen=True)
class System:
    """What the server asks of the operating system; a test puts its faults in here."""

    accept: Callable[[socket.socket], socket.socket] = accept_one
    credentials: Callable[[socket.socket], Credentials] = credentials
    own_uid: Callable[[], int] = own_uid
    pause: Callable[[float], Awaitable[None]] = pause


def back_off_seconds(errors: int) -> float:
    """How long to wait after so many accept errors in a row: 2, 4, … 1024 ms (FACTS 1.2)."""
    return min(1 << errors, MAX_BACK_OFF_MS) / 1_000


async def accept_peers(
    listener: Listener,
    system: System,
    tally: Tally,
    admit: Callable[[socket.socket], Awaitable[None]],
) -> str:
    """Hand every peer to `admit`, one after the other; the kernel keeps those that wait.

    Ends after 32 errors in a row, and returns one line for the operator: a launcher that can't
    accept must not live on deaf (FACTS R-63).
    """
    keeper = Keeper(listener, tally)
    errors, last = 0, ""
    while errors < MAX_ERRORS_IN_A_ROW:
        try:
            accepted = system.accept(listener.sock)
        except BlockingIOError:
            await keeper.wait()
        except OSError as error:
            errors, last = errors + 1, error.strerror or str(error)
            tally.add("accept_errors")
            logger.warning("accept failed on %s: %s (%d in a row)", listener.path, last, errors)
            await system.pause(back_off_seconds(errors))
        else:
            errors = 0
            await admit(accepted)
    return (
        f"can't accept connections on {listener.path}: {last}, {errors} times in a row:"
        " free what is short (open files, memory) and start the launcher again"
    )
