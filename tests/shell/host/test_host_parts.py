"""The host's small parts: its link, its guard, its files and its words."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from returns.result import Failure, Success
from tests.processes import is_running

from saga_core.agentmux.commands import Goodbye, ReportWindowClosed
from saga_shell.host.accounts import Counters, Journal, append_stats, open_journal
from saga_shell.host.console import Console
from saga_shell.host.guard import Guard, guard_sessions
from saga_shell.host.link import MOST_UNSENT, LauncherLink
from saga_shell.host.session import end_session, members


def sleeper(*descriptors: int) -> "subprocess.Popen[bytes]":
    """A process that leads its own session, and holds these descriptors of ours."""
    return subprocess.Popen(["sleep", "1000"], start_new_session=True, pass_fds=descriptors)


def test_a_launcher_that_does_not_read_is_left() -> None:
    """FACTS R-04: what waits to be sent is bounded; beyond it the connection ends, in one line."""

    async def main() -> None:
        ours, theirs = socket.socketpair()
        said: list[str] = []
        with theirs:
            link = LauncherLink(*await asyncio.open_unix_connection(sock=ours), said.append)
            line = ReportWindowClosed("x" * 1024 * 1024)
            for _ in range(MOST_UNSENT // (1024 * 1024) + 1):
                assert said == []
                link.send(line)
            assert said[0].startswith("the launcher does not read: ")
            assert [got async for got in link.lines()] == []
            assert link.ended
            link.send(Goodbye())
            await link.close()

    asyncio.run(main())


def test_a_connection_that_breaks_is_an_end() -> None:
    """A reset is one line and the end of the lines, not an exception."""

    async def main() -> None:
        said: list[str] = []
        with socket.create_server(("127.0.0.1", 0)) as server:
            streams = await asyncio.open_connection(*server.getsockname())
            theirs, _ = server.accept()
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        theirs.close()
        link = LauncherLink(*streams, said.append)
        assert [line async for line in link.lines()] == []
        assert said == ["the connection broke: Connection reset by peer"]
        await link.close()

    asyncio.run(main())


def test_the_guard_ends_what_was_not_forgotten() -> None:
    """RELIABILITY 17: when the pipe ends, the sessions that still live end, and no other."""
    with sleeper() as kept, sleeper() as doomed:
        reading, writing = os.pipe()
        guard = Guard(writing, print)
        for process in (kept, doomed):
            guard.watch(process.pid)
        guard.forget(kept.pid)
        os.close(writing)
        guard_sessions(reading, os.getpid(), orphan_seconds=60)
        assert doomed.wait() < 0
        assert is_running(kept.pid)
        kept.kill()


@pytest.mark.parametrize("launcher", ["dies", "is dead already"])
def test_the_guard_ends_a_host_that_outlives_its_launcher(launcher: str) -> None:
    """RELIABILITY 17: a host that hangs can't notice; it is killed, its pipe and its panes end."""
    reading, writing = os.pipe()
    with sleeper() as launching, sleeper() as pane, sleeper(writing) as host:
        guard = Guard(writing, print)
        guard.watch(pane.pid)
        if launcher == "is dead already":
            end(launching)
        guard.launched_by(launching.pid)
        if launcher == "dies":
            end(launching)
        os.close(writing)
        guard_sessions(reading, host.pid, orphan_seconds=0.1)
        assert host.wait() == -signal.SIGKILL
        assert pane.wait() < 0


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill it, and let its number go."""
    process.kill()
    process.wait()


def test_a_lost_guard_is_noticed() -> None:
    """Somebody ended the guard: one line says what that means, and the host goes on."""
    reading, writing = os.pipe()
    os.close(reading)
    said: list[str] = []
    guard = Guard(writing, said.append)
    guard.watch(1)
    guard.forget(1)
    assert said == [
        "the guard does not listen: should the host be killed, background jobs may live on"
    ]
    os.close(writing)


def test_a_session_is_asked_before_it_is_killed() -> None:
    """A process that SIGHUP ends is gone within the grace; a zombie counts as gone."""

    async def main() -> None:
        with sleeper() as process:
            assert members(process.pid) == (process.pid,)
            assert await end_session(process.pid, 60)
            assert members(process.pid) == ()
            assert process.wait() == -1
            assert await end_session(process.pid, 0)

    asyncio.run(main())


def test_a_journal_that_can_not_be_written_is_counted() -> None:
    """A full disk costs lines, each counted and said; panes live on."""
    counters, said = Counters(), list[str]()
    with Path("/dev/full").open("wb") as full:
        journal = Journal(full.fileno(), counters, said.append)
        journal.pane_started(1, "main")
        journal.pane_gone(1, "main")
    assert counters == Counters(panes_started=1, panes_gone=1, journal_lines_lost=2)
    assert said == ["cannot write the pane journal: No space left on device; one line is lost"] * 2


def test_totals_that_can_not_be_written_are_one_line(tmp_path: Path) -> None:
    """The path and the reason; nothing is raised."""
    trouble = append_stats(tmp_path, Counters(), 0, 0)
    assert trouble == f"cannot write the totals to {tmp_path}: Is a directory"


def test_the_journal_is_appended_to(tmp_path: Path) -> None:
    """A restarted host adds to the file of the one before."""
    path = tmp_path / "journal"
    for pid in (1, 2):
        match open_journal(path):
            case Success(file):
                Journal(file, Counters(), print).pane_started(pid, "main")
                os.close(file)
            case Failure(reason):
                raise AssertionError(reason)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["pid"] for line in lines] == [1, 2]
    assert lines[0] == {
        "event": "pane_started",
        "pid": 1,
        "label": "main",
        "host": os.getpid(),
    }


def test_what_is_said_is_one_line_each() -> None:
    """A label with newlines can't fake a second line, and a closed stream is counted."""
    reading, writing = os.pipe()
    console = Console(writing)
    console.say("one\ntwo\rthree")
    assert os.read(reading, 100) == b"[host] one two three\n"
    os.close(reading)
    console.say("lost")
    assert console.lines_lost == 1
    os.close(writing)


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_a_help_that_finds_no_room_is_one_line(option: str) -> None:
    """DESIGN 6: a full disk is said in one line, and the exit code is not that of a help."""
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-m", "saga_shell.host.main", option]
        ran = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    line = "agentmux-host: can't write to standard output: No space left on device\n"
    assert (ran.returncode, ran.stderr) == (1, line)
