"""Saga ids grow for ever, whatever is lost: the durable counter (FACTS R-18, R-41, F-34)."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from returns.result import Failure, Success

from saga_core.engine import SagaClosed, SagaOpened
from saga_shell.log import ID_BLOCK, LogOptions, SagaLog

OpenLog = Callable[..., SagaLog]
Query = Callable[..., list[tuple[Any, ...]]]

MAX_ID = 2**63 - 1


def run_sagas(log: SagaLog, *ids: int) -> None:
    """Open and end sagas of these ids in one batch."""
    records = [
        record
        for saga_id in ids
        for record in (SagaOpened(saga_id, "n", "null"), SagaClosed(saga_id, "completed", None))
    ]
    assert log.commit([log.batch(records)]) == Success(())


def test_first_id_is_1(open_log: OpenLog) -> None:
    """FACTS 1.3: a new log begins at 1; 0 means no saga."""
    assert open_log().next_saga_id == 1


def test_ids_go_on_without_a_gap_after_a_clean_end(open_log: OpenLog) -> None:
    """DESIGN 7: a run that ended cleanly leaves no gap, also if it opened no saga."""
    log = open_log()
    run_sagas(log, 1, 2, 3)
    log.close()
    again = open_log()
    assert again.next_saga_id == 4
    again.close()
    assert open_log().next_saga_id == 4


def test_ids_jump_after_a_crash(open_log: OpenLog) -> None:
    """FACTS R-41: after a crash ids go on above all that were reserved, shown or not."""
    log = open_log()
    run_sagas(log, 1, 2)
    log.abandon()
    assert open_log().next_saga_id == 1 + ID_BLOCK


def test_ids_after_vacuum(open_log: OpenLog, query: Query) -> None:
    """FACTS R-41: with every row gone, the ids still go on."""
    log = open_log()
    run_sagas(log, 1, 2, 3)
    log.close()
    query("DELETE FROM launcher_saga")
    assert open_log().next_saga_id == 4


def test_ids_of_sagas_without_rows(open_log: OpenLog, query: Query) -> None:
    """FACTS R-18: ids whose rows never reached the file are not used again."""
    log = open_log()
    run_sagas(log, 1)
    query(
        "CREATE TRIGGER fault BEFORE INSERT ON launcher_saga BEGIN SELECT raise(ROLLBACK, ''); END"
    )
    lost = [log.batch([SagaOpened(saga_id, "n", "null")]) for saga_id in range(2, 400)]
    assert isinstance(log.commit(lost), Failure)
    log.abandon()
    query("DROP TRIGGER fault")
    assert open_log().next_saga_id > 400


@pytest.mark.parametrize("cleanly", [True, False])
def test_ids_above_the_rows_of_an_older_file(
    open_log: OpenLog, query: Query, cleanly: bool
) -> None:
    """FACTS F-34: ids begin above the highest row, gaps or not, even if the counter is gone."""
    log = open_log()
    run_sagas(log, 1, 5000)
    (log.close if cleanly else log.abandon)()
    query("DELETE FROM launcher_saga_counter")
    assert open_log().next_saga_id == 5001


def test_lost_counter_row_comes_back(open_log: OpenLog, query: Query) -> None:
    """FACTS R-41: if a foreign hand removes the counter, the next reservation restores it."""
    log = open_log(id_block=10)
    query("DELETE FROM launcher_saga_counter")
    run_sagas(log, *range(1, 9))
    assert query("SELECT next_saga_id FROM launcher_saga_counter") == [(19,)]


def test_negative_ids_count_as_none(open_log: OpenLog, query: Query) -> None:
    """FACTS 4.3: a negative highest id clamps to 0."""
    open_log().close()
    query("INSERT INTO launcher_saga VALUES (-9, 'n', 'failed', 't', 't', 'null', NULL)")
    query("UPDATE launcher_saga_counter SET next_saga_id = -5")
    assert open_log().next_saga_id == 1


@pytest.mark.parametrize("block", [2, 3, 10, 1000])
def test_counter_is_always_ahead(open_log: OpenLog, query: Query, block: int) -> None:
    """FACTS R-41: after each commit the counter is half a block or more above the ids used."""
    log = open_log(id_block=block, synchronous="normal")
    for saga_id in (*range(1, 3 * block), 10 * block):
        run_sagas(log, saga_id)
        ((counter,),) = query("SELECT next_saga_id FROM launcher_saga_counter")
        assert counter - (saga_id + 1) >= block // 2


def test_reservation_is_part_of_the_transaction(open_log: OpenLog, query: Query) -> None:
    """FACTS R-41: a commit that fails raises no bound, so the next one raises it again."""
    log = open_log(id_block=10)
    query(
        "CREATE TRIGGER fault BEFORE INSERT ON launcher_saga BEGIN SELECT raise(ROLLBACK, ''); END"
    )
    assert isinstance(log.commit([log.batch([SagaOpened(9, "n", "null")])]), Failure)
    assert query("SELECT next_saga_id FROM launcher_saga_counter") == [(11,)]
    query("DROP TRIGGER fault")
    run_sagas(log, 9)
    assert query("SELECT next_saga_id FROM launcher_saga_counter") == [(20,)]


def test_ids_are_reserved_by_blocks(open_log: OpenLog, query: Query) -> None:
    """DESIGN 7: most commits leave the counter alone: it moves once for each half of a block."""
    log = open_log(id_block=10)
    bounds = []
    for saga_id in range(1, 31):
        run_sagas(log, saga_id)
        bounds += query("SELECT next_saga_id FROM launcher_saga_counter")
    assert sorted({bound for (bound,) in bounds}) == [11, 17, 23, 29, 35, 41]


def test_floor(path: Path, options: LogOptions) -> None:
    """FACTS R-41: a log created anew in the middle of a run goes on above that run's ids."""
    log = SagaLog.open(path, options, id_floor=77).unwrap()
    assert log.next_saga_id == 77
    log.close()


@pytest.mark.parametrize("highest", [MAX_ID, MAX_ID - ID_BLOCK])
def test_used_up_ids(
    open_log: OpenLog, query: Query, path: Path, options: LogOptions, highest: int
) -> None:
    """A file whose ids reach SQLite's largest integer is refused and stays as it is."""
    open_log().close()
    query("INSERT INTO launcher_saga VALUES (?, 'n', 'failed', 't', 't', 'null', NULL)", highest)
    before = path.read_bytes()
    match SagaLog.open(path, options):
        case Failure(error):
            assert error.kind == "damaged"
            assert "ids are used up" in error.message
        case Success():
            raise AssertionError("it was accepted")
    assert path.read_bytes() == before


def test_a_floor_without_ids_above_it(open_log: OpenLog, path: Path, options: LogOptions) -> None:
    """FACTS R-41: it is found before anything is written: the file's own ids go on all the same."""
    log = open_log()
    run_sagas(log, 1, 2)
    log.close()
    before = path.read_bytes()
    assert isinstance(SagaLog.open(path, options, id_floor=MAX_ID), Failure)
    assert path.read_bytes() == before
    assert open_log().next_saga_id == 3


def test_ids_up_to_the_last(open_log: OpenLog, query: Query) -> None:
    """The last ids that SQLite can hold are still reserved and written."""
    log = open_log()
    run_sagas(log, MAX_ID - 3)
    assert query("SELECT next_saga_id FROM launcher_saga_counter") == [(MAX_ID,)]
    assert query("SELECT saga_id FROM launcher_saga") == [(MAX_ID - 3,)]


KILLED_LAUNCHER = """
import os, signal, sys
from pathlib import Path
import msgspec
from saga_core.engine import SagaOpened
from saga_shell.log import LogOptions, SagaLog
log = SagaLog.open(Path(sys.argv[1]), LogOptions(encode=msgspec.json.encode)).unwrap()
log.commit([log.batch([SagaOpened(log.next_saga_id, "n", "null")])]).unwrap()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_killed_process(open_log: OpenLog, path: Path) -> None:
    """DESIGN 5: what was committed is there after SIGKILL, and the id is not used again."""
    for _ in range(2):
        subprocess.run([sys.executable, "-c", KILLED_LAUNCHER, path], check=False)
    start = open_log().start().unwrap()
    assert [saga.saga_id for saga in start.unresolved] == [1, 1 + ID_BLOCK]
    assert start.next_saga_id == 1 + 2 * ID_BLOCK
