"""`run --bound` and `diag bounds`: what may be written, and what people read."""

from pathlib import Path

import click
import msgspec
import pytest
from tests.shell.cli.terminal import here, launcher, one_line, report_of, schema_in_help

from saga_core import Config
from saga_shell.cli.bound import BoundValue, bounds_of
from saga_shell.launcher.bounds import MEANINGS, Bounds
from saga_shell.launcher.counts import Counts, Met, counts_path

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


def counted(data_dir: Path) -> Counts:
    """The counts of a launcher that has ended."""
    met = (Met("line_bytes", 1_048_576, 3), Met("write_seconds", 2.5, 0), Met("of_later", 1, 9))
    counts = Counts(77, met, {"lines_in": 12, "commands_sent_again": 1})
    counts_path(data_dir).write_bytes(msgspec.json.encode(counts))
    return counts


def test_people_read_a_table(data_dir: Path) -> None:
    """RELIABILITY 11: every bound with its value, how often it was met, and what that means."""
    counted(data_dir)
    ran = here("diag", "bounds", "--data-dir", data_dir)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == READ.format(data_dir=data_dir)


def test_programs_read_json(data_dir: Path) -> None:
    """DESIGN 6: the same facts, as the help's schema says; a later program's bound is left out."""
    counted(data_dir)
    ran = here("diag", "bounds", "--data-dir", data_dir, "--json")
    report = report_of(ran, schema_in_help("diag", "bounds"))
    assert report == {
        "data_dir": str(data_dir),
        "live": False,
        "launcher_pid": 77,
        "bounds": [
            {"name": "line-bytes", "bound": 1_048_576, "unit": "bytes", "times": 3},
            {"name": "write-seconds", "bound": 2.5, "unit": "seconds", "times": 0},
        ],
        "counts": {"lines_in": 12, "commands_sent_again": 1},
    }


def test_before_the_first_launcher_there_is_nothing(data_dir: Path) -> None:
    """A directory without counts is no error."""
    ran = here("diag", "bounds", "--data-dir", data_dir)
    assert ran.code == 0
    assert ran.out.endswith("No launcher has run here yet.\n")
    ran = here("diag", "bounds", "--data-dir", data_dir, "--json")
    report = report_of(ran, schema_in_help("diag", "bounds"))
    assert (report["launcher_pid"], report["bounds"], report["counts"]) == (None, [], {})


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
    with launcher(data_dir, "--no-host", "--bound", "ring-events=7") as running:
        running.end()
    ran = here("diag", "bounds", "--data-dir", data_dir, "--json")
    report = report_of(ran, schema_in_help("diag", "bounds"))
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
