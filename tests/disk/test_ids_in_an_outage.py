"""The log is lost, or can't be written when its launcher dies: none of its ids is used again."""

import sqlite3
from contextlib import closing, suppress

import pytest
from tests.disk.ailments import Patient
from tests.disk.test_failing_disk import LONG, run_saga
from tests.e2e.outside import PATIENCE_SECONDS, Place
from tests.e2e.test_exchanges import brackets, host, subscriber

BLOCK = 10
MANY = 3 * BLOCK
"""Sagas of one outage: several blocks of ids."""


def patient_of(place: Place) -> Patient:
    """A launcher that reserves few ids at a time."""
    place.environment["SAGA_ID_BLOCK"] = str(BLOCK)
    return Patient(place)


def next_id(place: Place) -> int:
    """The id that the next launcher gives first."""
    running = place.launch()
    saga_id = run_saga(host(place), "next")
    assert running.terminate() == 0
    return saga_id


def rows_of(place: Place) -> int:
    """How many sagas the file knows of."""
    with closing(sqlite3.connect(place.data_dir / "db" / "launcher-sagas.db")) as database:
        ((count,),) = database.execute("select count(*) from launcher_saga")
        return int(count)


def test_a_crash_in_a_long_outage_lets_no_id_be_used_twice(place: Place) -> None:
    """FACTS R-18, R-41: a full disk; ids go on above all that anybody saw, by the lock file."""
    patient = patient_of(place)
    peer = host(place)
    run_saga(peer, "before")
    patient.disk_is("full")
    shown = [run_saga(peer, f"{number}{LONG}") for number in range(MANY)]
    patient.running.kill()
    patient.disk_is("")
    assert rows_of(place) < BLOCK
    assert next_id(place) > max(shown)


@pytest.mark.parametrize("cleanly", [True, False])
def test_a_lost_log_lets_no_id_be_used_twice(place: Place, cleanly: bool) -> None:
    """FACTS R-41: whoever follows the advice to move a damaged log away goes on above its ids."""
    running = place.launch()
    peer = host(place)
    shown = [run_saga(peer, str(number)) for number in range(3)]
    if cleanly:
        assert running.terminate() == 0
    else:
        running.kill()
    for path in (place.data_dir / "db").glob("*.db*"):
        path.unlink()
    following = next_id(place)
    assert following > max(shown)
    assert (following == max(shown) + 1) == cleanly


def test_a_disk_that_takes_nothing_at_all_ends_the_launcher_before_an_id_is_unsafe(
    place: Place,
) -> None:
    """FACTS R-41: it goes on as far as ids are reserved, then ends with 4 and says why."""
    patient = patient_of(place)
    tool, peer = subscriber(place), host(place)
    run_saga(peer, "before")
    patient.disk_is("dead")
    with suppress(AssertionError, OSError):
        for number in range(MANY):
            run_saga(peer, str(number))
    tool.until_end()
    assert patient.running.process.wait(PATIENCE_SECONDS) == 4
    shown = brackets(tool.heard)
    assert BLOCK // 2 <= len(shown) < MANY
    last = patient.running.stderr().strip().splitlines()[-1]
    assert "could be used twice, because neither saga log" in last
    assert "Read-only file system" in last
    patient.disk_is("")
    assert next_id(place) > max(shown)
