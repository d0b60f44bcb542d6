"""`check-log`: what it says of a log, to people and to programs."""

import errno
import itertools
import json
import os
import sqlite3
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.core.check.logged.logbook import Logbook
from tests.core.check.logged.test_lives import life
from tests.shell.cli.recorded import change, empty_log, save
from tests.shell.cli.rows import written
from tests.shell.cli.terminal import here, one_line

from saga_core.agentmux import PoolRespawn, WindowCleanup
from saga_core.check.logged import Dated, LoggedSaga
from saga_shell.cli.check_log import source
from saga_shell.log import current_path

POOL, CLEANUP = PoolRespawn.NAME, WindowCleanup.NAME


def book() -> Logbook:
    """Two sagas complete, one runs into its deadline, one is in flight."""
    told = Logbook()
    told.join()
    return told.trigger(CLEANUP, POOL).answer(1, 2).answer(1, which=1).trigger(POOL, CLEANUP)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """The log of `book`, with a saga that timed out."""
    return save(tmp_path / "log.db", book().deadline(3).sagas())


def test_a_possible_log(log: Path) -> None:
    """DESIGN 6: exit code 0, how much was looked at, and the verdict."""
    ran = here("check-log", str(log))
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (
        f"Saga log: {log}\n"
        "  4 saga(s), 16 record(s)\n"
        "  1 saga(s) without an end: in flight, or left by the last process\n"
        "\n"
        "POSSIBLE: every record can follow on those before it\n"
    )


def test_an_impossible_log(log: Path) -> None:
    """DESIGN 6: exit code 1; the record, where it is, why it can't follow, and what could."""
    assert change(log, "UPDATE launcher_saga_step SET target = 'srv' WHERE saga_id = 3") == 1
    ran = here("check-log", str(log))
    assert ran.code == 1
    restarted = "launcher restarted while saga in state 'running'"
    assert ran.out == (
        f"Saga log: {log}\n"
        "  4 saga(s), 16 record(s)\n"
        "\n"
        "IMPOSSIBLE: saga 3, step 0 opened: issue_cmd_host_spawn_pool_window, to srv:"
        ' {"cmd":"spawn_pool_window","saga_id":3}\n'
        "  at 2026-05-01T12:00:06+00:00: the step that can come here writes saga 3, step 0 opened:"
        ' issue_cmd_host_spawn_pool_window, to host: {"cmd":"spawn_pool_window","saga_id":3}\n'
        "Possible there instead:\n"
        "  pool_respawn_on_promote is triggered (pool_window_promoted) → saga 3 opened:"
        ' pool_respawn_on_promote, input {"promoted_label":"w"}; saga 3, step 0 opened:'
        ' issue_cmd_host_spawn_pool_window, to host: {"cmd":"spawn_pool_window","saga_id":3}\n'
        "  window_cleanup_cascade is triggered (window_closed) → saga 3 opened:"
        ' window_cleanup_cascade, input {"closed_label":"main"}; saga 3, step 0 opened:'
        ' issue_cmd_host_reap_panes, to host: {"cmd":"reap_panes","label":"main","saga_id":3}\n'
    )
    change(log, "UPDATE launcher_saga_step SET target = 'host'")
    change(log, "UPDATE launcher_saga_step SET failure_reason = 'no' WHERE saga_id = 3")
    assert here("check-log", str(log)).out.split("instead:\n")[1] == (
        "  host answers spawn_pool_window of saga 3 → saga 3, step 0 succeeded:"
        ' {"event":"pool_window_added","label":"","version":3,"saga_id":3}; saga 3 completed\n'
        "  host reports a failure of spawn_pool_window of saga 3 → saga 3, step 0 failed: host"
        " action failed: could not; saga 3 failed: host action failed: could not\n"
        "  spawn_pool_window of saga 3 waits too long for host → saga 3, step 0 failed:"
        " host unreachable; saga 3 failed: host unreachable\n"
        "  the deadline of saga 3 passes → saga 3, step 0 failed: saga timeout;"
        " saga 3 failed: saga timeout\n"
        "  the process is asked to end → saga 3, step 0 failed: launcher shutting down;"
        " saga 3 failed: launcher shutting down; and 2 record(s) of other sagas\n"
        f"  the process dies, starts and recovers → saga 3, step 0 failed: {restarted};"
        f" saga 3 failed_compensation: {restarted}; and 2 record(s) of other sagas\n"
    )


def test_json_has_the_same_facts(log: Path) -> None:
    """DESIGN 6: `--json` is one line of JSON; the help has its schema."""
    told = json.loads(here("check-log", str(log), "--json").out)
    assert told == {
        "log": str(log),
        "verdict": "possible",
        "sagas": 4,
        "records": 16,
        "in_flight": 1,
        "original": 0,
        "missing_ids": 0,
        "times_back": 0,
        "impossible": None,
    }
    change(log, "UPDATE launcher_saga SET name = 'other' WHERE saga_id = 1")
    ran = here("check-log", str(log), "--json")
    found = json.loads(ran.out)["impossible"]
    assert ran.code == 1
    assert (found["saga_id"], found["step_index"]) == (1, None)
    assert found["at"] == "2026-05-01T12:00:01+00:00"
    assert found["why"] == "no event opens such a saga with such an input"
    assert len(found["instead"]) == 2
    assert '"missing_ids"' in here("check-log", "--help").out


def test_what_the_order_of_times_and_ids_lacks_is_counted(tmp_path: Path) -> None:
    """DESIGN 7, log: rows past their retention and a clock that was set back are told."""
    first, second, third, fourth = book().sagas()
    early = Dated("2026-05-01T11:00:00+00:00", third.records[0].said)
    moved = LoggedSaga(3, (early, Dated(early.at, third.records[1].said)))
    path = save(tmp_path / "log.db", [first, second, moved, fourth])
    ran = here("check-log", str(path))
    assert ran.code == 0
    assert "  2 saga(s) without an end: in flight, or left by the last process\n" in ran.out
    assert "  2 record(s) with a time before what they follow: a clock was set back\n" in ran.out
    longer = Logbook()
    longer.join()
    longer.trigger(CLEANUP, POOL, POOL).answer(2, 3)
    kept = [saga for saga in longer.sagas() if saga.saga_id != 2]
    ran = here("check-log", str(save(tmp_path / "other.db", kept)))
    assert "  1 saga(s) missing between others, past their retention\n" in ran.out


def test_what_is_undetermined_is_said_to_be(tmp_path: Path) -> None:
    """DESIGN 6: exit code 3, never `impossible`."""
    path = save(tmp_path / "log.db", life(595).sagas())
    ran = here("check-log", str(path), "--buffer-cap", "3")
    assert ran.code == 3
    assert "UNDETERMINED: whether a record is possible: saga 100, step 1 failed: host" in ran.out
    assert "no way was found to push it out" in ran.out


def test_the_cap_of_the_buffers_is_that_of_the_run(tmp_path: Path) -> None:
    """FACTS R-01: what is dropped depends on it."""
    told = Logbook(buffer_cap=1).trigger(POOL, POOL)
    path = save(tmp_path / "log.db", told.sagas())
    assert here("check-log", str(path), "--buffer-cap", "1").code == 0
    ran = here("check-log", str(path))
    assert ran.code == 1
    assert "the buffer for host holds 64 command(s), and only 1 newer one(s) are pending" in ran.out


def test_a_data_directory_will_do(data_dir: Path) -> None:
    """FACTS 1.2: its log is where the launcher keeps it; an empty one is possible."""
    empty_log(current_path(data_dir))
    ran = here("check-log", str(data_dir))
    assert ran.code == 0
    assert f"Saga log: {current_path(data_dir)}\n  0 saga(s), 0 record(s)\n" in ran.out


def test_beside_a_live_launcher(data_dir: Path) -> None:
    """FACTS R-48: the file is only read, and what is in flight goes on."""
    with written(data_dir) as path:
        before = sorted(path.parent.iterdir())
        assert here("check-log", str(data_dir)).code == 0
        assert sorted(path.parent.iterdir()) == before


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda _: None, "no saga log at "),
        (lambda path: path.write_text("no database"), "is damaged"),
        (lambda path: path.mkdir(), "no saga log at "),
        (lambda path: change(empty_log(path), "PRAGMA user_version = 99"), "has version 99"),
    ],
)
def test_what_cant_be_read_is_one_line(tmp_path: Path, make: object, problem: str) -> None:
    """DESIGN 6: exit code 2."""
    assert callable(make)
    path = tmp_path / "log"
    make(path)
    ran = here("check-log", str(path))
    assert (ran.code, ran.out) == (2, "")
    assert problem in one_line(ran.err)


@pytest.mark.parametrize(
    ("below", "said"),
    [
        (
            "",
            "/db/launcher-sagas.db can't be used (Permission denied): check the file",
        ),
        ("log.db", ": Permission denied: check the path and its permissions"),
    ],
)
def test_a_place_that_cant_be_looked_at_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, below: str, said: str
) -> None:
    """DESIGN 6: a name that is too long, a directory of somebody else's: exit code 2."""
    long = here("check-log", str(tmp_path / ("x" * 300) / below))
    assert (long.code, long.out) == (2, "")
    assert one_line(long.err).endswith(": File name too long: check the path and its permissions")
    allowed, place = Path.stat, tmp_path / below

    def denied(path: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        if path.is_relative_to(tmp_path) and path != tmp_path:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return allowed(path, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(Path, "stat", denied)
    ran = here("check-log", str(place))
    assert (ran.code, ran.out) == (2, "")
    assert one_line(ran.err).startswith(f"agentmux-launcher: saga log {place}{said}")


def test_damage_in_the_middle_is_one_line(log: Path) -> None:
    """FACTS R-46: exit code 2, whatever was read before."""
    change(log, "UPDATE launcher_saga_step SET name = x'ff' WHERE saga_id = 4")
    ran = here("check-log", str(log))
    assert (ran.code, ran.out) == (2, "")
    assert "is damaged" in one_line(ran.err)


def test_the_highest_id_there_is_ends_the_log(log: Path) -> None:
    """FACTS R-18: behind it there is no id to read on from, and nothing to stumble over."""
    for table in ("launcher_saga", "launcher_saga_step"):
        change(log, f"UPDATE {table} SET saga_id = ? WHERE saga_id = 4", 2**63 - 1)
    ran = here("check-log", str(log), "--json")
    told = json.loads(ran.out)
    assert (ran.code, told["impossible"]["saga_id"]) == (1, 2**63 - 1)


def test_an_application_says_how_its_log_is_read(log: Path) -> None:
    """DESIGN 6: the log of AgentMux is none of the shop's; without a form no log can be read."""
    ran = here("check-log", str(log), "--application", "tests.core.check.shop:LOGGED_SHOP")
    assert ran.code == 1
    assert "IMPOSSIBLE: saga 1 opened: window_cleanup_cascade" in ran.out
    ran = here("check-log", str(log), "--application", "tests.shell.cli.recorded:SILENT")
    assert ran.code == 2
    assert one_line(ran.err).endswith("doesn't say how its log is read: give it a `log`")


def test_progress_is_told(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN 6: about each second a line on standard error tells how far it is."""
    ticks = itertools.count()
    monkeypatch.setattr(source, "time", SimpleNamespace(monotonic=lambda: next(ticks) * 0.6))
    monkeypatch.setattr(source, "PAGE", 1)
    ran = here("check-log", str(log))
    assert ran.code == 0
    assert ran.err.splitlines() == [
        "check-log: 2 of 4 sagas",
        "check-log: 4 of 4 sagas",
    ]


def test_a_log_at_rest_is_read_with_a_notice(log: Path) -> None:
    """FACTS R-47: a file in WAL mode without its `-wal` is said to be one."""
    connection = sqlite3.connect(log)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    log.with_name(log.name + "-wal").unlink(missing_ok=True)
    ran = here("check-log", str(log))
    assert ran.code == 0
    assert "was read as a file at rest" in one_line(ran.err)


CHANGES = {
    "a pending step with an output": (
        "UPDATE launcher_saga_step SET output_json = '{}' WHERE saga_id = 4",
        (4, 0),
        "is pending, with an output, a reason or an end that such a step never has",
    ),
    "a compensated step": (
        "UPDATE launcher_saga_step SET state = 'compensated' WHERE saga_id = 3",
        (3, 0),
        "is compensated, with an output",
    ),
    "a succeeded step with a reason": (
        "UPDATE launcher_saga_step SET failure_reason = 'no' WHERE saga_id = 2",
        (2, 0),
        "is succeeded, with an output, a reason",
    ),
    "a running saga with an end": (
        "UPDATE launcher_saga SET ended_at = started_at WHERE saga_id = 4",
        (4, None),
        "is running, with an end",
    ),
    "a compensating saga": (
        "UPDATE launcher_saga SET state = 'compensating' WHERE saga_id = 4",
        (4, None),
        "is compensating, which no launcher ever writes",
    ),
    "an end without a time": (
        "UPDATE launcher_saga SET ended_at = NULL WHERE saga_id = 3",
        (3, None),
        "has the time None, which is none in UTC",
    ),
    "another way to write a time": (
        "UPDATE launcher_saga SET started_at = replace(started_at, '+00:00', 'Z')",
        (1, None),
        "has the time '2026-05-01T12:00:01Z', which is none in UTC",
    ),
    "a step without its saga": (
        "DELETE FROM launcher_saga WHERE saga_id = 4",
        (4, 0),
        "opened: issue_cmd_host_reap_panes",
    ),
}


@pytest.mark.parametrize("changed", CHANGES.values(), ids=CHANGES.keys())
def test_rows_that_no_record_leaves_are_told(
    log: Path, changed: tuple[str, tuple[int, int | None], str]
) -> None:
    """DESIGN 7, log: columns that contradict each other are somebody's hand."""
    sql, place, record = changed
    assert change(log, sql) > 0
    found = json.loads(here("check-log", str(log), "--json").out)["impossible"]
    assert ((found["saga_id"], found["step_index"])) == place, found
    assert record in found["record"]
