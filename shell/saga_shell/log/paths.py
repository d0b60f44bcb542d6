"""Where the saga log of a data directory is (FACTS 1.2, 1.4)."""

from pathlib import Path

from msgspec import Struct

LOG_NAME = "launcher-sagas.db"
LOCK_NAME = "launcher-sagas.lock"
_SIDE_FILES = ("-wal", "-shm")


class LogLocation(Struct, frozen=True):
    """The log's path; `warning` says why it is still the one of older versions."""

    path: Path
    warning: str | None = None


def current_path(data_dir: Path) -> Path:
    """Where the log belongs."""
    return data_dir / "db" / LOG_NAME


def legacy_path(data_dir: Path) -> Path:
    """Where older versions kept it."""
    return data_dir / LOG_NAME


def lock_path(data_dir: Path) -> Path:
    """The file whose lock says that a launcher runs on this data directory (FACTS R-49)."""
    return data_dir / "db" / LOCK_NAME


def find_log(data_dir: Path) -> Path:
    """Where the log is now; nothing is touched. For readers."""
    current, legacy = current_path(data_dir), legacy_path(data_dir)
    return legacy if _stands(legacy) and not _stands(current) else current


def _stands(path: Path) -> bool:
    """Whether something is there; what can't be looked at is, and whoever opens it says why."""
    try:
        return path.exists()
    except OSError:
        return True


def settle_log(data_dir: Path) -> LogLocation:
    """Move a log of older versions to where it belongs, if there is none yet. For the launcher.

    A `-wal` holds committed rows, so it goes first: if the move is cut short, the next start
    completes it. If a file can't be moved, the old path stays in use.
    """
    current, legacy = current_path(data_dir), legacy_path(data_dir)
    if find_log(data_dir) == current:
        return LogLocation(current)
    try:
        current.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _move(legacy, current)
    except OSError as error:
        reason = error.strerror or str(error)
        return LogLocation(
            legacy, f"saga log stays at {legacy}: moving it to {current} failed ({reason})"
        )
    return LogLocation(current)


def _move(source: Path, target: Path) -> None:
    moved: list[tuple[Path, Path]] = []
    try:
        for suffix in (*_SIDE_FILES, ""):
            old, new = _with_suffix(source, suffix), _with_suffix(target, suffix)
            if old.exists():
                old.rename(new)
                moved.append((old, new))
    except OSError:
        for old, new in reversed(moved):
            new.rename(old)
        raise


def _with_suffix(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
