"""A launcher whose saga log fails: what goes on, what is told, and with which code it ends."""

import asyncio
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial

import pytest
from returns.result import Failure, Success
from tests.shell.launcher.children import FOR_EVER, run
from tests.shell.launcher.launches import Place, shell
from tests.shell.launcher.parts import PATIENCE_SECONDS, poll

from saga_shell.launcher import launch as module
from saga_shell.launcher.options import Exit
from saga_shell.log import LogError, LogOptions, SagaLog, backlog
from saga_shell.log.statements import Batch


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
        async with place.launched(on_log_failure="stop", srv_command=shell(FOR_EVER)) as it:
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
        self.commits = 0
        self.seconds = 0.0
        real = SagaLog.commit

        def commit(
            log: SagaLog, batches: Sequence[Batch]
        ) -> Success[tuple[str, ...]] | Failure[LogError]:
            self.asked.set()
            self.free.wait(PATIENCE_SECONDS)
            threading.Event().wait(self.seconds)
            self.commits += 1
            return real(log, batches)

        monkeypatch.setattr(SagaLog, "commit", commit)


def test_a_log_that_hangs_does_not_keep_the_launcher_alive(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """DESIGN 5: the end is in time; children and peers are ended; lost rows are counted."""
    disk = Disk(monkeypatch)
    monkeypatch.setattr(module, "SHUTDOWN_SECONDS", 0.05)

    async def main() -> None:
        async with place.launched(srv_command=shell(FOR_EVER)) as it:
            host = await it.client("host")
            await host.settled()
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
            disk.commits, disk.seconds = 0, 0.3
            monkeypatch.setattr(module, "SHUTDOWN_SECONDS", 1.5)
            assert await it.end() == Exit(0)
            assert disk.commits * disk.seconds > module.SHUTDOWN_SECONDS
        count = "SELECT count(*), count(ended_at) FROM launcher_saga"
        assert place.rows(count) == [(8, 8)]

    run(main())
