"""The demo as a person sees it: in a file, on a terminal of 80 columns, and as JSON."""

import json
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
from fcntl import ioctl
from pathlib import Path

import pytest
from tests.shell.cli.terminal import here, one_line

DEMO = (sys.executable, "-P", "-m", "saga_shell", "demo")
PATIENCE_SECONDS = 100
COLUMNS = 80
TRIES = 3
TOTALS = re.compile(
    r"(\d+) sagas started = (\d+) completed \+ (\d+) failed \+ (\d+) recovered; "
    r"(\d+) panes started = (\d+) gone"
)


def on_a_terminal() -> tuple[int, str]:
    """Run the demo on a terminal of 80 columns; its exit code and all that it wrote."""
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color"}
    with subprocess.Popen(
        DEMO, stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    ) as process:
        os.close(theirs)
        written = b""
        while data := read_terminal(ours):
            written += data
        os.close(ours)
        return process.wait(PATIENCE_SECONDS), written.decode()


def read_terminal(terminal: int) -> bytes:
    """What was written next; nothing at the end."""
    try:
        return os.read(terminal, 1 << 16)
    except OSError:
        return b""


@pytest.fixture(scope="module")
def in_a_file(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """A demo whose output is no terminal, on a machine that kept up with its deadlines.

    One that breaks anything is not played again. The present directory has a module with the name
    of one that the launcher imports, which is none of its business.
    """
    directory = tmp_path_factory.mktemp("present")
    (directory / "click.py").write_text("raise SystemExit('the wrong click')")
    done = played(directory)
    for _ in range(TRIES - 1):
        if done.returncode != 0 or " + 2 failed + 2 recovered;" in done.stdout:
            break
        done = played(directory)
    return done


def played(directory: Path) -> subprocess.CompletedProcess[str]:
    """One demo, to its end."""
    return subprocess.run(
        DEMO, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False, cwd=directory
    )


def test_a_file_gets_plain_text(in_a_file: subprocess.CompletedProcess[str]) -> None:
    """The demo keeps every promise, exits 0, and writes no control codes into a file."""
    assert in_a_file.returncode == 0, in_a_file.stdout + in_a_file.stderr
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", in_a_file.stdout)
    assert "broken:" not in in_a_file.stdout
    assert in_a_file.stderr == ""


def test_the_story_is_told(in_a_file: subprocess.CompletedProcess[str]) -> None:
    """Each kind of end is seen: a failing action, a deadline, a killed host, a killed launcher."""
    for words in (
        "failed after",
        "host action failed: no display",
        "saga timeout",
        "recovered after",
        "launcher restarted while saga in state 'running'",
        "$ agentmux-launcher diag sagas",
        "(recovered on restart)",
    ):
        assert words in in_a_file.stdout


def test_the_totals_add_up(in_a_file: subprocess.CompletedProcess[str]) -> None:
    """The last line: started = completed + failed + recovered, panes started = panes gone."""
    found = TOTALS.fullmatch(in_a_file.stdout.splitlines()[-1])
    assert found is not None
    started, completed, failed, recovered, panes_started, panes_gone = map(int, found.groups())
    assert started == completed + failed + recovered
    assert (failed, recovered) == (2, 2)
    assert panes_started == panes_gone > 0


def test_a_narrow_terminal_shows_a_table() -> None:
    """On 80 columns the table has all its columns, whole saga names, and no line wraps."""
    code, written = on_a_terminal()
    assert code == 0, written
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written)
    heads = [line for line in text.splitlines() if re.match(r"\s*id\s+saga\s+state\s+step", line)]
    assert heads
    assert all(words in heads[0] for words in ("age", "waits for"))
    tables = text.split("$ agentmux-launcher diag sagas")[0]
    assert re.search(
        r"\d+\s+pool_respawn_on_promote\s+running\s+1\s+[\d.]+ s\s+host: spawn", tables
    )
    assert all(len(line) <= COLUMNS for line in tables.splitlines())


def test_programs_get_json() -> None:
    """DESIGN 6: with `--json` there is one line with the same totals, and nothing else."""
    done = subprocess.run(
        [*DEMO, "--json"], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    totals = json.loads(done.stdout)
    assert totals["started"] == totals["completed"] + totals["failed"] + totals["recovered"]
    assert totals["panes_started"] == totals["panes_gone"]
    assert totals["broken"] == []


def test_a_place_that_takes_no_demo_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DESIGN 6: no temporary directory, or one with a path too long for a socket: TMPDIR helps."""
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    ran = here("demo")
    assert (ran.code, ran.out) == (2, "")
    assert "bytes, 107 is the limit: set TMPDIR to a shorter path" in one_line(ran.err)
    assert list(long.iterdir()) == []
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    ran = here("demo")
    assert (ran.code, ran.out) == (2, "")
    line = "demo: no temporary directory: No such file or directory: set TMPDIR to one that"
    assert line in one_line(ran.err)
