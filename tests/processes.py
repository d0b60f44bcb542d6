"""Which processes live, as the kernel tells it."""

import os
import signal
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path


def is_running(pid: int) -> bool:
    """Whether the process exists and is no zombie; it may go while it is looked at."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def kill(pid: int) -> None:
    """SIGKILL to a process that may be gone."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def pids() -> list[int]:
    """All that have a number."""
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def in_sessions_of(leaders: Collection[int]) -> list[int]:
    """The running processes of the sessions that these lead."""
    return [pid for pid in pids() if _session_of(pid) in leaders and is_running(pid)]


def _session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None
