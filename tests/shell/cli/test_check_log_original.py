"""The original launcher's files, and those that we went on with (FACTS 4, DESIGN 7)."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.core.check.logged.logbook import Logbook
from tests.shell.cli.recorded import change, empty_log, save
from tests.shell.cli.terminal import here

from saga_core.agentmux import PoolRespawn, WindowCleanup

POOL, CLEANUP = PoolRespawn.NAME, WindowCleanup.NAME
SPAWN = '{"cmd":"spawn_pool_window","saga_id":0}'
REAP = '{"cmd":"reap_panes","label":"main","saga_id":0}'
DRAIN = '{"cmd":"drain_pool_if_last","label":"main","saga_id":0}'
RESTARTED = "launcher restarted while saga in state"

_SAGA = "INSERT INTO launcher_saga VALUES (?, ?, ?, ?, ?, ?, ?)"
_STEP = "INSERT INTO launcher_saga_step VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)"


class OriginalLog:
    """Writes rows as the original did: each with a time of its own, steps without their end."""

    def __init__(self, path: Path) -> None:
        self.path = empty_log(path)
        self.connection = sqlite3.connect(path)
        self._times = (f"2025-01-01T00:00:00.{n:06}+00:00" for n in range(10**6))

    def now(self) -> str:
        """The next time."""
        return next(self._times)

    def saga(self, saga_id: int, name: str, state: str, reason: str | None, *steps: Any) -> None:
        """One saga. `steps` are (name, command, output), one without output is pending."""
        started, at = self.now(), []
        for index, (step, command, output) in enumerate(steps):
            begun, ended = self.now(), self.now() if output else None
            kind = "succeeded" if output else "pending"
            at.append((saga_id, index, step, kind, command, "host", begun, ended, output))
        label = "promoted_label" if name == POOL else "closed_label"
        ended_at = None if state == "running" else self.now()
        row = (saga_id, name, state, started, ended_at, json.dumps({label: "main"}), reason)
        self.connection.execute(_SAGA, (*row[:5], row[5].replace(" ", ""), reason))
        self.connection.executemany(_STEP, at)

    def save(self) -> Path:
        """Close the file."""
        self.connection.commit()
        self.connection.close()
        return self.path


def spawned(saga_id: int, version: int) -> tuple[str, str, str]:
    """A step that was answered."""
    output = f'{{"event":"pool_window_added","label":"","version":{version},"saga_id":{saga_id}}}'
    return "issue_cmd_host_spawn_pool_window", SPAWN, output


def reaped(saga_id: int, version: int) -> tuple[str, str, str]:
    """The first step of a cleanup."""
    output = f'{{"event":"panes_reaped","label":"main","version":{version},"saga_id":{saga_id}}}'
    return "issue_cmd_host_reap_panes", REAP, output


def drained(saga_id: int, version: int) -> tuple[str, str, str]:
    """The second step of a cleanup."""
    output = f'{{"event":"pool_drained","label":"main","version":{version},"saga_id":{saga_id}}}'
    return "issue_cmd_host_drain_pool_if_last", DRAIN, output


PENDING = ("issue_cmd_host_spawn_pool_window", SPAWN, None)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[OriginalLog]:
    """Sagas that completed, failed, were relabelled, and died with their launcher."""
    log = OriginalLog(tmp_path / "log.db")
    log.saga(1, POOL, "completed", None, spawned(1, 5))
    log.saga(3, CLEANUP, "completed", None, reaped(3, 9), drained(3, 12))
    log.saga(4, POOL, "failed", "saga timeout", PENDING)
    relabelled = f"saga timeout | recovered: {RESTARTED} 'failed'"
    log.saga(5, POOL, "failed_compensation", relabelled, PENDING)
    log.saga(6, CLEANUP, "failed_compensation", f"{RESTARTED} 'running'", reaped(6, 30), (
        "issue_cmd_host_drain_pool_if_last", DRAIN, None
    ))  # fmt: skip
    yield log
    log.connection.close()


def report(path: Path) -> dict[str, Any]:
    """What `check-log --json` says."""
    told: dict[str, Any] = json.loads(here("check-log", str(path), "--json").out)
    return told


def test_what_the_original_wrote_is_read_by_its_rules(log: OriginalLog) -> None:
    """FACTS R-08, R-38, R-40, R-42: its own omissions make no record impossible."""
    told = report(log.save())
    assert (told["verdict"], told["sagas"], told["original"]) == ("possible", 5, 5), told
    assert told["records"] == 24, "the ends that it left out are read where they were"
    ran = here("check-log", str(log.path))
    assert "  5 saga(s) of the original launcher, read by its own rules\n" in ran.out


def test_a_saga_of_its_that_still_runs_is_in_flight(log: OriginalLog) -> None:
    """DESIGN 6: also in a log that nobody went on with."""
    log.saga(7, POOL, "running", None, PENDING)
    told = report(log.save())
    assert (told["verdict"], told["original"], told["in_flight"]) == ("possible", 6, 1)


def test_a_file_that_we_went_on_with_has_both(log: OriginalLog, tmp_path: Path) -> None:
    """DESIGN 7, log: old rows stay as they are, ours come after them."""
    book = Logbook()
    book.crash().start(50)
    book.join()
    path = save(tmp_path / "ours.db", book.trigger(CLEANUP, POOL).answer(50, 51).sagas())
    log.save()
    both = sqlite3.connect(log.path)
    both.execute("ATTACH ? AS ours", (str(path),))
    for table in ("launcher_saga", "launcher_saga_step"):
        both.execute(f"INSERT INTO {table} SELECT * FROM ours.{table}")
    both.commit()
    both.close()
    told = report(log.path)
    assert (told["verdict"], told["sagas"], told["original"]) == ("possible", 7, 5), told
    without_id = "UPDATE launcher_saga_step SET cmd_json = replace(cmd_json, '\"saga_id\":51', "
    change(log.path, without_id + "'\"saga_id\":0')")
    found = report(log.path)["impossible"]
    assert (found["saga_id"], found["step_index"]) == (51, 0), "it is younger than one of ours"


WRONG: dict[str, tuple[str, tuple[int, int | None]]] = {
    "another command": (
        "UPDATE launcher_saga_step SET cmd_json = replace(cmd_json, 'main', 'x') WHERE saga_id = 3",
        (3, 0),
    ),
    "no command": ("UPDATE launcher_saga_step SET cmd_json = 'x\"saga_id\":0'", (1, 0)),
    "a pending step of a completed saga": (
        (
            "UPDATE launcher_saga_step SET state = 'pending', output_json = NULL, ended_at = NULL"
            " WHERE saga_id = 3 AND step_index = 1"
        ),
        (3, None),
    ),
    "a reason that it never gave": (
        "UPDATE launcher_saga SET failure_reason = 'x' WHERE saga_id = 4",
        (4, 0),
    ),
    "a cleanly failed saga without its reason": (
        f"UPDATE launcher_saga SET failure_reason = '{RESTARTED} ''failed''' WHERE saga_id = 5",
        (5, 0),
    ),
    "no saga at all": ("DELETE FROM launcher_saga WHERE saga_id = 6", (6, 0)),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_what_it_never_wrote_is_impossible(
    log: OriginalLog, wrong: tuple[str, tuple[int, int | None]]
) -> None:
    """FACTS 4.2: its rules are wider in what it left out, and in nothing else."""
    sql, place = wrong
    assert change(log.save(), sql) > 0
    found = report(log.path)["impossible"]
    assert found is not None
    assert (found["saga_id"], found["step_index"]) == place, found
