"""The command line as a whole: help, version, usage errors, standard streams."""

import signal
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest
from tests.shell.cli.terminal import PROGRAM, agentmux, here, one_line

from saga_shell.cli.main import cli


def test_help_names_every_command() -> None:
    """DESIGN 6: `--help` shows the commands in their order, on standard output, exit code 0."""
    ran = agentmux("--help")
    commands = [line.split()[0] for line in ran.out.split("Commands:\n")[1].splitlines()]
    named = ["run", "diag", "check", "check-log", "simulate", "demo", "bench"]
    assert (ran.code, ran.err, commands) == (0, "", named)


def test_every_command_can_be_loaded() -> None:
    """DESIGN 6: each command that a group lists has its own help, with its schema for `--json`."""
    diag = (["diag", "sagas"], ["diag", "saga"], ["diag", "wrr"])
    for command in (["run"], *diag, ["simulate"], ["demo"], ["bench"]):
        ran = here(*command, "--help")
        assert ran.code == 0
        assert ran.out.startswith(f"Usage: agentmux-launcher {' '.join(command)} [OPTIONS]")
        assert "With --json, one line of JSON with this schema:" in ran.out


def test_the_version() -> None:
    """DESIGN 7: `--version` is the distribution's."""
    said = f"agentmux-launcher {version('agentmux-launcher')}\n"
    assert here("--version") == (0, said, "")


def test_no_command_shows_the_help() -> None:
    """DESIGN 6: without a command the help tells which there are; exit code 2."""
    for group in ([], ["diag"]):
        ran = here(*group)
        assert (ran.code, ran.out) == (2, "")
        assert "Commands:" in ran.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "No such command 'nonsense'"),
        (["--nonsense"], "No such option"),
        (["diag", "srv"], "No such command 'srv'"),
        (["diag", "sagas"], "Missing option '--data-dir'"),
        (["diag", "sagas", "--data-dir", ""], "the path is empty"),
        (["diag", "sagas", "--data-dir", "d", "--limit", "0"], "'--limit'"),
        (["diag", "sagas", "--data-dir", "d", "--state", "odd"], "'odd' is not one of"),
        (["diag", "saga", "--data-dir", "d"], "Missing argument 'ID'"),
        (["diag", "saga", "0", "--data-dir", "d"], "0 is not in the range x>=1"),
        (["diag", "wrr", "--data-dir", "d", "--seconds", "nan"], "'nan' is no number of seconds"),
        (["run"], "Missing option '--data-dir'"),
        (["run", "--data-dir", "d", "surplus"], "unexpected extra argument"),
        (["run", "--data-dir", "d", "--frame-expiry", "0"], "'0' is no number of seconds"),
        (["run", "--data-dir", "d", "--frame-expiry", "soon"], "'soon' is no number of seconds"),
        (["run", "--data-dir", "d", "--frame-expiry", "1e10"], "up to 1e+09"),
        (["run", "--data-dir", "d", "--saga-timeout", "odd=5"], "'odd=5' names no saga: write"),
        (["run", "--data-dir", "d", "--saga-timeout", "5"], "'5' names no saga"),
        (
            ["run", "--data-dir", "d", "--saga-timeout", "pool_respawn_on_promote"],
            "'' is no number of seconds",
        ),
        (
            ["run", "--data-dir", "d", "--saga-timeout", "window_cleanup_cascade=-1"],
            "'-1' is no number of seconds",
        ),
        (
            ["run", "--data-dir", "d", "--saga-timeout", "window_cleanup_cascade=inf"],
            "'inf' is no number of seconds",
        ),
        (["run", "--data-dir", "d", "--retention-days", "-7"], "'-7' is no number of days"),
        (["run", "--data-dir", "d", "--retention-days", "36501"], "up to 36500"),
        (["run", "--data-dir", "d", "--host-cmd", "'open"], "No closing quotation"),
        (["run", "--data-dir", "d", "--srv-cmd", " "], "the command is empty"),
        (["run", "--data-dir", "d", "--no-host", "--host-cmd", "h"], "exclude each other"),
        (["run", "--data-dir", "d", "--synchronous", "off"], "'off' is not one of"),
        (["run", "--data-dir", "d", "--on-log-failure", "panic"], "'panic' is not one of"),
    ],
)
def test_a_usage_error_is_one_line(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DESIGN 6: what is wrong, in which command, and where to read on: one line, exit code 2."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AGENTMUX_LAUNCHER_PIPE", raising=False)
    ran = here(*arguments)
    line = one_line(ran.err)
    assert (ran.code, ran.out) == (2, "")
    assert line.startswith("agentmux-launcher")
    assert said in line
    assert line.endswith("--help')")
    assert list(tmp_path.iterdir()) == []


def test_a_usage_error_points_to_the_help_of_its_command() -> None:
    """DESIGN 6: what is missing behind an option, or too much, is explained in that help."""
    for arguments, command in (
        (["run", "--data-dir"], "run"),
        (["run", "--no-host=1"], "run"),
        (["diag", "saga", "--data-dir"], "diag saga"),
        (["check", "--capsule"], "check"),
    ):
        assert one_line(here(*arguments).err).endswith(
            f"(see 'agentmux-launcher {command} --help')"
        )


def test_ctrl_c_is_no_traceback(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in a command that only asks ends it with 130 and without a traceback."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("saga_shell.cli.diag.sagas.place_of", interrupted)
    assert here("diag", "sagas", "--data-dir", data_dir) == (128 + signal.SIGINT, "", "\n")


def test_a_bug_keeps_its_traceback(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN 6: what nobody expected is not made into a user's mistake."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("saga_shell.cli.diag.sagas.place_of", broken)
    with pytest.raises(ZeroDivisionError):
        cli.main(["diag", "sagas", "--data-dir", str(data_dir)], standalone_mode=False)


def test_a_standard_error_that_nobody_reads(tmp_path: Path) -> None:
    """A user's mistake keeps its exit code where there is no standard error to say it on."""
    command = [*PROGRAM, "diag", "sagas", "--data-dir", str(tmp_path / "nowhere")]
    closed = ["sh", "-c", 'exec "$@" 2>&-', "sh", *command]
    assert subprocess.run(closed, capture_output=True, check=False).returncode == 1
    with Path("/dev/full").open("wb") as full:
        assert agentmux(*command[len(PROGRAM) :], stderr=full).code == 1
