"""Where the log is, and the one move of a log of older versions (FACTS 1.4)."""

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from saga_core.engine import SagaOpened
from saga_shell.log import LogLocation, LogOptions, SagaLog, current_path, find_log, settle_log
from saga_shell.log.paths import legacy_path


def crashed_log(path: Path, options: LogOptions, elsewhere: Path) -> None:
    """A log at `path` whose only row is in its `-wal`."""
    log = SagaLog.open(elsewhere / "log.db", options).unwrap()
    log.commit([log.batch([SagaOpened(1, "n", "null")])])
    for suffix in ("", "-wal", "-shm"):
        shutil.copyfile(elsewhere / f"log.db{suffix}", path.with_name(path.name + suffix))
    log.abandon()


def saga_ids(path: Path, options: LogOptions) -> list[int]:
    """The sagas in flight in the log at `path`."""
    log = SagaLog.open(path, options).unwrap()
    unresolved = log.start().unwrap().unresolved
    log.abandon()
    return [saga.saga_id for saga in unresolved]


def test_new_directory(tmp_path: Path) -> None:
    """FACTS 1.2: the log belongs into `db`; to ask for it creates nothing."""
    expected = tmp_path / "db" / "launcher-sagas.db"
    assert current_path(tmp_path) == find_log(tmp_path) == expected
    assert settle_log(tmp_path) == LogLocation(expected)
    assert list(tmp_path.iterdir()) == []


def test_old_log_is_moved_with_its_wal(
    tmp_path: Path, options: LogOptions, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """FACTS 1.4: a log at the old place moves once, with the rows that are only in its `-wal`."""
    crashed_log(legacy_path(tmp_path), options, tmp_path_factory.mktemp("elsewhere"))
    assert settle_log(tmp_path) == LogLocation(current_path(tmp_path))
    assert [file.name for file in tmp_path.iterdir()] == ["db"]
    assert (tmp_path / "db").stat().st_mode & 0o777 == 0o700
    assert saga_ids(current_path(tmp_path), options) == [1]


class Killed(BaseException):
    """The process dies here."""


@pytest.mark.parametrize("survived", [0, 1, 2])
def test_interrupted_move_is_completed(
    tmp_path: Path,
    options: LogOptions,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    survived: int,
) -> None:
    """FACTS 1.4: whichever file a move died at, the next start completes it and loses no row."""
    crashed_log(legacy_path(tmp_path), options, tmp_path_factory.mktemp("elsewhere"))
    rename, renamed = Path.rename, list[Path]()

    def die(self: Path, target: Path) -> Path:
        if len(renamed) == survived:
            raise Killed
        renamed.append(self)
        return rename(self, target)

    with monkeypatch.context() as dying:
        dying.setattr(Path, "rename", die)
        with pytest.raises(Killed):
            settle_log(tmp_path)
    assert settle_log(tmp_path) == LogLocation(current_path(tmp_path))
    assert saga_ids(current_path(tmp_path), options) == [1]


def test_old_log_stays_if_there_is_a_new_one(tmp_path: Path) -> None:
    """FACTS 1.4: with both there, the new one is used and the old one is left alone."""
    current, legacy = current_path(tmp_path), legacy_path(tmp_path)
    current.parent.mkdir()
    current.write_text("new")
    legacy.write_text("old")
    assert settle_log(tmp_path) == LogLocation(current)
    assert find_log(tmp_path) == current
    assert (current.read_text(), legacy.read_text()) == ("new", "old")


def test_failed_move_keeps_the_old_place(
    open_directory: Path, unprivileged: Callable[[], AbstractContextManager[None]]
) -> None:
    """FACTS 1.4: if the log can't be moved, the old path stays in use, and that is told."""
    legacy = legacy_path(open_directory)
    legacy.write_text("old")
    open_directory.chmod(0o555)
    with unprivileged():
        location = settle_log(open_directory)
    assert location.path == legacy
    assert location.warning is not None
    assert "Permission denied" in location.warning
    assert find_log(open_directory) == legacy


def test_half_a_move_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FACTS 1.4: if the database itself can't be moved, its `-wal` comes back to it."""
    legacy = legacy_path(tmp_path)
    legacy.write_text("database")
    legacy.with_name(f"{legacy.name}-wal").write_text("wal")
    rename = Path.rename

    def refuse_the_database(self: Path, target: Path) -> Path:
        if self == legacy:
            raise OSError(18, "Invalid cross-device link")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse_the_database)
    location = settle_log(tmp_path)
    assert location.path == legacy
    assert sorted(file.name for file in tmp_path.iterdir() if file.is_file()) == [
        "launcher-sagas.db",
        "launcher-sagas.db-wal",
    ]


def test_reader_touches_nothing(tmp_path: Path) -> None:
    """FACTS 1.4: a reader finds the old log where it is and moves nothing."""
    legacy_path(tmp_path).write_text("old")
    assert find_log(tmp_path) == legacy_path(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["launcher-sagas.db"]


def test_an_old_log_that_cannot_be_looked_at(tmp_path: Path, options: LogOptions) -> None:
    """RELIABILITY 7: nobody knows whether it is one, so none is begun anew beside it."""
    legacy = legacy_path(tmp_path)
    legacy.symlink_to("x" * 300)
    location = settle_log(tmp_path)
    assert location.path == find_log(tmp_path) == legacy
    assert location.warning is not None
    assert "File name too long" in location.warning
    opened = SagaLog.open(location.path, options)
    assert opened.failure().kind == "inaccessible"
    current_path(tmp_path).touch()
    assert settle_log(tmp_path) == LogLocation(current_path(tmp_path))
