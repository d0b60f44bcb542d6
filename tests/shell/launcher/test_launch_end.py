"""How a launcher ends: in which order, with which code, and that nothing of it is left."""

import asyncio
import errno
import gc
import json
import logging
import os
import sqlite3
import sys
import threading
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import pytest
from returns.result import Failure, Success
from tests.shell.launcher.launches import Launched, Place
from tests.shell.launcher.parts import PATIENCE_SECONDS, Client, Watch, appears, poll

from saga_core.agentmux import Mirror
from saga_core.engine import (
    ConnectionClosed,
    Effect,
    Event,
    RecoveryRequested,
    ShutdownRequested,
    State,
)
from saga_shell.ipc import Listener, Server, System
from saga_shell.launcher import launch as module
from saga_shell.launcher.bounds import Bounds
from saga_shell.launcher.options import Exit
from saga_shell.log import LogError, LogOptions, SagaLog, backlog
from saga_shell.log.statements import Batch

FOR_EVER = ("/bin/sh", "-c", "exec sleep 1000")


@pytest.fixture
def place(short_dir: Path) -> Place:
    """Where the launchers of a test live."""
    return Place(short_dir)


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run a test's coroutine, and see that it leaves no child behind."""
    asyncio.run(main)
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def open_files() -> list[str]:
    """What our descriptors are open on; sockets and pipes by their kind only."""
    gc.collect()
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found.append(str(entry.readlink()).partition(":[")[0])
        except FileNotFoundError:
            continue
    return sorted(found)


async def settled(client: Client) -> None:
    """Wait until all that was said before is done."""
    client.say(cmd="ping", nonce=2**64 - 1)
    await client.until(event="pong", nonce=2**64 - 1)


def test_nothing_is_left_of_a_launcher(place: Place) -> None:
    """FACTS 1.4: no task, thread, descriptor, socket, child or lock outlives a clean end."""
    files = open_files()
    threads = set(threading.enumerate())

    async def main() -> None:
        async with place.launched(host_command=FOR_EVER, srv_command=FOR_EVER) as it:
            tools = [await it.client("tool", pid) for pid in range(1, 6)]
            tools[0].say_bytes(b"garbage\n")
            await tools[0].until(event="error")
            assert await it.end() == Exit(0)
            for tool in tools:
                await tool.until_end()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(main())
    poll(lambda: set(threading.enumerate()) <= threads)
    assert open_files() == files
    assert not place.socket.exists()
    assert sorted(path.name for path in place.data_dir.rglob("*")) == [
        "db",
        "launcher-counts.json",
        "launcher-events.log",
        "launcher-sagas.db",
        "launcher-sagas.lock",
    ]


WITNESS = """
import json, os, signal, socket, sqlite3, sys
peer = socket.socket(socket.AF_UNIX)
peer.connect(os.environ["AGENTMUX_LAUNCHER_PIPE"])
peer.sendall(b'{"cmd":"register","kind":"tool","pid":1,"version":"1"}\\n')
heard = b""
def testify(*_):
    global heard
    peer.setblocking(False)
    try:
        while data := peer.recv(65536):
            heard += data
    except BlockingIOError:
        pass
    rows = sqlite3.connect(sys.argv[1]).execute("SELECT state, failure_reason FROM launcher_saga")
    ends = [line for line in map(json.loads, heard.splitlines()) if line["event"] == "saga_failed"]
    with open(sys.argv[2], "w") as out:
        out.write(json.dumps({"rows": rows.fetchall(), "heard": ends}) + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, testify)
while b'"registered"' not in heard:
    heard += peer.recv(65536)
open(sys.argv[2] + ".up", "w").write("up\\n")
while True:
    signal.pause()
"""


def test_sagas_end_before_any_process_is_told_to_end(place: Place, short_dir: Path) -> None:
    """FACTS 1.4, R-16: a child's SIGTERM finds `launcher shutting down` on bus and in the log."""
    (short_dir / "witness.py").write_text(WITNESS)
    out = short_dir / "testimony"
    witness = (sys.executable, str(short_dir / "witness.py"), str(place.log), str(out))

    async def main() -> None:
        async with place.launched(srv_command=witness) as it:
            await appears(out.with_name("testimony.up"))
            host = await it.client("host")
            for label in ("a", "b", "c"):
                host.say(cmd="report_pool_window_promoted", label=label)
            await host.until(event="saga_started", saga_id=3)
            assert await it.end() == Exit(0)
            for saga_id in (1, 2, 3):
                failed = await host.until(event="saga_failed", saga_id=saga_id)
                assert failed["reason"] == "launcher shutting down"
            await host.until_end()

    run(main())
    testimony = json.loads(out.read_text())
    assert testimony["rows"] == [["failed", "launcher shutting down"]] * 3
    heard = [(line["saga_id"], line["reason"]) for line in testimony["heard"]]
    assert heard == [(saga_id, "launcher shutting down") for saga_id in (1, 2, 3)]


def test_a_host_that_ends_cleanly_ends_the_launcher_with_0(place: Place) -> None:
    """DESIGN 7: and the sagas in flight end as those of any shutdown."""

    async def main() -> None:
        host = ("/bin/sh", "-c", "exit 0")
        assert await place.launch_and_wait(host_command=host) == Exit(0)

    run(main())


def test_a_host_that_crashes_four_times_ends_the_launcher_with_its_code(place: Place) -> None:
    """FACTS 1.4: 3 restarts in 60 s; the launcher's code is the host's, and one line says why."""

    async def main() -> None:
        ended = await place.launch_and_wait(host_command=("/bin/sh", "-c", "exit 7"))
        assert ended == Exit(7, "the host ended with code 7 too often: see its output")

    run(main())


def test_the_event_log_the_ring_and_the_bus_tell_the_same(place: Place) -> None:
    """FACTS F-12, R-55, R-56: under load, file, replay and subscribers agree byte for byte."""

    async def main() -> list[bytes]:
        async with place.launched() as it:
            host, first, second = [
                await it.client(kind, pid) for pid, kind in enumerate(("host", "tool", "renderer"))
            ]
            for n in range(50):
                host.say(cmd="report_pool_window_promoted", label=f"w{n}")
                first.say(cmd="get_events", since=0)
                second.say(cmd="ping", nonce=n)
                first.say_bytes(b"garbage\n")
            for saga_id in range(1, 51):
                host.say(cmd="report_pool_window_added", label="", saga_id=saga_id)
            await first.until(event="saga_completed", saga_id=50)
            first.say(cmd="get_events", since=0)
            replay = await first.until(event="event_list")
            await it.end()
            await first.until_end()
            bus = [
                (message["version"], line)
                for message, line in zip(first.heard, first.raw, strict=True)
                if message["event"] not in ("registered", "event_list", "error", "pong")
            ]
            versions = [version for version, _ in bus]
            assert versions == list(range(versions[0], versions[-1] + 1))
            assert len(replay["events"]) == replay["version"]
            known = (place.data_dir / "launcher-events.log").read_bytes().splitlines()
            assert known[versions[0] - 1 : versions[-1]] == [line for _, line in bus]
            assert [json.loads(line) for line in known[: len(replay["events"])]] == replay["events"]
            return known

    known = asyncio.run(main())
    assert [json.loads(line)["version"] for line in known] == list(range(1, len(known) + 1))


def test_a_subscriber_that_does_not_read_is_ended_and_nobody_else_notices(place: Place) -> None:
    """FACTS R-60, R-62: it is kicked in the middle of a burst; the others hear every event."""
    small = Bounds(queue_bytes=200_000)

    async def main() -> None:
        async with place.launched(bounds=small) as it:
            lazy = await it.client("tool", 1)
            lazy.stop_reading()
            host, eager = await it.client("host", 2), await it.client("tool", 3)
            label = "x" * 10_000
            for n in range(100):
                host.say(cmd="report_window_opened", label=f"{n}{label}", kind="subwindow")
                await eager.until(event="window_instance_assigned", label=f"{n}{label}")
                await host.until(event="window_instance_assigned", label=f"{n}{label}")
            await settled(eager)
            bus = [line for line in eager.heard if line["event"] not in ("registered", "pong")]
            assert [line["pid"] for line in bus if line["event"] == "process_exited"] == [1]
            versions = [line["version"] for line in bus]
            assert versions == list(range(versions[0], versions[-1] + 1))
            lazy.go_on_reading()
            await lazy.until_end()

    run(main())


def test_a_cut_connection_may_come_back_with_the_same_pid(place: Place) -> None:
    """FACTS F-15: an end without goodbye is a process_exited; the pid is free again."""

    async def main() -> None:
        async with place.launched() as it:
            tool = await it.client("tool", 1)
            host = await it.client("host", 2)
            host.close()
            await tool.until(event="process_exited", pid=2)
            await it.client("host", 2)

    run(main())


def test_old_sagas_are_removed_at_the_start(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """FACTS 1.4: retention: what ended longer ago goes, and the operator is told how many."""

    async def main() -> None:
        async with place.launched() as it:
            host = await it.client("host")
            host.say(cmd="report_pool_window_promoted", label="w")
            host.say(cmd="report_pool_window_added", label="", saga_id=1)
            await host.until(event="saga_completed")
        async with place.launched(retention_days=1e-9) as it:
            with caplog.at_level(logging.INFO):
                await asyncio.to_thread(poll, lambda: "removed 1 old" in " ".join(caplog.messages))
        assert place.rows("SELECT count(*) FROM launcher_saga") == [(0,)]

    run(main())


@contextmanager
def locked(place: Place) -> Iterator[None]:
    """Somebody else holds the log's write lock."""
    with closing(sqlite3.connect(place.log, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log doesn't wait for locks."""
    monkeypatch.setattr(module, "LogOptions", partial(LogOptions, busy_timeout_ms=1))


@pytest.mark.usefixtures("impatient")
def test_a_log_that_fails_is_announced_and_recovers(place: Place) -> None:
    """DESIGN 7, R-44: degraded and recovered on the bus, in the ring and, meanwhile, for `diag`."""

    async def main() -> None:
        async with place.launched() as it:
            host = await it.client("host")
            with locked(place):
                host.say(cmd="report_pool_window_promoted", label="w")
                degraded = await host.until(event="log_degraded")
                assert degraded["pending_records"] == 2
                assert "is locked" in degraded["error"]
                note = place.data_dir / "db" / "launcher-sagas.lock"
                await asyncio.to_thread(poll, lambda: "wait in memory" in note.read_text())
                host.say(cmd="report_pool_window_added", label="", saga_id=1)
                await host.until(event="saga_completed")
            recovered = await host.until(event="log_recovered")
            assert recovered["records"] == 4
            pid, ids, said, _ = note.read_text().split("\n")
            assert (int(pid), int(ids) > 1, said) == (os.getpid(), True, "")
            host.say(cmd="get_events", since=0)
            replay = await host.until(event="event_list")
            kinds = [event["event"] for event in replay["events"]]
            assert kinds.index("log_degraded") < kinds.index("log_recovered")
        assert place.rows("SELECT state FROM launcher_saga") == [("completed",)]

    run(main())


@pytest.mark.usefixtures("impatient")
def test_with_stop_a_failing_log_ends_the_launcher_with_4(place: Place) -> None:
    """DESIGN 7: one line, exit 4, and nothing of the batch goes out; the children are stopped."""

    async def main() -> None:
        async with place.launched(on_log_failure="stop", srv_command=FOR_EVER) as it:
            host = await it.client("host")
            with locked(place):
                host.say(cmd="report_pool_window_promoted", label="w")
                ended = await it.ended
                await host.until_end()
            assert ended.code == 4
            assert ended.line is not None
            assert ended.line.startswith(f"saga log {place.log} is locked")
            assert "\n" not in ended.line
            assert [m["event"] for m in host.heard if "saga" in m["event"]] == []
            assert "pool_window_promoted" not in [m["event"] for m in host.heard]

    run(main())


@pytest.mark.usefixtures("impatient")
def test_with_stop_a_log_that_fails_at_the_very_end_is_a_4_too(place: Place) -> None:
    """DESIGN 7: the sagas' last rows can't be written: that is no clean end."""

    async def main() -> None:
        async with place.launched(on_log_failure="stop") as it:
            host = await it.client("host")
            host.say(cmd="report_pool_window_promoted", label="w")
            await host.until(event="saga_started")
            with locked(place):
                assert (await it.end()).code == 4

    run(main())


@pytest.mark.usefixtures("impatient")
def test_rows_that_are_lost_at_the_end_are_told(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    """DESIGN 5: the disk doesn't come back before the end: exit 1, and the line counts the rows."""

    async def main() -> None:
        async with place.launched() as it:
            host = await it.client("host")
            with locked(place):
                host.say(cmd="report_pool_window_promoted", label="w")
                await host.until(event="log_degraded")
                ended = await it.end()
            assert ended.code == 1
            assert ended.line is not None
            assert ended.line.startswith("4 record(s) of the saga log are lost: ")
            assert ended.line in caplog.messages

    run(main())


class Disk:
    """What the log's thread meets at each commit."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.free = threading.Event()
        self.free.set()
        self.asked = threading.Event()
        self.seconds = 0.0
        real = SagaLog.commit

        def commit(
            log: SagaLog, batches: Sequence[Batch]
        ) -> Success[tuple[str, ...]] | Failure[LogError]:
            self.asked.set()
            self.free.wait(PATIENCE_SECONDS)
            threading.Event().wait(self.seconds)
            return real(log, batches)

        monkeypatch.setattr(SagaLog, "commit", commit)


def test_a_log_that_hangs_does_not_keep_the_launcher_alive(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """DESIGN 5: the end is in time; children and peers are ended; lost rows are counted."""
    disk = Disk(monkeypatch)
    monkeypatch.setattr(module, "SHUTDOWN_SECONDS", 0.05)

    async def main() -> None:
        async with place.launched(srv_command=FOR_EVER) as it:
            host = await it.client("host")
            await settled(host)
            disk.asked.clear()
            disk.free.clear()
            host.say(cmd="report_pool_window_promoted", label="w")
            host.say(cmd="ping", nonce=1)
            await asyncio.to_thread(disk.asked.wait, PATIENCE_SECONDS)
            ended = await it.end()
            await host.until_end()
            line = "2 record(s) of the saga log are lost: it doesn't answer"
            assert ended == Exit(1, line)
            disk.free.set()

    run(main())
    said = "the last events are not waited for: the saga log doesn't answer"
    assert caplog.messages.count(said) == 1


def test_a_long_backlog_is_written_to_its_end(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DESIGN 5: a log that is slow but gets on is waited for; no row is lost."""
    disk = Disk(monkeypatch)
    monkeypatch.setattr(module, "LogOptions", partial(LogOptions, busy_timeout_ms=1))
    monkeypatch.setattr(backlog, "CHUNK_RECORDS", 1)

    async def main() -> None:
        async with place.launched() as it:
            host = await it.client("host")
            with locked(place):
                host.say(cmd="report_pool_window_promoted", label="w")
                await host.until(event="log_degraded")
                for n in range(7):
                    host.say(cmd="report_pool_window_promoted", label=f"w{n}")
                    await host.until(event="saga_started")
            disk.seconds = 0.04
            monkeypatch.setattr(module, "SHUTDOWN_SECONDS", 0.1)
            assert await it.end() == Exit(0)
        count = "SELECT count(*), count(ended_at) FROM launcher_saga"
        assert place.rows(count) == [(8, 8)]

    run(main())


class Bug(Watch):
    """A watcher that fails at a certain kind of event, as a bug in `step` would."""

    def __init__(self, kind: type[Event]) -> None:
        super().__init__()
        self._kind = kind

    def __call__(
        self,
        before: State[Mirror],
        event: Event,
        after: State[Mirror],
        effects: tuple[Effect, ...],
    ) -> None:
        """One step."""
        if isinstance(event, self._kind):
            raise ZeroDivisionError("the bug")
        super().__call__(before, event, after, effects)


async def launch_with(place: Place, bug: type[Event]) -> None:
    """A launcher with a bug, a child and a client; the bug comes out of it."""
    async with place.launched(watcher=Bug(bug), srv_command=FOR_EVER) as it:
        tool = await it.client("tool")
        tool.say(cmd="goodbye")
        it.stop.set()
        with pytest.raises(ZeroDivisionError, match="the bug"):
            await it.ended
        await tool.until_end()
    assert not place.socket.exists()
    assert not await place.is_taken()


@pytest.mark.parametrize("bug", [ConnectionClosed, ShutdownRequested])
def test_a_bug_ends_the_launcher_visibly_and_in_order(place: Place, bug: type[Event]) -> None:
    """DESIGN 3: in the middle or at the very end: children stopped, socket and lock given back."""
    run(launch_with(place, bug))


def test_a_bug_during_recovery_ends_the_start(place: Place) -> None:
    """DESIGN 3: before anybody could connect, too."""

    async def main() -> None:
        async with place.launched(watcher=Bug(RecoveryRequested)) as it:
            with pytest.raises(ZeroDivisionError):
                await it.ended
            assert it.announced == []
        assert not await place.is_taken()

    run(main())


def test_an_announcement_that_fails_ends_the_launcher(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DESIGN 6: nobody can be told where it listens: it doesn't live on unseen."""

    def fail(_launched: Launched, _path: Path) -> None:
        raise BrokenPipeError("standard output is closed")

    monkeypatch.setattr(Launched, "_announce", fail)

    async def main() -> None:
        async with place.launched(srv_command=FOR_EVER) as it:
            with pytest.raises(BrokenPipeError):
                await it.ended
        assert not place.socket.exists()

    run(main())


def test_a_launcher_that_can_not_accept_ends_with_1(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FACTS R-63: it doesn't live on deaf; the line says what is short, and its host is stopped."""

    def fail(_listening: object) -> NoReturn:
        raise OSError(errno.EMFILE, "Too many open files")

    async def at_once(_seconds: float) -> None:
        await asyncio.sleep(0)

    monkeypatch.setattr(module, "Server", partial(Server, system=System(fail, pause=at_once)))

    async def main() -> None:
        ended = await place.launch_and_wait(host_command=FOR_EVER)
        assert ended.code == 1
        assert ended.line is not None
        assert ended.line.startswith(f"can't accept connections on {place.socket}: Too many open")

    run(main())


def test_a_socket_that_can_not_be_removed_is_told(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """FACTS F-44: the end is a clean one; the file that is left is named."""

    def stays(listener: Listener) -> Failure[str]:
        listener.sock.close()
        return Failure("the socket stays")

    monkeypatch.setattr(Listener, "release", stays)

    async def main() -> None:
        async with place.launched() as it:
            assert await it.end() == Exit(0)

    run(main())
    assert "the socket stays" in caplog.messages


def test_the_totals_are_told_at_the_end(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """House rule: every bound and every drop is counted, and the counts are said."""

    async def main() -> None:
        async with place.launched() as it:
            tool = await it.client("tool")
            tool.say_bytes(b"garbage\n")
            await tool.until(event="error")

    with caplog.at_level(logging.INFO):
        run(main())
    assert caplog.messages[-1] == (
        "ended: 2 lines in, 1 rejected, 0 lines dropped, 0 slow peers ended, "
        "0 commands sent again, 0 records refused, 0 event log lines dropped"
    )
