"""The saga log's files were damaged between two runs: what a start makes of them."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from tests.disk.test_failing_disk import run_saga
from tests.e2e.outside import PATIENCE_SECONDS, Place
from tests.e2e.test_exchanges import host

PAGE = 4_096


def with_history(place: Place, *, kill: bool = False) -> tuple[Path, list[int]]:
    """The log of a launcher that ran some sagas and ended; where it is, and their ids."""
    running = place.launch()
    peer = host(place)
    ids = [run_saga(peer, f"{number}" + "x" * 8_000) for number in range(8)]
    peer.close()
    if kill:
        running.kill()
    else:
        assert running.terminate() == 0
    return place.data_dir / "db" / "launcher-sagas.db", ids


def scramble_page(path: Path) -> None:
    """Overwrite a page in the middle of the file."""
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // PAGE // 2 * PAGE)
        file.write(os.urandom(PAGE))


def scramble_header(path: Path) -> None:
    """Overwrite the first bytes of the file."""
    with path.open("r+b") as file:
        file.write(b"no database at all")


def halve(path: Path) -> None:
    """Cut the file in half."""
    os.truncate(path, path.stat().st_size // 2 // PAGE * PAGE)


def make_newer(path: Path) -> None:
    """Let a later program have written it."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("pragma user_version = 99")


DAMAGES: list[tuple[Callable[[Path], None], str]] = [
    (scramble_page, "is damaged ("),
    (scramble_header, "is damaged (file is not a database)"),
    (halve, "is damaged ("),
    (make_newer, "has version 99, this launcher knows up to"),
]


@pytest.mark.parametrize(("damage", "says"), DAMAGES)
def test_a_file_that_cannot_be_read_is_refused(
    place: Place, damage: Callable[[Path], None], says: str
) -> None:
    """FACTS R-45, DESIGN 7: exit 3 with one line that names the file; the file stays as it is."""
    path, _ = with_history(place)
    damage(path)
    damaged = path.read_bytes()
    running = place.start("--no-host")
    assert running.process.wait(PATIENCE_SECONDS) == 3
    (line,) = running.stderr().splitlines()
    assert says in line
    assert str(path) in line
    assert path.read_bytes() == damaged


def test_a_log_that_is_locked_for_good_is_refused(place: Place) -> None:
    """FACTS 4.1: another process keeps the file for longer than we wait: exit 3, one line."""
    path, _ = with_history(place)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("begin exclusive")
        running = place.start("--no-host")
        assert running.process.wait(PATIENCE_SECONDS) == 3
    (line,) = running.stderr().splitlines()
    assert f"saga log {path} is locked by another process" in line


@pytest.mark.parametrize("cut", [1, PAGE, 3 * PAGE])
def test_a_truncated_wal_loses_its_end_only(place: Place, cut: int) -> None:
    """RELIABILITY 7: what a torn `-wal` still holds comes back; the file is sound and ids go on."""
    path, ids = with_history(place, kill=True)
    wal = path.with_name(path.name + "-wal")
    os.truncate(wal, wal.stat().st_size - cut)
    place.launch()
    kept = [saga_id for (saga_id,) in place.rows("select saga_id from launcher_saga order by 1")]
    assert kept == ids[: len(kept)]
    assert len(kept) >= len(ids) - 2
    assert place.rows("pragma integrity_check") == [("ok",)]
    assert place.rows("select * from launcher_saga where state = 'running'") == []
    assert run_saga(host(place), "next") > max(ids)


@pytest.mark.parametrize("lose", [Path.unlink, lambda path: os.truncate(path, 0)])
def test_rows_in_a_wal_without_its_file_are_kept(
    place: Place, lose: Callable[[Path], None]
) -> None:
    """RELIABILITY 7: exit 3 with one line that says what to do; the rows are there afterwards."""
    path, _ = with_history(place, kill=True)
    lose(path)
    wal = path.with_name(path.name + "-wal")
    kept = wal.read_bytes()
    running = place.start("--no-host")
    assert running.process.wait(PATIENCE_SECONDS) == 3
    (line,) = running.stderr().splitlines()
    assert f"saga log {path} is missing or empty, but rows are left in the -wal" in line
    assert wal.read_bytes() == kept


def test_a_lost_wal_is_told_and_costs_no_id(place: Place) -> None:
    """RELIABILITY 7: what was only in it is gone, and the start says so; ids go on above it."""
    path, ids = with_history(place, kill=True)
    path.with_name(path.name + "-wal").unlink()
    running = place.launch()
    assert run_saga(host(place), "next") > max(ids)
    assert running.terminate() == 0
    said = [line for line in running.stderr().splitlines() if "WARNING" in line]
    assert sum(f"saga log {path} has no -wal beside it" in line for line in said) == 1
