"""How long ended sagas stay in the log, as the user's configuration file says (FACTS 1.4)."""

import tomllib
from pathlib import Path

import msgspec
from msgspec import Struct, field

from saga_shell.cli.values import LONGEST_RETENTION_DAYS, positive_number
from saga_shell.launcher.options import RETENTION_DAYS


class _Launcher(Struct):
    retention_days: float = RETENTION_DAYS


class _Saga(Struct):
    launcher: _Launcher = field(default_factory=_Launcher)


class _Document(Struct):
    """What we look for; a file may hold other tables and keys."""

    saga: _Saga = field(default_factory=_Saga)


class Retention(Struct, frozen=True):
    """Days, and why they are not what the file says, if so."""

    days: float
    warning: str | None = None


def config_path(home: Path) -> Path:
    """The user's configuration file."""
    return home / ".agentmux" / "config.toml"


def configured_retention(path: Path) -> Retention:
    """What the file at `path` says; the default with a warning if it can't be used.

    A missing file is no reason to warn.
    """
    try:
        with path.open("rb") as file:
            document = msgspec.convert(tomllib.load(file), _Document)
    except (FileNotFoundError, NotADirectoryError):
        return Retention(RETENTION_DAYS)
    except OSError as error:
        return _default(path, error.strerror or str(error))
    except (ValueError, RecursionError) as error:
        return _default(path, str(error))
    days = positive_number(document.saga.launcher.retention_days, LONGEST_RETENTION_DAYS)
    if days is None:
        problem = f"retention_days is no number above 0, up to {LONGEST_RETENTION_DAYS:g}"
        return _default(path, problem)
    return Retention(days)


def _default(path: Path, problem: str) -> Retention:
    line = f"{path}: {problem}: ended sagas stay for {RETENTION_DAYS:g} days"
    return Retention(RETENTION_DAYS, " ".join(line.split()))
