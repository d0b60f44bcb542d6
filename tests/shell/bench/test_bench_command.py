"""`agentmux-launcher bench` as its users have it."""

import errno
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from tests.shell.cli.terminal import PROGRAM, agentmux, here, misfits, one_line, schema_in_help

import saga_shell.cli.bench as command
from saga_shell.bench.failure import BenchFailed
from saga_shell.bench.figures import Run, at_least, at_most
from saga_shell.bench.parts import PARTS
from saga_shell.bench.place import Tell
from saga_shell.bench.sizes import FULL, QUICK, Sizes


def fake_runs(part: str, sizes: Sizes, _directory: Path, tell: Tell) -> list[Run]:
    """As many runs as were asked for, with figures that are known."""
    runs = []
    for number in range(sizes.runs):
        tell(f"{part}: {number}")
        run = Run()
        run.note("fast", 2_000 + number, "sagas/s", at_least(1_000))
        run.note("limit", 1_000, "sagas/s")
        run.compare("fast / limit", "fast", "limit", at_most(0.5))
        runs.append(run)
    return runs


@pytest.fixture
def faked(monkeypatch: pytest.MonkeyPatch) -> list[Sizes]:
    """Nothing is measured; the sizes that were asked for."""
    asked: list[Sizes] = []

    def noted(part: str, sizes: Sizes, directory: Path, tell: Tell) -> list[Run]:
        asked.append(sizes)
        return fake_runs(part, sizes, directory, tell)

    monkeypatch.setattr(command, "runs_of", noted)
    return asked


def test_the_json_fits_its_schema(faked: list[Sizes]) -> None:
    """DESIGN 6: one line per part with figures, ratios and machine, as the help's schema says."""
    ran = here("bench", "--json", "log", "memory", "--runs", "3")
    assert (ran.code, ran.err, len(faked)) == (0, "", 2)
    schema = schema_in_help("bench")
    reports = [json.loads(line) for line in ran.out.splitlines()]
    assert [report["part"] for report in reports] == ["log", "memory"]
    for report in reports:
        assert list(report) == ["part", "figures", "ratios", "machine"]
        assert misfits(report, schema, schema) == []
        assert report["figures"]["fast"] == {
            "median": 2_001.0,
            "low": 2_000.0,
            "high": 2_002.0,
            "unit": "sagas/s",
            "goal": "≥ 1000",
            "met": True,
        }
        assert report["ratios"]["fast / limit"]["met"] is False
        assert report["machine"]["cores"] == len(os.sched_getaffinity(0))


def test_the_tables(faked: list[Sizes]) -> None:
    """DESIGN 6: people see the machine, then each figure with its range, its unit and its goal."""
    ran = here("bench", "log", "--runs", "3")
    machine, title, *_ = ran.out.splitlines()
    assert (ran.code, ran.err, len(faked)) == (0, "", 1)
    assert "cores, load" in machine
    assert title.strip() == "log"
    rows = [line.split() for line in ran.out.splitlines()]
    assert ["fast", "2,001", "2,000-2,002", "sagas/s", "≥", "1000", "met"] in rows
    assert ["limit", "1,000", "1,000-1,000", "sagas/s"] in rows
    assert ["fast", "/", "limit", "2.00", "2.00-2.00", "≤", "0.5", "missed"] in rows


def test_all_parts_and_the_sizes(faked: list[Sizes]) -> None:
    """Without a part all are measured; options change the sizes, `--quick` makes them small."""
    assert here("bench", "--json").out.count("\n") == len(PARTS)
    assert faked == [FULL] * len(PARTS)
    faked.clear()
    here("bench", "log", "--quick", "--runs", "1", "--in-flight", "9", "--in-flight", "3")
    (sizes,) = faked
    assert (sizes.runs, sizes.in_flight, sizes.others) == (1, (3, 9), (3, 9))
    assert sizes.held == QUICK.held


def test_what_cannot_be_measured_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DESIGN 6: a disk that is full, or a launcher that doesn't start, is one line and code 1."""

    def full(*_: object) -> list[Run]:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(command, "runs_of", full)
    ran = here("bench", "log", "--json", "--dir", tmp_path)
    assert (ran.code, one_line(ran.err)) == (
        1,
        f"agentmux-launcher: bench log: {tmp_path}: No space left on device: see --dir",
    )

    def broken(*_: object) -> list[Run]:
        raise BenchFailed("the launcher hung up")

    monkeypatch.setattr(command, "runs_of", broken)
    ran = here("bench", "log", "--json")
    assert (ran.code, one_line(ran.err)) == (
        1,
        "agentmux-launcher: bench log: the launcher hung up",
    )


def test_a_directory_that_takes_no_files_is_a_usage_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, faked: list[Sizes]
) -> None:
    """DESIGN 6: a missing one, a file, a machine without any: one line, code 2, and no work."""
    regular = tmp_path / "regular"
    regular.touch()
    for place, problem in (
        (tmp_path / "nowhere", "No such file or directory"),
        (regular, "Not a directory"),
    ):
        ran = here("bench", "log", "--json", "--dir", place)
        assert (ran.code, ran.out) == (2, "")
        assert one_line(ran.err) == f"agentmux-launcher: bench: {place}: {problem}: see --dir"

    def none() -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    monkeypatch.setattr(command, "gettempdir", none)
    ran = here("bench", "log")
    line = "agentmux-launcher: bench: No usable temporary directory found: see --dir"
    assert (ran.code, ran.out, one_line(ran.err)) == (2, "", line)
    assert faked == []


def test_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    """DESIGN 6: Ctrl-C, and SIGTERM, in a measurement end its processes and remove its files."""
    for number in (signal.SIGINT, signal.SIGTERM):
        arguments = ["bench", "socket", "--quick", "--json", "--dir", str(tmp_path)]
        with subprocess.Popen(
            [*PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            while not [*tmp_path.glob("*/*/lock"), *tmp_path.glob("*/*/db")]:
                assert process.poll() is None
                time.sleep(0.01)
            process.send_signal(number)
            out, err = process.communicate(timeout=60)
        assert (process.returncode, out, err.strip()) == (130, b"", b"")
        assert list(tmp_path.iterdir()) == []


def test_a_real_measurement() -> None:
    """The command as a process: one small part, from its first line to its last table."""
    ran = agentmux("bench", "--quick", "--runs", "1", "--in-flight", "2", "log")
    assert (ran.code, ran.err) == (0, "")
    assert "log_full_2 / W_2" in ran.out
