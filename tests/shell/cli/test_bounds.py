"""`run --bound` and `diag bounds`: what may be written, and what people read."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import msgspec
import pytest
from tests.shell.cli.terminal import here, launcher, one_line, report_of, schema_in_help

from saga_core import Config
from saga_shell.cli.bound import BoundValue, bounds_of
from saga_shell.launcher.bounds import MEANINGS, Bounds
from saga_shell.launcher.counts import Counts, Met, counts_path
from saga_shell.log import acquire

pytestmark = pytest.mark.usefixtures("runtime_dir")

READ = """\
AgentMux launcher bounds diagnostic
Data dir: {data_dir}
Saga log: {data_dir}/db/launcher-sagas.db

Launcher: process 77, ended

bound                               value    met  of what, and what happens then
line-bytes                1,048,576 bytes      3  one line from a peer: a private error, and it is \
ended
write-seconds                 2.5 seconds      0  one write that a peer doesn't take: that peer is \
ended

lines in                        12
commands sent again              1
"""


def counted(data_dir: Path, *, pid: int = 77, seconds_old: float | None = 3_600.2) -> str:
    """Leave the counts of process `pid`, so old; return as of when they are."""
    met = (Met("line_bytes", 1_048_576, 3), Met("write_seconds", 2.5, 0), Met("of_later", 1, 9))
    as_of = None if seconds_old is None else datetime.now(UTC) - timedelta(seconds=seconds_old)
    counts = Counts(pid, met, {"lines_in": 12, "commands_sent_again": 1}, as_of)
    counts_path(data_dir).write_bytes(msgspec.json.encode(counts))
    return "" if as_of is None else as_of.isoformat(timespec="seconds")


def test_people_read_a_table(data_dir: Path) -> None:
    """RELIABILITY 11: every bound with its value, how often it was met, and what that means."""
    counted(data_dir, seconds_old=None)
    ran = here("diag", "bounds", "--data-dir", data_dir)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == READ.format(data_dir=data_dir)


def test_programs_read_json(data_dir: Path) -> None:
    """DESIGN 6: the same facts, as the help's schema says; a later program's bound is left out."""
    as_of = counted(data_dir)
    ran = here("diag", "bounds", "--data-dir", data_dir, "--json")
    report = report_of(ran, schema_in_help("diag", "bounds"))
    assert 3_600 < report.pop("seconds_old") < 4_000
    assert report == {
        "data_dir": str(data_dir),
        "live": False,
        "launcher_pid": 77,
        "as_of": as_of,
        "stale": False,
        "bounds": [
            {"name": "line-bytes", "bound": 1_048_576, "unit": "bytes", "times": 3},
            {"name": "write-seconds", "bound": 2.5, "unit": "seconds", "times": 0},
        ],
        "counts": {"lines_in": 12, "commands_sent_again": 1},
    }


NONE_SINCE = "it has written none since: if its disk fails, its log lines say so"
NONE_EVER = f"process {os.getpid()}, which runs now, has written no counts yet"


@pytest.mark.parametrize(
    ("live", "pid", "seconds_old", "says", "why"),
    [
        (True, os.getpid(), 0.5, ("running",), None),
        (True, os.getpid(), -60, ("running",), None),
        (True, os.getpid(), None, ("running",), None),
        (True, os.getpid(), 240.2, ("running", "240 s ago"), NONE_SINCE),
        (True, 77, 0.2, ("ended", "0 s ago"), NONE_EVER),
        (True, 77, None, ("ended",), NONE_EVER),
        (False, 77, 3_600.2, ("ended", "3,600 s ago"), None),
    ],
    ids=[
        "now",
        "clock set back",
        "older version",
        "not since",
        "another's",
        "an old one's",
        "ended",
    ],
)
def test_counts_that_are_not_of_now_say_so(
    data_dir: Path,
    live: bool,
    pid: int,
    seconds_old: float | None,
    says: tuple[str, ...],
    why: str | None,
) -> None:
    """FACTS R-44: what a launcher wrote before its disk failed is not shown as its counts now."""
    lock = acquire(data_dir).unwrap() if live else None
    as_of = counted(data_dir, pid=pid, seconds_old=seconds_old)
    text = here("diag", "bounds", "--data-dir", data_dir).out.splitlines()
    ran = here("diag", "bounds", "--data-dir", data_dir, "--json")
    if lock is not None:
        lock.release()
    state, *ago = says
    told = [line for line in text if line.startswith(("Launcher: process", "Counts:", "Warning:"))]
    assert told == [
        f"Launcher: process {pid}, {state}",
        *(f"Counts: as of {as_of}, {age}" for age in ago),
        *([] if why is None else [f"Warning: these are not the counts of now: {why}"]),
    ]
    report = report_of(ran, schema_in_help("diag", "bounds"))
    assert (report["live"], report["stale"]) == (live, why is not None)
    assert (report["as_of"] or "") == as_of
    assert (report["seconds_old"] is None) == (seconds_old is None)


def test_before_the_first_launcher_there_is_nothing(data_dir: Path) -> None:
    """A directory without counts is no error."""
    ran = here("diag", "bounds", "--data-dir", data_dir)
    assert ran.code == 0
    assert ran.out.endswith("No launcher has run here yet.\n")
    ran = here("diag", "bounds", "--data-dir", data_dir, "--json")
    report = report_of(ran, schema_in_help("diag", "bounds"))
    assert (report["launcher_pid"], report["bounds"], report["counts"]) == (None, [], {})
    assert (report["as_of"], report["seconds_old"], report["stale"]) == (None, None, False)


def test_a_launcher_that_could_not_write_any_is_told(data_dir: Path) -> None:
    """FACTS R-44: a launcher runs, but its disk had no room for counts: that is not 'none yet'."""
    lock = acquire(data_dir).unwrap()
    ran = here("diag", "bounds", "--data-dir", data_dir)
    as_json = here("diag", "bounds", "--data-dir", data_dir, "--json")
    lock.release()
    assert ran.out.endswith("The launcher has written no counts yet.\n")
    report = report_of(as_json, schema_in_help("diag", "bounds"))
    assert (report["live"], report["stale"], report["launcher_pid"]) == (True, True, None)


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"launcher_pid":"x"}'])
def test_a_damaged_file_is_one_line(data_dir: Path, content: bytes) -> None:
    """DESIGN 6: damaged counts are one line: what, where, what to do."""
    counts_path(data_dir).write_bytes(content)
    ran = here("diag", "bounds", "--data-dir", data_dir)
    assert ran.code == 1
    assert f"counts file {counts_path(data_dir)} can't be read" in one_line(ran.err)


def test_a_file_that_cannot_be_opened_is_one_line(data_dir: Path) -> None:
    """DESIGN 6: counts that can't be opened, such as a directory in their place, are one line."""
    counts_path(data_dir).mkdir()
    ran = here("diag", "bounds", "--data-dir", data_dir)
    assert ran.code == 1
    assert "Is a directory: check its permissions" in one_line(ran.err)


def test_a_live_launcher_tells_its_bounds(data_dir: Path) -> None:
    """RELIABILITY 11: a live launcher tells all bounds, with the values that were given."""
    schema = schema_in_help("diag", "bounds")
    with launcher(data_dir, "--no-host", "--bound", "ring-events=7") as running:
        pid = running.process.pid
        beside = report_of(here("diag", "bounds", "--data-dir", data_dir, "--json"), schema)
        while beside["launcher_pid"] is None:
            beside = report_of(here("diag", "bounds", "--data-dir", data_dir, "--json"), schema)
        running.end()
    assert (beside["live"], beside["launcher_pid"], beside["stale"]) == (True, pid, False)
    ran = here("diag", "bounds", "--data-dir", data_dir, "--json")
    report = report_of(ran, schema)
    told = {bound["name"].replace("-", "_"): bound["bound"] for bound in report["bounds"]}
    assert told == msgspec.structs.asdict(Bounds(ring_events=7))
    assert report["counts"]["restarts"] == 0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("lines=1", "'lines=1' names no bound: write NAME=VALUE, NAME one of line-bytes, queue"),
        ("queue_lines=1", "'queue_lines=1' names no bound"),
        ("queue-lines", "'' is no number of lines above 0"),
        ("queue-lines=0", "'0' is no number of lines above 0"),
        (f"line-bytes={2**40 + 1}", "is no number of bytes above 0, up to 1099511627776 (see"),
        ("queue-lines=1.5", "'1.5' is no number of lines above 0"),
        ("write-seconds=nan", "'nan' is no number of seconds above 0"),
    ],
)
def test_a_bad_bound_is_refused(data_dir: Path, text: str, says: str) -> None:
    """DESIGN 6: a usage error, one line."""
    ran = here("run", "--data-dir", data_dir, "--bound", text)
    assert ran.code == 2
    assert says in one_line(ran.err)


def test_values_are_read_by_their_unit() -> None:
    """Counts are whole, seconds may be parts; the last one of a name counts."""
    read = BoundValue().convert
    given = [read(text, None, None) for text in ("write-seconds=0.5", "connections=7")]
    given.append(read("connections=8", None, None))
    assert bounds_of(tuple(given)) == Bounds(write_seconds=0.5, connections=8)
    with pytest.raises(click.BadParameter):
        read("connections=-1", None, None)


def test_every_bound_has_a_meaning_and_reaches_its_part() -> None:
    """One field, one meaning; those of the server and of the reducer are handed on."""
    bounds = Bounds(1, 2, 3, 4.0, 5, 6, waiting_bytes=7)
    assert list(MEANINGS) == list(Bounds.__struct_fields__)
    limits = bounds.limits
    assert (limits.line_bytes, limits.queue_lines, limits.queue_bytes) == (1, 2, 3)
    assert (limits.write_timeout, limits.max_connections) == (4.0, 5)
    assert limits.waiting_bytes == 7
    assert bounds.in_config(Config(frame_expiry_seconds=9)) == Config(6, 9)
