"""How a real host ends, and that no process of a pane outlives it."""

import asyncio
import json
import os
import signal

import pytest
from tests.processes import in_sessions_of, is_running
from tests.shell.host.fake_launcher import (
    HostProcess,
    exit_of,
    fake_launcher,
    stubborn_shell,
    with_command_line_of,
)


async def all_gone(host: HostProcess) -> bool:
    """Whether no shell of that host lives, once each had its chance to end."""
    for pid in host.panes().values():
        await exit_of(pid)
    return not any(map(is_running, host.panes().values()))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_panes_says_goodbye_and_exits_with_0(number: signal.Signals) -> None:
    """FACTS 1.4: a host that is told to end by a signal ends cleanly."""

    async def main() -> None:
        async with fake_launcher() as launcher:
            host, peer = await launcher.ready()
            host.kill(number)
            assert await host.process.wait() == 0
            assert not any(map(is_running, host.panes().values()))
            assert host.panes("pane_gone") == host.panes()
            await peer.at_end()
            assert peer.commands()[-1] == "goodbye"
            await host.says("panes started: 2, gone: 2")

    asyncio.run(main())


def test_the_user_quits() -> None:
    """The action `quit` is a clean end: goodbye, exit code 0, nothing after it is played."""

    async def main() -> None:
        async with fake_launcher() as launcher:
            host, peer = await launcher.ready("--action", "quit; promote")
            assert await host.process.wait() == 0
            await peer.at_end()
            assert peer.commands()[-1] == "goodbye"
            assert "report_pool_window_promoted" not in peer.commands()

    asyncio.run(main())


def test_a_launcher_that_dies_takes_the_panes_along() -> None:
    """RELIABILITY 17: the host notices its connection's end, ends stubborn panes, exits with 1."""

    async def main() -> None:
        async with fake_launcher() as launcher:
            shell = stubborn_shell(launcher.directory)
            host, peer = await launcher.ready("--shell", shell, "--grace", "0.1")
            pids = host.panes().values()
            peer.writer.transport.abort()
            assert await host.process.wait() == 1
            assert [in_sessions_of({pid}) for pid in pids] == [[], []]
            await host.says("ending: the launcher is gone: its connection ended")

    asyncio.run(main())


def test_the_end_of_the_connection_after_quitting_was_announced_is_no_error() -> None:
    """A launcher that told that it is quitting may close: exit code 0."""

    async def main() -> None:
        async with fake_launcher() as launcher:
            host, peer = await launcher.ready()
            peer.send(
                {
                    "event": "lifecycle_phase_changed",
                    "from": "running",
                    "to": "quitting",
                    "version": 9,
                }
            )
            peer.writer.close()
            assert await host.process.wait() == 0

    asyncio.run(main())


@pytest.mark.parametrize("how", ["the host is killed", "the user lets it crash"])
def test_a_killed_host_takes_every_process_of_its_panes_along(how: str) -> None:
    """RELIABILITY 17: after SIGKILL not even jobs that ignore SIGHUP live on."""

    async def main() -> None:
        async with fake_launcher() as launcher:
            host, _ = await launcher.ready("--shell", stubborn_shell(launcher.directory))
            leaders = host.panes().values()
            pids = [pid for leader in leaders for pid in in_sessions_of({leader})]
            assert len(pids) >= 6
            if how == "the host is killed":
                host.kill()
            else:
                host.type("crash")
            assert await host.process.wait() == -signal.SIGKILL
            for pid in pids:
                await exit_of(pid)
            assert host.panes("pane_gone") == {}

    asyncio.run(main())


def test_a_shell_dies_with_its_host_without_the_guard_too() -> None:
    """RELIABILITY 17: with the guard killed first, a shell that ignores SIGHUP still goes."""
    shell = """/bin/sh -c 'trap "" HUP; echo on; while :; do sleep 0.1; done'"""

    async def main() -> None:
        async with fake_launcher() as launcher:
            host, _ = await launcher.ready("--shell", shell)
            (guard,) = set(with_command_line_of(host.pid)) - {host.pid}
            os.kill(guard, signal.SIGKILL)
            await exit_of(guard)
            host.kill()
            assert await all_gone(host)

    asyncio.run(main())


def test_abort_exits_with_its_code() -> None:
    """FACTS 1.4: an abnormal exit code for the supervisor to count, without goodbye."""

    async def main() -> None:
        async with fake_launcher() as launcher:
            host, peer = await launcher.ready()
            host.type("abort 86")
            assert await host.process.wait() == 86
            await peer.at_end()
            assert "goodbye" not in peer.commands()
            assert await all_gone(host)

    asyncio.run(main())


QUIT = {"event": "host_should_quit", "version": 23}
STARTED = {
    "event": "saga_started",
    "saga_id": 43,
    "name": "window_cleanup_cascade",
    "version": 24,
}
COMPLETED = {"event": "saga_completed", "saga_id": 43, "version": 29}


def test_host_should_quit_is_obeyed_after_the_last_saga() -> None:
    """FACTS 2.10, F-42: the host answers the close's saga to its end, then leaves with 0."""

    async def main() -> None:
        async with fake_launcher() as launcher:
            host, peer = await launcher.ready("--linger", "60")
            host.type("close main")
            await peer.got("report_window_closed")
            peer.send(QUIT, STARTED)
            peer.command("reap_panes", label="main", saga_id=43)
            await peer.got("report_panes_reaped", saga_id=43)
            peer.command("drain_pool_if_last", label="main", saga_id=43)
            await peer.got("report_pool_drain_decision", saga_id=43)
            peer.send(COMPLETED)
            assert await host.process.wait() == 0
            await peer.at_end()
            assert peer.commands()[-1] == "goodbye"
            await host.says("ending: host_should_quit")

    asyncio.run(main())


def test_host_should_quit_is_obeyed_at_once_when_no_saga_is_open() -> None:
    """FACTS F-42: without a close there is nothing to wait for."""

    async def main() -> None:
        async with fake_launcher() as launcher:
            host, peer = await launcher.ready("--linger", "60")
            peer.send(QUIT)
            assert await host.process.wait() == 0

    asyncio.run(main())


def test_host_should_quit_does_not_wait_for_ever() -> None:
    """FACTS F-42: a saga that doesn't end holds the host back no longer than `--linger`."""

    async def main() -> None:
        async with fake_launcher() as launcher:
            host, peer = await launcher.ready("--linger", "0.05")
            peer.send(STARTED, QUIT)
            assert await host.process.wait() == 0
            await host.says("ending: host_should_quit; a saga is still open")

    asyncio.run(main())


def test_a_host_in_the_background_stays() -> None:
    """FACTS F-41: it rests without windows and still does what it is asked."""

    async def main() -> None:
        async with fake_launcher() as launcher:
            host, peer = await launcher.ready("--background", "--action", "close main")
            await peer.got("report_host_counts")
            peer.send(QUIT)
            peer.command("spawn_pool_window", saga_id=1)
            await peer.got("report_pool_window_added", saga_id=1)
            assert host.process.returncode is None

    asyncio.run(main())


def test_a_main_window_that_can_not_be_opened_ends_the_host() -> None:
    """FACTS R-21: one line says what is wrong, exit code 1."""

    async def main() -> None:
        async with fake_launcher() as launcher:
            host = await launcher.run("--shell", "false")
            assert await host.process.wait() == 1
            await host.says("no pool window: 'false' ended at once (exit code 1)")
            await host.says("ending: cannot open window 'main': 'false' ended at once")

    asyncio.run(main())


def test_the_totals_are_appended() -> None:
    """DESIGN 5: one JSON line tells that as many panes went as were started."""

    async def main() -> None:
        async with fake_launcher() as launcher:
            stats = launcher.directory / "stats"
            for _ in range(2):
                host, peer = await launcher.ready("--stats", str(stats), "--disable-gpu")
                for _ in range(2):
                    peer.command("spawn_pool_window", saga_id=4)
                await peer.got("report_pool_window_added", saga_id=4, times=2)
                for line in ("promote; close newest", "dance", "close nobody", "quit"):
                    host.type(line)
                assert await host.process.wait() == 0
                await host.says("not done: standard input: unknown action 'dance'")
            first, second = map(json.loads, stats.read_text().splitlines())
            pids = [first.pop("pid"), second.pop("pid")]
            assert pids == [run.pid for run in launcher.hosts]
            assert (
                first
                == second
                == {
                    "panes_started": 3,
                    "panes_gone": 3,
                    "commands": 2,
                    "duplicates": 1,
                    "faults_met": 0,
                    "actions": 4,
                    "actions_refused": 2,
                    "lines_ignored": 0,
                    "journal_lines_lost": 0,
                    "log_lines_lost": 0,
                    "exit_code": 0,
                }
            )

    asyncio.run(main())


def test_a_line_that_is_too_long_ends_the_host() -> None:
    """FACTS R-62: a bound on what is read, met with one line and a clean end of the panes."""

    async def main() -> None:
        async with fake_launcher() as launcher:
            host, peer = await launcher.ready()
            peer.send_raw(b"x" * (17 * 1024 * 1024))
            assert await host.process.wait() == 1
            await host.says("the launcher sent a line of more than 16777216 bytes; leaving it")
            assert await all_gone(host)

    asyncio.run(main())


def test_nobody_listening_to_its_words_does_not_stop_it() -> None:
    """RELIABILITY 17: a launcher that took the host's standard error along is no obstacle."""

    async def main() -> None:
        async with fake_launcher() as launcher:
            host, peer = await launcher.ready()
            transport = host.process._transport  # type: ignore[attr-defined]  # no public way to close one pipe
            transport.get_pipe_transport(2).close()
            peer.writer.transport.abort()
            assert await host.process.wait() == 1
            assert await all_gone(host)

    asyncio.run(main())
