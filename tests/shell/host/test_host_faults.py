"""Faults on request and the places where actions come from, with a real host."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.processes import is_running
from tests.shell.host.fake_launcher import exit_of, fake_launcher

from saga_shell.host.main import main as main_command


def test_fail_is_answered_with_its_reason_and_nothing_is_done() -> None:
    """FACTS R-21: the second spawn alone is refused; the others are carried out."""

    async def main() -> None:
        async with fake_launcher() as launcher:
            host, peer = await launcher.host(
                "--no-main", "--pool", "0", "--fault", "spawn_pool_window:fail=no room@2"
            )
            for saga_id in (1, 2, 3):
                peer.command("spawn_pool_window", saga_id=saga_id)
            await peer.got("report_pool_window_added", saga_id=1)
            await peer.got("report_pool_window_added", saga_id=3)
            assert peer.all("report_saga_action_failed") == [
                {"cmd": "report_saga_action_failed", "saga_id": 2, "reason": "no room"}
            ]
            assert len(host.panes()) == 2

    asyncio.run(main())


def test_delay_and_ignore_leave_the_other_commands_alone() -> None:
    """A slow command and one without an answer hold nobody else up."""

    async def main() -> None:
        async with fake_launcher() as launcher:
            faults = "reap_panes:delay=3600; probe_ui_thread:ignore@1"
            host, peer = await launcher.ready(env={"AGENTMUX_HOST_FAULTS": faults})
            peer.command("reap_panes", label="main", saga_id=1)
            peer.command("probe_ui_thread", nonce=1)
            await peer.alive(2)
            assert not peer.all("report_ui_thread_alive", nonce=1)
            assert not peer.all("report_panes_reaped")
            assert is_running(host.panes()["main"])
            host.kill(signal.SIGTERM)
            assert await host.process.wait() == 0

    asyncio.run(main())


def test_a_fault_can_be_set_while_the_host_runs() -> None:
    """A fault that comes as an action counts from then on; crash ends the host with SIGKILL."""

    async def main() -> None:
        async with fake_launcher() as launcher:
            host, peer = await launcher.ready()
            peer.command("spawn_pool_window", saga_id=1)
            await peer.got("report_pool_window_added", saga_id=1)
            host.type("fault spawn_pool_window:crash@1")
            await host.says("SetFault")
            peer.command("spawn_pool_window", saga_id=2)
            assert await host.process.wait() == -signal.SIGKILL
            assert not peer.all("report_pool_window_added", saga_id=2)
            for pid in host.panes().values():
                await exit_of(pid)

    asyncio.run(main())


def test_abort_ends_the_host_with_the_code_that_the_fault_names() -> None:
    """FACTS 1.4: a fault can bring about any exit code."""

    async def main() -> None:
        async with fake_launcher() as launcher:
            host, peer = await launcher.ready("--fault", "drain_pool_if_last:abort=86")
            peer.command("drain_pool_if_last", label="main", saga_id=2)
            assert await host.process.wait() == 86

    asyncio.run(main())


def test_the_next_host_goes_on_reading_the_control_pipe() -> None:
    """Actions for a host that restarts: what is written while none reads waits for the next."""

    async def main() -> None:
        async with fake_launcher() as launcher:
            pipe = launcher.directory / "control"
            os.mkfifo(pipe)
            held = os.open(pipe, os.O_RDWR)
            env = {"AGENTMUX_HOST_CONTROL": str(pipe)}
            first, peer = await launcher.ready(env=env)
            os.write(held, b"promote\ncrash\n")
            assert await first.process.wait() == -signal.SIGKILL
            assert peer.all("report_pool_window_promoted")
            os.write(held, b"close main\n")
            _, peer = await launcher.ready(env=env)
            await peer.got("report_window_closed", label="main")
            os.close(held)

    asyncio.run(main())


def test_a_scenario_file_then_actions_then_a_file_as_standard_input() -> None:
    """All sources of actions are played; a file or a device as standard input simply ends."""

    async def main() -> None:
        async with fake_launcher() as launcher:
            scenario = launcher.directory / "scenario"
            scenario.write_text("# warm up\nrepeat 2 fill; wait 0\n")
            typed = launcher.directory / "typed"
            typed.write_text("fill\nfill\n")
            options = ("--scenario", str(scenario), "--action", "fill", "--stdin")
            with typed.open("rb") as file:
                host = await launcher.run("--pool", "0", *options, stdin=file.fileno())
            peer = await launcher.peers.get()
            await peer.got("report_pool_window_added", times=5)
            host.kill(signal.SIGTERM)
            await host.process.wait()
            host = await launcher.run("--stdin", stdin=asyncio.subprocess.DEVNULL)
            peer = await launcher.peers.get()
            await peer.got("report_window_opened")

    asyncio.run(main())


def test_a_pipe_as_standard_input_may_end() -> None:
    """The end of standard input is no action; a line that is too long is dropped in one line."""

    async def main() -> None:
        async with fake_launcher() as launcher:
            reading, writing = os.pipe()
            host = await launcher.run("--stdin", "--pool", "0", stdin=reading)
            os.close(reading)
            peer = await launcher.peers.get()
            await peer.got("report_window_opened")
            await asyncio.to_thread(os.write, writing, b"x" * 70_000 + b"\nfill\nfi")
            os.write(writing, b"ll")
            os.close(writing)
            await peer.got("report_pool_window_added", times=2)
            await host.says("dropped an action line that is too long")
            await peer.alive(1)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ("", "no socket; give --socket PATH or set AGENTMUX_LAUNCHER_PIPE"),
        ("--pol 1", "No such option '--pol'"),
        ("--socket s --grace nan", "'nan' is not a number of seconds"),
        ("--socket s --shell /no/such", "there is no such program"),
        ('--socket s --shell "\'"', "No closing quotation"),
        ("--socket s --fault dance:crash", "unknown command 'dance'"),
        ("--socket s --scenario scenario", "scenario:3: repeat needs a whole number"),
        ("--socket s --scenario binary", "the scenario binary is not UTF-8 text"),
        ("--socket s --scenario none", "cannot read the scenario none: No such file"),
        ("--socket s --action 'clse main'", "--action:1: unknown action 'clse'"),
        ("--socket s --control none", "cannot open the control pipe none: No such file"),
        ("--socket s --control scenario", "not a named pipe; make one with `mkfifo scenario`"),
        ("--socket s --pane-journal .", "cannot open the pane journal .: Is a directory"),
    ],
)
def test_a_user_error_is_one_line_and_exit_code_2(
    arguments: str, part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each mistake on the command line: what, where, what to do."""
    monkeypatch.chdir(tmp_path)
    Path("scenario").write_text("promote\n\nrepeat many promote\n")
    Path("binary").write_bytes(b"\xff\xfe")
    run = CliRunner().invoke(main_command, arguments, env={"AGENTMUX_LAUNCHER_PIPE": None})
    assert run.exit_code == 2
    assert len(run.stderr.splitlines()) == 1
    assert run.stderr.startswith("agentmux-host: ")
    assert part in run.stderr


@pytest.mark.parametrize(
    ("socket", "part"),
    [("/nowhere/s", "No such file or directory"), ("x" * 200, "AF_UNIX path too long")],
)
def test_no_launcher_is_one_line_and_exit_code_2(socket: str, part: str) -> None:
    """A socket that nobody listens on: which one, why, and what to do."""
    run = subprocess.run(
        [sys.executable, "-m", "saga_shell.host.main", "--socket", socket],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2
    assert run.stderr == (
        f"agentmux-host: cannot connect to the launcher at {socket}: {part}; "
        "is `agentmux-launcher run` running?\n"
    )
