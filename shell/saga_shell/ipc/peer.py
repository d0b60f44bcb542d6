"""Who is at the other end of a Unix socket, as the kernel says (FACTS R-53). Linux only."""

import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

_UCRED = struct.Struct("3i")

MAX_ANCESTORS = 256
"""Parents that are looked at. Process trees are far flatter; pids that change hands end there."""


class Credentials(Struct, frozen=True):
    """The peer's process and user when it connected. `pid` is 0 outside of our pid namespace."""

    pid: int
    uid: int


def credentials(sock: socket.socket) -> Credentials:
    """Ask the kernel, which no peer can lie to."""
    answer = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    pid, uid, _gid = _UCRED.unpack(answer)
    return Credentials(pid, uid)


def parent_of(pid: int) -> int | None:
    """The parent of process `pid`; None if there is no such process or it can't be asked.

    Reads procfs, so call it on a thread, not on the loop.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
        # The name in parentheses is free text: the last one closes it. Then: state, parent.
        return int(stat.rpartition(b")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return None


def is_self_or_descendant(
    pid: int, of: int, parent: Callable[[int], int | None] = parent_of
) -> bool:
    """Whether process `pid` is `of`, or a child of it, or a child's child.

    A process that can't be traced up to `of` is none: an orphan belongs to init, a process that
    is gone to nobody. Call it on a thread, not on the loop.
    """
    current: int | None = pid
    for _ in range(MAX_ANCESTORS):
        if not current or current == of:
            break
        current = parent(current)
    return bool(current) and current == of


def own_uid() -> int:
    """The user that this process runs as."""
    return os.geteuid()
