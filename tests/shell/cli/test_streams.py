"""What a command prints, on whatever its standard output is."""

import os
import pty
import subprocess
from pathlib import Path

import pytest
from tests.shell.cli.rows import write_all_kinds
from tests.shell.cli.terminal import (
    PROGRAM,
    agentmux,
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
