"""What the figures were measured on: without it they can't be compared with others."""

import os
import platform
import sqlite3
from importlib.util import find_spec
from pathlib import Path

from msgspec import Struct

_CPU_INFO = Path("/proc/cpuinfo")
_MOUNTS = Path("/proc/self/mounts")


class Machine(Struct, frozen=True):
    """`filesystem` holds the measured files; `load` is the load average before the first run."""

    system: str
    cpu: str
    cores: int
    python: str
    sqlite: str
    pyrsistent_c_extension: bool
    filesystem: str
    load: float


def this_machine(directory: Path) -> Machine:
    """Look at the machine; the measured files will be in `directory`."""
    return Machine(
        system=f"{platform.system()} {platform.release()}",
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0)),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        sqlite=sqlite3.sqlite_version,
        pyrsistent_c_extension=_has_c_extension(),
        filesystem=_filesystem(directory.resolve()),
        load=round(os.getloadavg()[0], 2),
    )


def _has_c_extension() -> bool:
    return find_spec("pvectorc") is not None and not os.environ.get("PYRSISTENT_NO_C_EXTENSION")


def _cpu() -> str:
    try:
        lines = _CPU_INFO.read_text().splitlines()
    except OSError:
        lines = []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.machine())


def _filesystem(directory: Path) -> str:
    """The kind of the file system that is mounted nearest above `directory`."""
    try:
        mounts = [line.split() for line in _MOUNTS.read_text().splitlines()]
    except OSError:
        return "unknown"
    above = [(len(m[1]), m[2]) for m in mounts if directory.is_relative_to(m[1])]
    return max(above)[1] if above else "unknown"
