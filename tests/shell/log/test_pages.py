"""Reading a whole log, page by page."""

import sqlite3
from pathlib import Path

import pytest
from returns.result import Failure

from saga_core.agentmux import wire
from saga_core.agentmux.commands import SpawnPoolWindow
from saga_core.engine import SagaClosed, SagaOpened, StepOpened
from saga_shell.log import (
    LOWEST_ID,
    Extent,
    LogOptions,
    SagaLog,
    SagaLogReader,
    SagaRows,
    open_read_only,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A log of five sagas; the even ones have a step, the first one is closed."""
    log = SagaLog.open(tmp_path / "log.db", LogOptions(encode=wire.encode)).unwrap()
    for saga_id in range(1, 6):
        log.commit([log.batch([SagaOpened(saga_id, "refill", "null")])]).unwrap()
    for saga_id in (2, 4):
        step = StepOpened(saga_id, 0, "ask", "host", SpawnPoolWindow(saga_id))
        log.commit([log.batch([step])]).unwrap()
    log.commit([log.batch([SagaClosed(1, "completed", None)])]).unwrap()
    log.close().unwrap()
    return log.path


def pages(reader: SagaLogReader, limit: int) -> list[tuple[SagaRows, ...]]:
    """All pages."""
    found, first = [], LOWEST_ID
    while page := reader.page(first, limit).unwrap():
        found.append(page)
        first = page[-1].saga_id + 1
    return found


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 100])
def test_pages_hold_every_saga_once_with_its_steps(path: Path, limit: int) -> None:
    """FACTS 4.1: ids ascending, whatever the size of a page."""
    with open_read_only(path).unwrap() as reader:
        found = [rows for page in pages(reader, limit) for rows in page]
    assert [(rows.saga_id, len(rows.steps)) for rows in found] == [
        (1, 0),
        (2, 1),
        (3, 0),
        (4, 1),
        (5, 0),
    ]
    assert all(rows.saga is not None and rows.saga.saga_id == rows.saga_id for rows in found)
    assert found[1].steps[0].cmd_json == '{"cmd":"spawn_pool_window","saga_id":2}'


def test_steps_whose_saga_is_gone_are_not_passed_over(path: Path) -> None:
    """FACTS 4.1: a file that was changed by hand shows what it lacks."""
    connection = sqlite3.connect(path)
    connection.execute("DELETE FROM launcher_saga WHERE saga_id IN (2, 4, 5)")
    connection.commit()
    connection.close()
    with open_read_only(path).unwrap() as reader:
        found = [rows for page in pages(reader, 2) for rows in page]
    assert [(rows.saga_id, rows.saga is None) for rows in found] == [
        (1, False),
        (2, True),
        (3, False),
        (4, True),
    ]


def test_the_extent_tells_how_much_there_is(path: Path, tmp_path: Path) -> None:
    """FACTS 1.4: how many sagas, and when the first of those that ended did so."""
    with open_read_only(path).unwrap() as reader:
        extent = reader.extent().unwrap()
        first = reader.saga(1).unwrap()
    assert first is not None
    assert extent == Extent(5, first.ended_at)
    blank = tmp_path / "blank.db"
    sqlite3.connect(blank).close()
    blank.touch()
    with open_read_only(blank).unwrap() as reader:
        assert (reader.extent().unwrap(), pages(reader, 9)) == (Extent(0, None), [])


@pytest.mark.parametrize("table", ["launcher_saga", "launcher_saga_step"])
def test_rows_of_the_wrong_type_are_damage(path: Path, table: str) -> None:
    """FACTS R-46: one clear line."""
    connection = sqlite3.connect(path)
    connection.execute(f"UPDATE {table} SET name = x'ff'")
    connection.commit()
    connection.close()
    with open_read_only(path).unwrap() as reader:
        failed = reader.page(LOWEST_ID, 10)
    assert isinstance(failed, Failure)
    assert "is damaged" in failed.failure().message
    path.unlink()
