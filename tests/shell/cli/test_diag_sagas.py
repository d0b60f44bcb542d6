"""`diag sagas` on logs that the real writer made (FACTS 4.5)."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.shell.cli.rows import (
    RESTARTED,
    opened_cleanup,
    opened_respawn,
    recovered_respawn,
    write,
    write_all_kinds,
    written,
)
from tests.shell.cli.terminal import (
    agentmux,
    here,
    one_line,
    report_of,
    schema_in_help,
)

from saga_core.engine import SagaClosed, SagaOpened, StepFailed
from saga_shell.log import acquire, current_path

ALL_KINDS = f"""\
AgentMux launcher saga diagnostic
Data dir: {{data_dir}}
Saga log: {{data_dir}}/db/launcher-sagas.db

Recent launcher sagas (last 4):
  saga_id=4 name=window_cleanup_cascade state=running
    started=2026-05-01T12:00:14+00:00 ended=— steps_progressed=0
    input: {{{{"closed_label":"tab"}}}}
    steps:
        0  issue_cmd_host_reap_panes      target=host           state=pending    \
cmd={{{{"cmd":"reap_panes","label":"tab","saga_id":4}}}}
      [step 0 was in-flight when launcher exited]

  saga_id=3 name=pool_respawn_on_promote state=failed_compensation (recovered on restart)
    started=2026-05-01T12:00:10+00:00 ended=2026-05-01T12:00:13+00:00 steps_progressed=0
    failure: {RESTARTED}
    input: {{{{"promoted_label":"window-pool-1"}}}}
    steps:
        0  issue_cmd_host_spawn_pool_window target=host           state=failed     \
cmd={{{{"cmd":"spawn_pool_window","saga_id":3}}}}
           failure: {RESTARTED}

  saga_id=2 name=window_cleanup_cascade state=failed
    started=2026-05-01T12:00:04+00:00 ended=2026-05-01T12:00:09+00:00 steps_progressed=1
    failure: saga timeout
    input: {{{{"closed_label":"main"}}}}
    steps:
        0  issue_cmd_host_reap_panes      target=host           state=succeeded  \
cmd={{{{"cmd":"reap_panes","label":"main","saga_id":2}}}}
        1  issue_cmd_host_drain_pool_if_last target=host           state=failed     \
cmd={{{{"cmd":"drain_pool_if_last","label":"main","saga_id":2}}}}
           failure: saga timeout

  saga_id=1 name=pool_respawn_on_promote state=completed
    started=2026-05-01T12:00:00+00:00 ended=2026-05-01T12:00:03+00:00 steps_progressed=1
    input: {{{{"promoted_label":"window-pool-1"}}}}

Note: 1 saga(s) marked `failed_compensation` were in flight when their launcher ended.
      The next start closed them: no step was repeated, none was undone.
      `diag saga ID` shows how far one had come.
"""


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    """The schema in the command's help."""
    return schema_in_help("diag", "sagas")


def test_the_layout(data_dir: Path) -> None:
    """FACTS 4.5, F-36: each kind of saga in the layout of the table, newest first."""
    write_all_kinds(data_dir)
    ran = agentmux("diag", "sagas", "--data-dir", data_dir)
    assert (ran.code, ran.out) == (0, ALL_KINDS.format(data_dir=data_dir))


def test_beside_a_live_launcher(data_dir: Path) -> None:
    """FACTS R-48, F-37: beside a live launcher a running step is in flight, and nothing exited."""
    with written(data_dir, *opened_cleanup(1), *recovered_respawn(2)):
        lock = acquire(data_dir).unwrap()
        ran = here("diag", "sagas", "--data-dir", data_dir)
        lock.release()
    lines = ran.out.splitlines()
    assert ran.code == 0
    assert lines[3:5] == [f"Launcher: running, pid {os.getpid()}", ""]
    assert "      [step 0 is in flight]" in lines
    assert "launcher exited" not in ran.out


def test_a_degraded_log_is_said(data_dir: Path, schema: dict[str, Any]) -> None:
    """FACTS R-44: what a live launcher can't write is said in the text, and beside the JSON."""
    with written(data_dir, *opened_cleanup(1)):
        lock = acquire(data_dir).unwrap()
        lock.note("its disk is full; 7 record(s) wait in memory")
        text = here("diag", "sagas", "--data-dir", data_dir)
        data = here("diag", "sagas", "--data-dir", data_dir, "--json")
        lock.release()
    said = "the live launcher can't write its log: its disk is full; 7 record(s) wait in memory"
    assert f"Warning: {said}" in text.out.splitlines()
    assert one_line(data.err) == f"agentmux-launcher: {said}"
    assert report_of(data, schema)["live"] is True


def test_a_step_left_behind_by_a_failed_saga(data_dir: Path) -> None:
    """FACTS R-08, R-48: a saga that failed left its step behind then, not when a launcher ended."""
    failed = SagaClosed(1, "failed", "host action failed: no")
    write(data_dir, *opened_cleanup(1), failed)
    ran = here("diag", "sagas", "--data-dir", data_dir)
    assert "      [step 0 was in flight when the saga failed]" in ran.out.splitlines()


def test_long_commands_are_cut_by_characters(data_dir: Path) -> None:
    """FACTS 4.5: 120 characters stay whole, of 121 the first 120 and one `…`; bytes don't count."""
    frame = len('{"cmd":"reap_panes","label":"","saga_id":1}')
    fits, long = "ü" * (120 - frame), "ü" * (121 - frame)
    write(data_dir, *opened_cleanup(1, fits), *opened_cleanup(2, long))
    ran = here("diag", "sagas", "--data-dir", data_dir)
    shown = [line.split(" cmd=")[1] for line in ran.out.splitlines() if " cmd=" in line]
    whole = f'{{"cmd":"reap_panes","label":"{fits}","saga_id":1}}'
    cut = f'{{"cmd":"reap_panes","label":"{long}","saga_id":2…'
    assert shown == [cut, whole]
    assert (len(whole), len(cut)) == (120, 121)


def test_no_input_no_line(data_dir: Path, schema: dict[str, Any]) -> None:
    """FACTS 4.5: an input of null has no line in the text and is null in the JSON."""
    write(data_dir, SagaOpened(1, "custom", "null"))
    assert "\n    input" not in here("diag", "sagas", "--data-dir", data_dir).out
    data = here("diag", "sagas", "--data-dir", data_dir, "--json")
    assert report_of(data, schema)["sagas"][0]["input"] is None


def test_json(data_dir: Path, schema: dict[str, Any]) -> None:
    """DESIGN 6: `--json` prints one line that fits the help's schema, messages as JSON."""
    log = write_all_kinds(data_dir)
    report = report_of(agentmux("diag", "sagas", "--data-dir", data_dir, "--json"), schema)
    assert {key: report[key] for key in ("data_dir", "log", "live")} == {
        "data_dir": str(data_dir),
        "log": str(log),
        "live": False,
    }
    assert [saga["saga_id"] for saga in report["sagas"]] == [4, 3, 2, 1]
    assert report["sagas"][3] == {
        "saga_id": 1,
        "name": "pool_respawn_on_promote",
        "state": "completed",
        "started_at": "2026-05-01T12:00:00+00:00",
        "ended_at": "2026-05-01T12:00:03+00:00",
        "failure_reason": None,
        "input": {"promoted_label": "window-pool-1"},
        "steps": [
            {
                "step_index": 0,
                "name": "issue_cmd_host_spawn_pool_window",
                "state": "succeeded",
                "target": "host",
                "command": {"cmd": "spawn_pool_window", "saga_id": 1},
                "output": {
                    "event": "pool_window_added",
                    "label": "window-pool-2",
                    "version": 15,
                    "saga_id": 1,
                },
                "started_at": "2026-05-01T12:00:01+00:00",
                "ended_at": "2026-05-01T12:00:02+00:00",
                "failure_reason": None,
            }
        ],
    }


def test_a_column_that_is_no_json_is_a_string(data_dir: Path, schema: dict[str, Any]) -> None:
    """DESIGN 6: a row whose input is no JSON, from another program, doesn't break the report."""
    log = write(data_dir, SagaOpened(1, "custom", "null"))
    with closing(sqlite3.connect(log, isolation_level=None)) as connection:
        connection.execute("UPDATE launcher_saga SET input_json = '{\"a\":'")
    data = here("diag", "sagas", "--data-dir", data_dir, "--json")
    assert report_of(data, schema)["sagas"][0]["input"] == '{"a":'


def test_limit_and_state(data_dir: Path, schema: dict[str, Any]) -> None:
    """DESIGN 6: `--limit` keeps the newest, `--state` one state, and both together do both."""
    write_all_kinds(data_dir)

    def ids(*options: object) -> list[int]:
        ran = here("diag", "sagas", "--data-dir", data_dir, "--json", *options)
        return [saga["saga_id"] for saga in report_of(ran, schema)["sagas"]]

    assert ids("--limit", 2) == [4, 3]
    assert ids("--state", "completed") == [1]
    assert ids("--state", "compensating") == []
    none = here("diag", "sagas", "--data-dir", data_dir, "--state", "compensating")
    assert none.out.endswith("\n(no saga is in state compensating)\n")


def test_no_log_yet(data_dir: Path, schema: dict[str, Any]) -> None:
    """FACTS 4.5: a missing file is said, exit code 0, and the directory stays empty."""
    text = here("diag", "sagas", "--data-dir", data_dir)
    data = here("diag", "sagas", "--data-dir", data_dir, "--json")
    log = current_path(data_dir)
    assert text.code == data.code == 0
    assert text.out.splitlines()[3:] == [
        "",
        f"(no saga log at {log}: no launcher has run here yet)",
    ]
    assert report_of(data, schema) == {
        "data_dir": str(data_dir),
        "log": str(log),
        "live": False,
        "sagas": [],
    }
    assert list(data_dir.iterdir()) == []


def test_an_empty_log(data_dir: Path) -> None:
    """FACTS 4.5: a log without rows is said to be empty; nothing is left behind by reading it."""
    log = write(data_dir)
    before = sorted(log.parent.iterdir())
    ran = here("diag", "sagas", "--data-dir", data_dir)
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "(saga log is empty)")
    assert sorted(log.parent.iterdir()) == before


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_a_directory_or_a_log_that_cannot_be_read(
    data_dir: Path, tmp_path: Path, as_json: tuple[str, ...]
) -> None:
    """DESIGN 7: a missing directory, a file in its place or a damaged log is one line, exit 1."""
    damaged = current_path(data_dir)
    damaged.parent.mkdir()
    damaged.write_bytes(b"no database at all" * 100)
    regular = tmp_path / "regular"
    regular.touch()
    said = {
        place: here("diag", "sagas", "--data-dir", place, *as_json)
        for place in (tmp_path / "nowhere", regular, regular / "below", data_dir)
    }
    assert [(ran.code, ran.out) for ran in said.values()] == [(1, "")] * 4
    lines = [one_line(ran.err) for ran in said.values()]
    assert all(str(place) in line for place, line in zip(said, lines, strict=True))
    assert "check --data-dir" in lines[0]
    assert "is no directory" in lines[1]
    assert "damaged" in lines[3]


def test_steps_that_cannot_be_read(data_dir: Path) -> None:
    """FACTS F-37: a step table that is broken is said at each saga, and the exit code is 1."""
    break_table(write_all_kinds(data_dir), "launcher_saga_step")
    text = here("diag", "sagas", "--data-dir", data_dir)
    data = here("diag", "sagas", "--data-dir", data_dir, "--json")
    assert text.code == data.code == 1
    assert text.out.count("    [steps can't be shown: saga log ") == 4
    assert text.out.count("steps_progressed=?") == 4
    assert data.out == ""
    assert "damaged" in text.err.splitlines()[-1]
    assert "damaged" in data.err.splitlines()[-1]


def break_table(log: Path, table: str) -> None:
    """Overwrite the first page of a table."""
    with closing(sqlite3.connect(log)) as connection:
        query = "SELECT rootpage FROM sqlite_master WHERE name = ?"
        (page,) = connection.execute(query, (table,)).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with log.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)


def test_sagas_that_cannot_be_read(data_dir: Path) -> None:
    """DESIGN 7: a saga table that is broken is one line for each command, exit code 1."""
    break_table(write_all_kinds(data_dir), "launcher_saga")
    for command in (["sagas"], ["sagas", "--json"], ["saga", "1"]):
        ran = here("diag", *command, "--data-dir", data_dir)
        assert (ran.code, ran.out) == (1, "")
        assert "damaged" in ran.err.splitlines()[-1]
        assert "Traceback" not in ran.err


def test_texts_cannot_harm_the_terminal(data_dir: Path) -> None:
    """A reason with control characters stays one line and moves no cursor."""
    write(
        data_dir,
        *opened_cleanup(1),
        StepFailed(1, 0, "\x1b[2Jgone\nnext"),
        SagaClosed(1, "failed", "\x1b[2Jgone\nnext"),
    )
    ran = here("diag", "sagas", "--data-dir", data_dir)
    assert "    failure: \\x1b[2Jgone\\nnext" in ran.out.splitlines()


def test_it_needs_neither_rich_nor_the_launcher() -> None:
    """DESIGN 8: `diag sagas` starts without importing what only other commands use."""
    code = (
        "import sys, saga_shell.cli.main, saga_shell.cli.diag.sagas;"
        "print([m for m in ('rich', 'saga_shell.launcher', 'saga_shell.ipc') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


def test_a_free_lock_is_no_live_launcher(data_dir: Path, schema: dict[str, Any]) -> None:
    """FACTS R-48: a lock file that a dead launcher left doesn't make it live."""
    with written(data_dir, *opened_respawn(1)):
        acquire(data_dir).unwrap().release()
        data = here("diag", "sagas", "--data-dir", data_dir, "--json")
    assert report_of(data, schema)["live"] is False
