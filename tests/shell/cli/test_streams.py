"""What a command prints, on whatever its standard output is."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from tests.shell.cli.rows import write_all_kinds
from tests.shell.cli.terminal import (
    PROGRAM,
    agentmux,
    one_line,
    ordinary,
    report_of,
    schema_in_help,
    without_colours,
)


def test_any_path_and_any_encoding(tmp_path: Path) -> None:
    """A directory whose name is no UTF-8, and a terminal without our signs, get a report too."""
    data_dir = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    data_dir.mkdir()
    write_all_kinds(data_dir)
    few_signs = {**ordinary(), "PYTHONIOENCODING": "latin-1"}
    text = agentmux("diag", "sagas", "--data-dir", data_dir, env=few_signs)
    data = agentmux("diag", "sagas", "--data-dir", data_dir, "--json")
    assert text.code == 0
    assert f"Data dir: {tmp_path}/\\udcff" in text.out.splitlines()
    assert "ended=\\u2014" in text.out
    report = report_of(data, schema_in_help("diag", "sagas"))
    assert report["data_dir"] == f"{tmp_path}/\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize("plain", [False, True])
def test_colours_on_a_terminal_only(data_dir: Path, plain: bool) -> None:
    """DESIGN 6: a terminal gets colours around the very text a file gets; NO_COLOR takes them."""
    write_all_kinds(data_dir)
    in_a_file = agentmux("diag", "sagas", "--data-dir", data_dir)
    environment = {**ordinary(), "TERM": "xterm-256color"} | ({"NO_COLOR": "1"} if plain else {})
    ours, theirs = pty.openpty()
    command = [*PROGRAM, "diag", "sagas", "--data-dir", str(data_dir)]
    with subprocess.Popen(
        command, stdout=theirs, stderr=subprocess.DEVNULL, env=environment
    ) as process:
        os.close(theirs)
        shown = b""
        while data := _read(ours):
            shown += data
    os.close(ours)
    on_terminal = shown.decode().replace("\r\n", "\n")
    assert process.returncode == 0
    assert without_colours(on_terminal) == in_a_file.out
    assert ("\x1b[" in on_terminal) is not plain
    assert "\x1b[" not in in_a_file.out


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def test_a_standard_output_that_takes_nothing(data_dir: Path) -> None:
    """A reader that went away ends it quietly; a full disk is one line; a closed one is nothing."""
    write_all_kinds(data_dir)
    reading, writing = os.pipe()
    os.close(reading)
    gone = agentmux("diag", "sagas", "--data-dir", data_dir, "--json", stdout=writing)
    os.close(writing)
    with Path("/dev/full").open("wb") as full:
        filled = agentmux("diag", "sagas", "--data-dir", data_dir, stdout=full)
    command = [*PROGRAM, "diag", "sagas", "--data-dir", str(data_dir)]
    closed = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *command], capture_output=True, check=False
    )
    assert "standard output" not in gone.err
    assert filled.err.splitlines()[-1] == (
        "agentmux-launcher: can't write to standard output: No space left on device"
    )
    assert (gone.code, filled.code, closed.returncode, closed.stdout) == (1, 1, 0, b"")
    assert "Traceback" not in gone.err + filled.err + closed.stderr.decode()
    assert "Exception" not in gone.err + filled.err + closed.stderr.decode()


FULL = "agentmux-launcher: can't write to standard output: No space left on device"


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["diag", "--help"], ["check", "--help"], ["demo"]]
)
def test_a_full_disk_is_one_line(arguments: list[str]) -> None:
    """DESIGN 6: a help, a version and a demo are printed as everything else is: exit code 1."""
    with Path("/dev/full").open("wb") as full:
        ran = agentmux(*arguments, stdout=full)
    assert (ran.code, one_line(ran.err)) == (1, FULL)


PLAYED = """\
import sys
import saga_shell.cli.demo.command as demo
from saga_shell.cli.demo.verdict import Totals
from saga_shell.cli.main import main

async def played(*_):
    return Totals(1, 1, 0, 0, 1, 1, ())

demo._play = played
main(sys.argv[1:])
"""


@pytest.mark.parametrize("arguments", [["demo"], ["demo", "--json"]])
def test_the_end_of_a_demo_on_a_full_disk_is_one_line(arguments: list[str]) -> None:
    """DESIGN 6: its totals are printed as everything else is, for programs too."""
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-c", PLAYED, *arguments]
        ran = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert (ran.returncode, one_line(ran.stderr.decode())) == (1, FULL)


def test_a_standard_error_that_is_full() -> None:
    """DESIGN 6: the help that a missing command gets is lost, its exit code is not."""
    with Path("/dev/full").open("wb") as full:
        assert agentmux(stderr=full) == (2, "", "")
