"""A log that fails while sagas run: what goes on, what is told, and that no row is lost."""

import asyncio
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.shell.launcher.parts import (
    MemoryLog,
    host_joins,
    open_log,
    promotes,
    records,
    refills,
    rows,
    says,
)
from tests.shell.launcher.stages import Running, running

from saga_core.agentmux.commands import Ping
from saga_core.engine import (
    BusEvent,
    Effect,
    Emit,
    LogDegraded,
    LogRecovered,
    SagaFailed,
    SagaStarted,
    version_of,
)
from saga_shell.launcher import runner as runner_module
from saga_shell.launcher.runner import RETRY_SECONDS, LogStopped
from saga_shell.rehearsal.clock import run_virtually

SAGAS = "SELECT saga_id, state FROM launcher_saga ORDER BY saga_id"
STEPS = "SELECT saga_id, state FROM launcher_saga_step ORDER BY saga_id"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Somebody else holds the file's write lock for the length of the block."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def notices(it: Running) -> list[BusEvent]:
    """What the bus was told about the log."""
    return [event for event in it.stage.bus if isinstance(event, LogDegraded | LogRecovered)]


def test_sagas_go_on_from_memory_and_no_row_is_lost(tmp_path: Path) -> None:
    """FACTS R-44: one log_degraded per outage; log_recovered counts exactly the late records."""
    path = tmp_path / "sagas.db"

    async def main() -> None:
        log = await open_log(path)
        async with running(log) as it:
            await it.settle(*host_joins(), promotes("before"))
            with locked(path):
                first = await it.settle(promotes("a"))
                await it.settle()
                late = first + await it.settle(refills(2), promotes("b"), refills(3))
                assert rows(path, SAGAS) == [(1, "running")]
                await asyncio.sleep(10 * RETRY_SECONDS)
                assert len(notices(it)) == 1
            await it.stage.hears(LogRecovered)
            degraded, recovered = notices(it)
            assert isinstance(degraded, LogDegraded)
            assert (degraded.pending_records, "is locked" in degraded.error) == (2, True)
            assert isinstance(recovered, LogRecovered)
            assert recovered.records == len(records(late)) == 8
            assert rows(path, SAGAS) == [(1, "running"), (2, "completed"), (3, "completed")]
            assert rows(path, STEPS) == [(1, "pending"), (2, "succeeded"), (3, "succeeded")]
            assert log.refused == 0
            await it.settle(refills(1))
            assert rows(path, SAGAS)[0] == (1, "completed")
        await log.stop()

    run_virtually(main())


def test_each_outage_is_told_once_and_counts_its_own_records(tmp_path: Path) -> None:
    """DESIGN 7: two outages are two pairs of notices; the second counts nothing of the first."""
    path = tmp_path / "sagas.db"

    async def main() -> None:
        log = await open_log(path)
        async with running(log) as it:
            await it.settle(*host_joins())
            for outage in (1, 2):
                with locked(path):
                    await it.settle(promotes())
                    await it.settle(promotes())
                    await asyncio.sleep(3 * RETRY_SECONDS)
                await it.stage.hears(LogRecovered, outage)
            assert [type(notice) for notice in notices(it)] == [LogDegraded, LogRecovered] * 2
            counts = [event.records for event in notices(it) if isinstance(event, LogRecovered)]
            assert counts == [4, 4]
        await log.stop()

    run_virtually(main())


def test_a_saga_times_out_while_the_log_is_away() -> None:
    """DESIGN 7: deadlines hold from memory; the failed saga's rows are written when it is back."""

    async def main() -> None:
        log = MemoryLog("disk full", *["disk full"] * 40)
        async with running(log) as it:
            await it.settle(*host_joins(), promotes())
            await it.stage.hears(SagaFailed)
            assert (log.rows, asyncio.get_running_loop().time()) == ([], 5.0)
            await it.stage.hears(LogRecovered)
            assert log.rows == records(it.stage.effects)

    run_virtually(main())


def test_what_comes_during_the_last_retry_is_not_left_behind() -> None:
    """DESIGN 7: the outage isn't over while records wait: not before a second write went well."""

    async def main() -> None:
        log = MemoryLog("full", None, "full again", None)
        async with running(log) as it:
            await it.settle(*host_joins())
            seen: list[tuple[int, int]] = []

            def during() -> None:
                seen.append((log.pending_records, len(notices(it))))
                if log.attempts == 2:
                    it.give(promotes())

            log.during = during
            await it.settle(promotes())
            await it.stage.hears(LogRecovered)
            assert seen == [(2, 0), (2, 1), (2, 1), (2, 1)]
            assert log.rows == records(it.stage.effects)
            assert len(log.rows) == 4
            assert notices(it)[1:] == [LogRecovered(4, version_of(it.stage.bus[-1]))]

    run_virtually(main())


def test_an_outage_ends_under_load_too() -> None:
    """DESIGN 7: sagas that start during each attempt don't keep the log degraded for ever."""

    async def main() -> None:
        log = MemoryLog("full")
        async with running(log) as it:
            await it.settle(*host_joins())
            log.during = lambda: it.give(promotes()) if len(notices(it)) < 2 else None
            await it.settle(promotes())
            await it.stage.hears(LogRecovered)
            assert asyncio.get_running_loop().time() == RETRY_SECONDS
            await it.settle()
            assert log.rows == records(it.stage.effects)

    run_virtually(main())


def test_the_loop_gets_its_turn_between_batches_of_an_outage(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """DESIGN 5: batches that don't wait for a commit must not keep everybody else waiting."""
    monkeypatch.setattr(runner_module, "BATCH_EVENTS", 1)

    async def main() -> None:
        async with running(MemoryLog("full", *["full"] * 100)) as it:
            await it.settle(*host_joins(), promotes())
            batches: list[int] = []

            async def others() -> None:
                while True:
                    batches.append(it.runner.batches)
                    await asyncio.sleep(0)

            other = asyncio.create_task(others())
            await it.settle(*(promotes() for _ in range(20)))
            other.cancel()
            assert len(set(batches)) >= 20

    run_virtually(main())


def test_with_stop_nothing_of_the_failed_batch_goes_out(tmp_path: Path) -> None:
    """DESIGN 7: under `stop` the run ends with one line, without any effect of the batch."""
    path = tmp_path / "sagas.db"

    async def main() -> None:
        log = await open_log(path)
        async with running(log, on_log_failure="stop") as it:
            await it.settle(*host_joins())
            before = len(it.stage.effects)
            with locked(path), pytest.raises(LogStopped) as stopped:
                await it.settle(promotes("a"), says(Ping(1)), promotes("b"))
            assert "is locked" in str(stopped.value)
            assert "\n" not in str(stopped.value)
            assert len(it.stage.effects) == before
            it.give(says(Ping(2)))
            await asyncio.sleep(0.01)
            assert len(it.stage.effects) == before
            it.task = asyncio.create_task(asyncio.sleep(0))
        await log.stop()

    asyncio.run(main())


def test_a_bug_in_a_retry_ends_the_run() -> None:
    """DESIGN 3: what tries the log again may not die unseen and leave it degraded for ever."""

    async def main() -> None:
        log = MemoryLog("full")

        def fail() -> None:
            if log.attempts == 2:
                raise ZeroDivisionError

        log.during = fail
        async with running(log) as it:
            it.give(*host_joins(), promotes())
            with pytest.raises(ZeroDivisionError):
                await it.task
            it.task = asyncio.create_task(asyncio.sleep(0))

    run_virtually(main())


def test_the_operator_hears_of_both_ends(caplog: pytest.LogCaptureFixture) -> None:
    """FACTS R-44: one error line when it begins, with what waits, and one line when it is over."""

    async def main() -> None:
        async with running(MemoryLog("saga log x is full", "saga log x is full")) as it:
            await it.settle(*host_joins(), promotes())
            await it.stage.hears(LogRecovered)

    with caplog.at_level(logging.WARNING, "saga_shell.launcher.runner"):
        run_virtually(main())
    assert [record.getMessage() for record in caplog.records] == [
        "saga log x is full; going on from memory, 2 record(s) wait",
        "the saga log works again: 2 late record(s) are in it",
    ]


def test_a_run_that_ends_in_an_outage_stops_retrying() -> None:
    """FACTS R-19: nothing of the runner lives on; the rows wait for whoever closes the log."""

    async def main() -> None:
        log = MemoryLog("full", *["full"] * 3)
        async with running(log) as it:
            await it.settle(*host_joins(), promotes())
            assert any(isinstance(event, SagaStarted) for event in it.stage.bus)
        attempts = log.attempts
        await asyncio.sleep(10 * RETRY_SECONDS)
        assert (log.attempts, log.pending_records) == (attempts, 2)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run_virtually(main())


@pytest.mark.parametrize("insecure_from", [1, 2])
def test_no_id_is_shown_that_a_later_run_could_use_again(insecure_from: int) -> None:
    """FACTS R-41: when neither the log nor the second place takes ids, the run ends before it."""

    async def main() -> None:
        log = MemoryLog("full", *["full"] * 9)
        log.insecure_from = insecure_from
        async with running(log) as it:
            it.stage.on_effect = lambda effect: promote_again(it, effect)
            it.give(*host_joins(), promotes())
            with pytest.raises(LogStopped, match=f"ids from {insecure_from} on could be used"):
                await it.task
            it.task = asyncio.create_task(asyncio.sleep(0))
        shown = [event.saga_id for event in it.stage.bus if isinstance(event, SagaStarted)]
        assert shown == list(range(1, insecure_from))

    def promote_again(it: Running, effect: Effect) -> None:
        if isinstance(effect, Emit) and isinstance(effect.event, SagaStarted):
            it.give(promotes())

    run_virtually(main())
