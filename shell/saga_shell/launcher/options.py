"""What `run` is told: one frozen value, checked before anything starts."""

from dataclasses import dataclass, field
from pathlib import Path

from saga_core.engine import Config
from saga_shell.launcher.bounds import Bounds
from saga_shell.launcher.runner import OnLogFailure
from saga_shell.log.options import Synchronous

RETENTION_DAYS = 7.0
"""How long ended sagas stay in the log (FACTS 1.4)."""


@dataclass(frozen=True)
class Options:
    """How to launch. A command of None means that process is not supervised.

    `version` is the distribution's: it goes into `registered` and into the socket's default name.
    """

    data_dir: Path
    version: str
    socket: Path | None = None
    host_command: tuple[str, ...] | None = None
    srv_command: tuple[str, ...] | None = None
    config: Config = field(default_factory=Config)
    bounds: Bounds = field(default_factory=Bounds)
    synchronous: Synchronous = "full"
    on_log_failure: OnLogFailure = "continue"
    retention_days: float = RETENTION_DAYS


@dataclass(frozen=True)
class Exit:
    """How a run ended: the exit code, and the one line for standard error, if it is no good end."""

    code: int
    line: str | None = None


EXIT_FINE = 0
EXIT_FAILED = 1
EXIT_START_UP = 2
EXIT_LOG_UNREADABLE = 3
EXIT_LOG_STOPPED = 4
