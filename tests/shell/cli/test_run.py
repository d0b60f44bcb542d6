"""`run` from the outside: what it prints, how it ends, what it refuses."""

import os
import pty
import re
import shlex
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from tests.shell.cli.rows import completed_respawn, opened_cleanup, write
from tests.shell.cli.terminal import (
    PATIENCE_SECONDS,
    PROGRAM,
    agentmux,
    here,
    launcher,
    one_line,
    report_of,
    schema_in_help,
)

from saga_core import Config
from saga_shell.cli.main import main
from saga_shell.launcher.options import Exit, Options
from saga_shell.log import acquire, current_path

pytestmark = pytest.mark.usefixtures("runtime_dir")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_cleanly(data_dir: Path, number: signal.Signals) -> None:
    """DESIGN 6: one line on standard output; these signals end it with 0, its socket gone."""
    with launcher(data_dir, "--no-host") as running:
        assert running.line.startswith(f"listening on {os.environ['XDG_RUNTIME_DIR']}/agentmux/")
        assert running.socket.is_socket()
        ran = running.end(number)
    assert (ran.code, ran.out) == (0, running.line)
    assert "Traceback" not in ran.err
    assert not running.socket.exists()


def test_a_terminal_that_is_closed_ends_it_cleanly(data_dir: Path) -> None:
    """DESIGN 6: exit code 0, the socket gone, though standard error takes nothing any more."""
    ours, theirs = pty.openpty()
    on_terminal = ["sh", "-c", 'exec "$@" <"$0" >"$0" 2>&1', os.ttyname(theirs)]
    command = [*on_terminal, *PROGRAM, "run", "--no-host", "--data-dir", str(data_dir)]
    with subprocess.Popen(command, start_new_session=True) as process:
        with os.fdopen(ours) as terminal:
            line = next(line for line in terminal if line.startswith("listening on "))
            os.close(theirs)
        assert process.wait(PATIENCE_SECONDS) == 0
    assert not Path(line.removeprefix("listening on ").rstrip()).exists()


@pytest.mark.parametrize("handler", [signal.SIG_IGN, signal.SIG_DFL])
def test_nohup_keeps_it_from_hearing_a_hangup(data_dir: Path, handler: signal.Handlers) -> None:
    """DESIGN 6: what whoever starts it has ignored stays ignored, and it says so in its help."""
    before = signal.signal(signal.SIGHUP, handler)
    try:
        with launcher(data_dir, "--no-host") as running:
            status = Path(f"/proc/{running.process.pid}/status").read_text()
            assert running.end().code == 0
    finally:
        signal.signal(signal.SIGHUP, before)
    (mask,) = re.findall("SigIgn:\t([0-9a-f]+)", status)
    assert bool(int(mask, 16) & 1 << (signal.SIGHUP - 1)) is (handler is signal.SIG_IGN)
    assert "stays ignored under nohup" in here("run", "--help").out


def test_it_says_in_json_where_it_listens(data_dir: Path, tmp_path: Path) -> None:
    """DESIGN 6: with `--json` the line is an object, as the help's schema says."""
    socket = tmp_path / "chosen socket"
    with launcher(data_dir, "--no-host", "--json", "--socket", socket) as running:
        ran = running.end()
    assert running.line == f'{{"listening": "{socket}"}}\n'
    assert report_of(ran, schema_in_help("run")) == {"listening": str(socket)}


def test_it_supervises_the_reference_host(data_dir: Path, tmp_path: Path) -> None:
    """DESIGN 6: by default the reference host runs, whatever modules the present directory has.

    A host that a busy machine keeps from ending within 1.5 s is killed, and says nothing any more.
    """
    (tmp_path / "click.py").write_text("raise SystemExit('the wrong click')")
    ends = (last_words_of_the_host(data_dir, tmp_path) for _ in range(5))
    assert "[host] panes started:" in next(end for end in ends if "and is killed" not in end)


def last_words_of_the_host(data_dir: Path, directory: Path) -> str:
    """What is said at the end of a launcher with its default host, after its window is open."""
    reading, writing = os.pipe()
    command = [sys.executable, "-P", "-m", "saga_shell", "run", "--data-dir", str(data_dir)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=writing, cwd=directory
    ) as process:
        os.close(writing)
        with os.fdopen(reading) as said:
            for line in said:
                if "window 'main' is open" in line:
                    break
            process.terminate()
            rest = said.read()
        assert process.wait(PATIENCE_SECONDS) == 0
    return rest


def test_the_hosts_clean_end_ends_it(data_dir: Path) -> None:
    """DESIGN 7: a host that ends cleanly ends the launcher with 0, also one that the user named."""
    with launcher(data_dir, "--host-cmd", "sh -c 'exit 0'") as running:
        assert running.process.wait(PATIENCE_SECONDS) == 0


def test_a_second_launcher_is_refused(data_dir: Path, tmp_path: Path) -> None:
    """FACTS R-49: on the same data directory one line with the other's pid, exit code 2."""
    with launcher(data_dir, "--no-host") as running:
        other = tmp_path / "other.sock"
        second = agentmux("run", "--no-host", "--data-dir", data_dir, "--socket", other)
        assert (second.code, second.out) == (2, "")
        assert f"another launcher (pid {running.process.pid}) runs" in one_line(second.err)
        assert running.end().code == 0


def make_damaged(log: Path) -> None:
    """A file that is no database."""
    log.write_bytes(b"no database at all" * 100)


def make_newer(log: Path) -> None:
    """A log of a later version."""
    with closing(sqlite3.connect(log)) as connection:
        connection.execute("PRAGMA user_version = 99")


@pytest.mark.parametrize("spoil", [make_damaged, make_newer])
def test_a_log_that_cannot_be_read(data_dir: Path, spoil: Callable[[Path], None]) -> None:
    """DESIGN 7, FACTS R-45: a damaged or newer log is exactly one line, exit code 3."""
    spoil(write(data_dir, *completed_respawn(1)))
    ran = agentmux("run", "--no-host", "--data-dir", data_dir)
    assert (ran.code, ran.out) == (3, "")
    assert str(current_path(data_dir)) in one_line(ran.err)


def test_a_start_up_that_fails_is_one_line(data_dir: Path, tmp_path: Path) -> None:
    """DESIGN 7: a directory that can't be, a socket's path in use, a host that doesn't start.

    The last one fails after the log was recovered, which would have been worth a line of its own.
    """
    regular, unstartable = tmp_path / "regular", tmp_path / "unstartable"
    regular.touch()
    unstartable.write_text("#!/nonexistent/interpreter\n")
    unstartable.chmod(0o755)
    write(data_dir, *opened_cleanup(1))
    failed = {
        "regular is no directory": ["--no-host", "--data-dir", regular],
        "is no socket": ["--no-host", "--data-dir", data_dir, "--socket", regular],
        "can't start the srv": ["--no-host", "--data-dir", data_dir, "--srv-cmd", "/missing"],
        "can't start the host": ["--data-dir", data_dir, "--host-cmd", unstartable],
    }
    for said, options in failed.items():
        ran = agentmux("run", *options)
        assert (ran.code, ran.out) == (2, "")
        assert said in one_line(ran.err)


def test_what_the_start_up_had_to_say_comes_later(data_dir: Path) -> None:
    """Nothing is lost of a start-up that succeeds: its warnings come once it listens."""
    write(data_dir, *opened_cleanup(1))
    config = Path(os.environ["HOME"], ".agentmux", "config.toml")
    config.parent.mkdir()
    config.write_text("[saga.launcher]\nretention_days = -1\n")
    with launcher(data_dir, "--no-host") as running:
        said = running.end().err
    assert f"[launcher] WARNING {config}: retention_days is no number above 0" in said
    assert "[launcher] WARNING 1 saga(s) were in flight when the last run died" in said


def test_a_bug_brings_out_what_was_held_back(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """DESIGN 6: an exception that nobody expected is no start-up failure: all is said."""

    async def launch(*_: object) -> Exit:
        raise ZeroDivisionError

    monkeypatch.setattr("saga_shell.cli.run.launch", launch)
    config = Path(os.environ["HOME"], ".agentmux")
    config.mkdir()
    (config / "config.toml").write_text("[")
    with pytest.raises(ZeroDivisionError):
        main(["run", "--no-host", "--data-dir", str(data_dir)])
    assert "config.toml: " in capfd.readouterr().err


@pytest.mark.parametrize("closed", [False, True])
def test_a_standard_output_that_takes_nothing(data_dir: Path, closed: bool) -> None:
    """The launcher goes on if nobody reads its line: no traceback, and the line isn't elsewhere."""
    reading, writing = os.pipe()
    stderr_of, stderr = os.pipe()
    os.close(reading)
    shell = ["sh", "-c", 'exec "$@" >&-', "sh"] if closed else []
    command = [*shell, *PROGRAM, "run", "--no-host", "--data-dir", str(data_dir)]
    with subprocess.Popen(command, stdout=writing, stderr=stderr) as process:
        os.close(writing)
        os.close(stderr)
        with os.fdopen(stderr_of) as said:
            lines = [said.readline()]
            while not closed and "nobody was told where we listen" not in lines[-1]:
                lines.append(said.readline())
            process.terminate()
            lines += said.readlines()
        assert process.wait(PATIENCE_SECONDS) == 0
    said_on_stderr = "".join(lines)
    assert "Traceback" not in said_on_stderr
    assert ("nobody was told" in said_on_stderr) is not closed
    assert "listening on" not in (data_dir / "db" / "launcher-sagas.lock").read_text()


def test_what_the_options_mean(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN 6: each option reaches the launcher; the defaults are those of the table."""
    given: list[Options] = []

    async def launch(options: Options, announce: Callable[[Path], None], _: object) -> Exit:
        given.append(options)
        announce(Path("somewhere"))
        return Exit(0)

    monkeypatch.setattr("saga_shell.cli.run.launch", launch)
    monkeypatch.setattr("saga_shell.cli.run._write_line", lambda _: None)
    everything = (
        "--socket s --host-cmd 'host --pool 2' --srv-cmd srv --frame-expiry 2.5"
        " --saga-timeout pool_respawn_on_promote=1 --saga-timeout window_cleanup_cascade=2"
        " --saga-timeout pool_respawn_on_promote=3 --synchronous normal --on-log-failure stop"
        " --retention-days 0.25"
    )
    assert here("run", "--data-dir", data_dir).code == 0
    assert here("run", "--data-dir", data_dir, *shlex.split(everything)).code == 0
    assert here("run", "--data-dir", data_dir, "--no-host").code == 0
    default, full, alone = given
    assert default == Options(
        data_dir,
        full.version,
        host_command=(sys.executable, "-P", "-m", "saga_shell.host.main"),
        synchronous="full",
        on_log_failure="continue",
        retention_days=7.0,
    )
    assert (default.config, alone.host_command) == (Config(), None)
    assert (full.socket, full.host_command, full.srv_command) == (
        Path("s"),
        ("host", "--pool", "2"),
        ("srv",),
    )
    assert full.config.frame_expiry_seconds == 2.5
    assert full.config.timeouts["pool_respawn_on_promote"] == 3.0
    assert full.config.timeouts["window_cleanup_cascade"] == 2.0
    assert (full.synchronous, full.on_log_failure, full.retention_days) == ("normal", "stop", 0.25)


def test_a_user_without_a_home(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FACTS 1.4: where there is no home directory there is no configuration file either."""
    given: list[float] = []

    async def launch(options: Options, *_: object) -> Exit:
        given.append(options.retention_days)
        return Exit(0)

    def homeless() -> Path:
        raise RuntimeError("no home")

    monkeypatch.setattr("saga_shell.cli.run.launch", launch)
    monkeypatch.setattr(Path, "home", homeless)
    assert here("run", "--data-dir", data_dir).code == 0
    assert given == [7.0]


def test_how_a_run_ended(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN 7: the exit code and the one line are those of the end, whatever it was."""
    ends = iter([Exit(4, "the disk\nfailed"), Exit(9, "the host ended with code 9 too often")])

    async def launch(*_: object) -> Exit:
        return next(ends)

    monkeypatch.setattr("saga_shell.cli.run.launch", launch)
    assert here("run", "--data-dir", data_dir) == (4, "", "agentmux-launcher: the disk failed\n")
    assert here("run", "--data-dir", data_dir).code == 9


def test_the_lock_is_free_after_a_failed_start(data_dir: Path) -> None:
    """DESIGN 5: what a failed start-up took is given back, so the next attempt can have it."""
    ran = here("run", "--data-dir", data_dir, "--host-cmd", "/nonexistent/host")
    assert ran.code == 2
    acquire(data_dir).unwrap().release()
