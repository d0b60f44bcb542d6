"""Long work that fills the memory: it ends in time, and what was found is told.

The rules
---------
1.  While there is `MARGIN_BYTES` left, looked for now and then, work goes on. Below that a look
    raises `MemoryError`, which cuts the work. A look comes early because an allocation that fails
    comes late: mostly the kernel kills a process instead, and Python aborts where it lacks memory
    for the very exception.
2.  What an allocation that fails all the same raises is a cut too.
3.  A want of memory is never a broken promise: where nothing can be told, it is one line, and the
    exit code is that of what is undetermined.
"""

import os
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from saga_shell.cli.refusal import Refusal

EXIT_UNDETERMINED = 3
"""Time, memory or whoever waits ended it before it could tell."""

MARGIN_BYTES = 64 << 20
LOOK_SECONDS = 0.1
"""How often a clock looks: in that time a search takes a few MB."""

_OWN = Path("/proc/self/statm")
_MACHINE = Path("/proc/meminfo")


def look_at_memory() -> None:
    """Raise `MemoryError` if there is little left for this process, or on the machine."""
    if min(_left_to_process(), _left_on_machine()) < MARGIN_BYTES:
        raise MemoryError


def clock_that_looks() -> Callable[[], float]:
    """A clock in seconds that looks at the memory, and says once that there is little left."""
    next_look = 0.0

    def clock() -> float:
        nonlocal next_look
        now = time.monotonic()
        if now >= next_look:
            next_look = float("inf")
            look_at_memory()
            next_look = now + LOOK_SECONDS
        return now

    return clock


@contextmanager
def undetermined_without_memory(program: str, advice: str) -> Iterator[None]:
    """Make a want of memory one line (rule 3); `advice` says what takes less."""
    try:
        yield
    except MemoryError:
        raise Refusal(f"{program}: out of memory: {advice}", EXIT_UNDETERMINED) from None


def _left_to_process() -> float:
    """Bytes that this process may still address."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY:
        with suppress(OSError):
            return limit - int(_OWN.read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    return float("inf")


def _left_on_machine() -> float:
    """Bytes that the kernel has left for everybody, the swap space included."""
    with suppress(OSError):
        lines = (line.split() for line in _MACHINE.read_text().splitlines())
        kilobytes = {name: int(number) for name, number, *_ in lines}
        if "MemAvailable:" in kilobytes:
            return (kilobytes["MemAvailable:"] + kilobytes.get("SwapFree:", 0)) * 1024
    return float("inf")
