"""`diag saga ID`: one saga as a timeline."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.shell.cli.rows import (
    RESTARTED,
    completed_respawn,
    failed_cleanup,
    opened_cleanup,
    recovered_respawn,
    write,
    written,
)
from tests.shell.cli.terminal import agentmux, here, one_line, report_of, schema_in_help

from saga_core.engine import SagaOpened
from saga_shell.log import acquire, current_path

FAILED = """\
AgentMux launcher saga timeline
Data dir: {data_dir}
Saga log: {data_dir}/db/launcher-sagas.db

Saga 2: window_cleanup_cascade, failed
Input: {{"closed_label":"main"}}

  2026-05-01T12:00:00+00:00              +0.000 s  opened
  2026-05-01T12:00:01+00:00              +1.000 s  step 0 issue_cmd_host_reap_panes, to host: \
{{"cmd":"reap_panes","label":"main","saga_id":2}}
  2026-05-01T12:00:02+00:00              +2.000 s  step 0 succeeded after 1.000 s: \
{{"event":"panes_reaped","label":"main","version":23,"saga_id":2}}
  2026-05-01T12:00:03+00:00              +3.000 s  step 1 issue_cmd_host_drain_pool_if_last, \
to host: {{"cmd":"drain_pool_if_last","label":"main","saga_id":2}}
  2026-05-01T12:00:04+00:00              +4.000 s  step 1 failed after 1.000 s: saga timeout
  2026-05-01T12:00:05+00:00              +5.000 s  failed after 5.000 s: saga timeout
"""


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    """The schema in the command's help."""
    return schema_in_help("diag", "saga")


def test_the_timeline_of_a_saga_that_failed(data_dir: Path) -> None:
    """DESIGN 6: what was asked of whom, what came back, how long each took, and why it ended."""
    write(data_dir, *failed_cleanup(2))
    ran = agentmux("diag", "saga", 2, "--data-dir", data_dir)
    assert (ran.code, ran.out) == (0, FAILED.format(data_dir=data_dir))


def test_a_saga_that_was_recovered(data_dir: Path) -> None:
    """FACTS F-36, R-40: a recovered saga says so, and why its step failed."""
    write(data_dir, *recovered_respawn(1))
    lines = here("diag", "saga", 1, "--data-dir", data_dir).out.splitlines()
    assert lines[4] == (
        "Saga 1: pool_respawn_on_promote, failed_compensation (recovered on restart)"
    )
    assert lines[-2].endswith(f"step 0 failed after 1.000 s: {RESTARTED}")
    assert lines[-1].endswith(f"+3.000 s  failed_compensation after 3.000 s: {RESTARTED}")


def test_a_saga_in_flight(data_dir: Path) -> None:
    """FACTS R-48: the pending step is in flight beside a live launcher, else it was, then."""
    with written(data_dir, *opened_cleanup(1)):
        lock = acquire(data_dir).unwrap()
        live = here("diag", "saga", 1, "--data-dir", data_dir).out.splitlines()
        lock.release()
    dead = here("diag", "saga", 1, "--data-dir", data_dir).out.splitlines()
    assert live[3] == f"Launcher: running, pid {os.getpid()}"
    assert live[-1] == "  [step 0 is in flight]"
    assert dead[-1] == "  [step 0 was in-flight when launcher exited]"


def test_json(data_dir: Path, schema: dict[str, Any]) -> None:
    """DESIGN 6: `--json` prints one line that fits the help's schema; a degraded log is said."""
    with written(data_dir, *completed_respawn(7)):
        lock = acquire(data_dir).unwrap()
        lock.note("its disk is full")
        ran = here("diag", "saga", 7, "--data-dir", data_dir, "--json")
        lock.release()
    report = report_of(ran, schema)
    assert report["live"] is True
    assert report["saga"]["steps"][0]["command"] == {"cmd": "spawn_pool_window", "saga_id": 7}
    assert one_line(ran.err) == (
        "agentmux-launcher: the live launcher can't write its log: its disk is full"
    )


def test_no_such_saga(data_dir: Path) -> None:
    """DESIGN 6: an unknown id, or no log at all, is one line that says where, and exit code 1."""
    none = here("diag", "saga", 9, "--data-dir", data_dir)
    with written(data_dir, *completed_respawn(1)):
        unknown = here("diag", "saga", 9, "--data-dir", data_dir)
        enormous = here("diag", "saga", 2**64, "--data-dir", data_dir)
    assert [ran.code for ran in (none, unknown, enormous)] == [1, 1, 1]
    log = current_path(data_dir)
    assert f"there is no saga 9: no saga log at {log}" in one_line(none.err)
    assert f"there is no saga 9 in {log}" in one_line(unknown.err)
    assert f"there is no saga {2**64} in {log}" in one_line(enormous.err)
    assert "diag sagas --data-dir" in unknown.err


def test_a_saga_whose_rows_wait_for_the_disk(data_dir: Path) -> None:
    """FACTS R-44: a saga that isn't in a degraded log may be in memory: that line says so."""
    lock = acquire(data_dir).unwrap()
    lock.note("its disk is full; 120 record(s) wait in memory")
    none = here("diag", "saga", 3, "--data-dir", data_dir)
    write(data_dir, *completed_respawn(1))
    unknown = here("diag", "saga", 3, "--data-dir", data_dir)
    lock.release()
    for ran in (none, unknown):
        said = one_line(ran.err)
        assert (ran.code, "there is no saga 3" in said) == (1, True)
        assert said.endswith(
            "; but the live launcher can't write its log: its disk is full; 120 record(s) wait in"
            " memory: ask the launcher for it with"
            f" 'agentmux-launcher diag wrr --data-dir {data_dir}'"
        )


def test_a_damaged_log(data_dir: Path) -> None:
    """DESIGN 7: a damaged log is one line, exit code 1."""
    log = current_path(data_dir)
    log.parent.mkdir()
    log.write_bytes(b"no database at all" * 100)
    ran = here("diag", "saga", 1, "--data-dir", data_dir)
    assert (ran.code, ran.out) == (1, "")
    assert "damaged" in one_line(ran.err)


def test_times_that_are_none(data_dir: Path) -> None:
    """A row of another program, with times that can't be read, is shown without durations."""
    log = write(data_dir, SagaOpened(1, "custom", "null"))
    with closing(sqlite3.connect(log, isolation_level=None)) as connection:
        connection.execute(
            "UPDATE launcher_saga SET started_at = 'noon', ended_at = '2026-05-01T12:00:00+00:00',"
            " state = 'completed'"
        )
    lines = here("diag", "saga", 1, "--data-dir", data_dir).out.splitlines()
    assert [line.split() for line in lines[-2:]] == [
        ["noon", "?", "s", "opened"],
        ["2026-05-01T12:00:00+00:00", "?", "s", "completed", "after", "?", "s"],
    ]
