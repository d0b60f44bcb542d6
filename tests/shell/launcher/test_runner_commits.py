"""Batches and their commits: what waits for what (DESIGN 5)."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from tests.shell.launcher.parts import (
    HeldLog,
    MemoryLog,
    host_joins,
    open_log,
    promotes,
    records,
    refills,
    rows,
    says,
)
from tests.shell.launcher.stages import running

from saga_core.agentmux.commands import Ping, SpawnPoolWindow
from saga_core.agentmux.events import Pong, PoolWindowPromoted
from saga_core.engine import (
    ArmTimer,
    CancelTimer,
    Dispatch,
    Effect,
    Emit,
    Event,
    Reply,
    SagaCompleted,
    SagaFailed,
    SagaStarted,
    WriteLog,
)
from saga_shell.launcher import runner as runner_module
from saga_shell.rehearsal.clock import run_virtually


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run a test's coroutine in real time."""
    asyncio.run(main)


def test_events_that_come_during_a_commit_are_one_batch(tmp_path: Path) -> None:
    """DESIGN 5: while a commit runs events gather, and all of them share the next transaction."""

    async def main() -> None:
        log = await open_log(tmp_path / "sagas.db")
        held = HeldLog(log)
        async with running(held) as it:
            await it.settle(*host_joins())
            held.hold()
            before = it.runner.batches
            it.give(promotes("first"))
            await held.asked.wait()
            it.give(*(promotes(f"w{n}") for n in range(100)))
            held.release()
            await it.settle()
            assert it.runner.batches == before + 2
        await log.stop()
        assert rows(tmp_path / "sagas.db", "SELECT count(*) FROM launcher_saga") == [(101,)]

    run(main())


def test_nothing_happens_before_its_commit(tmp_path: Path) -> None:
    """I3: no effect of a batch, neither an event nor a command nor a timer, precedes its rows."""

    async def main() -> None:
        log = await open_log(tmp_path / "sagas.db")
        held = HeldLog(log)
        async with running(held) as it:
            await it.settle(*host_joins())
            count = len(it.stage.effects)
            held.hold()
            it.give(promotes())
            await held.asked.wait()
            assert len(it.stage.effects) == count
            assert len(it.runner.state.sagas) == 1
            held.release()
            await it.settle()
            done = it.stage.effects[count:]
            assert [type(effect) for effect in done] == [
                Emit,
                WriteLog,
                Emit,
                ArmTimer,
                WriteLog,
                Dispatch,
            ]
        await log.stop()

    run(main())


def test_what_comes_during_a_commit_is_stepped_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """DESIGN 5, I3: the next batch is ready when its turn comes, up to its bound; it waits too."""
    monkeypatch.setattr(runner_module, "BATCH_EVENTS", 100)

    async def main() -> None:
        held = HeldLog(MemoryLog())
        async with running(held) as it:
            await it.settle(*host_joins())
            held.hold()
            it.give(promotes("first"))
            await held.asked.wait()
            count = len(it.stage.effects)
            it.give(*(promotes(f"w{n}") for n in range(150)))
            await asyncio.sleep(1)
            assert len(it.runner.state.sagas) == 101
            assert (len(it.stage.effects), held.durable) == (count, [])
            held.release()
            await it.settle()
            assert len(it.runner.state.sagas) == 151
            assert held.durable == records(it.stage.effects)

    run_virtually(main())


def test_every_effect_finds_its_rows_durable(tmp_path: Path) -> None:
    """I3 under load: each effect of 300 sagas in many batches finds all earlier rows committed."""

    async def main() -> None:
        log = await open_log(tmp_path / "sagas.db")
        held = HeldLog(log)
        told = 0

        def check(effect: Effect) -> None:
            nonlocal told
            if isinstance(effect, WriteLog):
                assert held.durable[told] == effect.record
                told += 1
            if isinstance(effect, Dispatch) and isinstance(effect.command, SpawnPoolWindow):
                it.give(refills(effect.command.saga_id))

        async with running(held) as it:
            it.stage.on_effect = check
            await it.settle(*host_joins(), *(promotes(f"w{n}") for n in range(300)))
            await it.settle()
        await log.stop()
        assert told == len(held.durable) == 1_200
        query = "SELECT state, count(*) FROM launcher_saga GROUP BY state"
        assert rows(tmp_path / "sagas.db", query) == [("completed", 300)]

    run(main())


def test_timers_fire_and_events_are_taken_while_a_commit_runs() -> None:
    """DESIGN 7: a commit that takes 40 s holds up effects, not deadlines and not events."""

    async def main() -> None:
        held = HeldLog(MemoryLog())
        async with running(held) as it:
            await it.settle(*host_joins(), promotes("slow"))
            held.hold()
            it.give(promotes("held"))
            await asyncio.sleep(20)
            it.give(says(Ping(1)))
            await asyncio.sleep(20)
            assert not [event for event in it.stage.bus if isinstance(event, SagaFailed)]
            held.release()
            await it.stage.hears(SagaFailed, 2)
            ended = [event for event in it.stage.bus if isinstance(event, SagaFailed)]
            assert [(event.saga_id, event.reason) for event in ended] == [
                (1, "saga timeout"),
                (2, "saga timeout"),
            ]
            told = [
                effect
                for effect in it.stage.effects
                if effect == Emit(ended[0])
                or (isinstance(effect, Reply) and isinstance(effect.event, Pong))
            ]
            assert [type(effect) for effect in told] == [Emit, Reply]

    run_virtually(main())


def test_an_answer_and_a_deadline_in_one_batch_end_a_saga_once() -> None:
    """FACTS F-29: both waited for one commit; the first one given claims, the other is void."""

    async def main() -> None:
        held = HeldLog(MemoryLog())
        async with running(held) as it:
            await it.settle(*host_joins(), promotes("w"))
            held.hold()
            it.give(promotes("other"))
            await asyncio.sleep(4.9)
            it.give(refills(1))
            await asyncio.sleep(0.2)
            held.release()
            await it.settle()
            ends = [e for e in it.stage.bus if isinstance(e, SagaCompleted | SagaFailed)]
            assert [(type(end), end.saga_id) for end in ends] == [(SagaCompleted, 1)]

    run_virtually(main())


def test_a_cancelled_timer_is_cancelled_in_its_place() -> None:
    """DESIGN 4: a completed saga's deadline is cancelled after its row and before its bracket."""

    async def main() -> None:
        async with running(MemoryLog()) as it:
            await it.settle(*host_joins(), promotes("w"))
            done = await it.settle(refills(1))
            kinds = [type(effect) for effect in done]
            assert kinds == [Emit, WriteLog, WriteLog, CancelTimer, Emit]

    run(main())


def test_a_batch_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN 5: what waits beyond the bound is the next batch, and the loop gets a turn between."""
    monkeypatch.setattr(runner_module, "BATCH_EVENTS", 10)

    async def main() -> None:
        turns = 0

        def turn() -> None:
            nonlocal turns
            turns += 1
            loop.call_soon(turn)

        loop = asyncio.get_running_loop()
        async with running(MemoryLog()) as it:
            await it.settle(*host_joins())
            before = it.runner.batches
            it.give(*(says(Ping(n)) for n in range(95)))
            loop.call_soon(turn)
            await it.settle()
            assert it.runner.batches == before + 10
            assert turns >= 10

    with asyncio.Runner() as runner:
        runner.run(main())


def test_settling_does_not_wait_for_what_comes_later() -> None:
    """DESIGN 5: a shutdown under load waits for its own events, not for quiet that never comes."""

    async def main() -> None:
        async with running(MemoryLog()) as it:
            await it.settle(*host_joins())

            def once_more(effect: Effect) -> None:
                if isinstance(effect, Reply):
                    it.give(says(Ping(0)))

            it.stage.on_effect = once_more
            it.give(says(Ping(0)))
            await it.settle(promotes("w"))
            assert any(isinstance(event, SagaStarted) for event in it.stage.bus)

    run(main())


def test_settling_waits_for_the_effects_of_a_batch_that_is_being_committed() -> None:
    """DESIGN 5: settled means done, not merely stepped."""

    async def main() -> None:
        held = HeldLog(MemoryLog())
        async with running(held) as it:
            await it.settle(*host_joins())
            held.hold()
            it.give(promotes("w"))
            settled = asyncio.create_task(it.runner.settled())
            await asyncio.sleep(0.01)
            assert not settled.done()
            held.release()
            await settled
            assert any(isinstance(event, SagaStarted) for event in it.stage.bus)

    run(main())


def test_a_bug_in_a_step_ends_the_run() -> None:
    """DESIGN 3: an exception is a bug; the run ends with it and doesn't hang."""

    async def main() -> None:
        async with running(MemoryLog()) as it:
            await it.settle(*host_joins())
            bad: Event = object()  # type: ignore[assignment]  # no event: this is the bug
            with pytest.raises(TypeError, match="step takes events"):
                await it.settle(bad)
            it.task = asyncio.create_task(asyncio.sleep(0))

    run(main())


def test_a_bug_in_a_step_during_a_commit_ends_the_run_after_it() -> None:
    """DESIGN 3: so does one that shows while a commit runs; what was committed still happens."""

    async def main() -> None:
        held = HeldLog(MemoryLog())
        async with running(held) as it:
            await it.settle(*host_joins())
            held.hold()
            it.give(promotes("w"))
            await held.asked.wait()
            bad: Event = object()  # type: ignore[assignment]  # no event: this is the bug
            it.give(bad, promotes("never"))
            await asyncio.sleep(1)
            assert not it.task.done()
            held.release()
            with pytest.raises(TypeError, match="step takes events"):
                await it.settle()
            assert [type(event) for event in it.stage.bus][-2:] == [PoolWindowPromoted, SagaStarted]
            it.task = asyncio.create_task(asyncio.sleep(0))

    run_virtually(main())


def test_a_bug_in_an_effect_ends_the_run() -> None:
    """DESIGN 3: the same holds for what carries an effect out."""

    async def main() -> None:
        async with running(MemoryLog()) as it:

            def fail(effect: Effect) -> None:
                raise ZeroDivisionError(effect)

            it.stage.on_effect = fail
            with pytest.raises(ZeroDivisionError):
                await it.settle(*host_joins())
            it.task = asyncio.create_task(asyncio.sleep(0))

    run(main())


def test_records_survive_the_cancelling_of_the_run(tmp_path: Path) -> None:
    """DESIGN 5: a run that is cancelled in mid-commit loses no row that it handed over."""

    async def main() -> None:
        log = await open_log(tmp_path / "sagas.db")
        held = HeldLog(log)
        async with running(held) as it:
            await it.settle(*host_joins())
            it.give(promotes("w"))
            await held.asked.wait()
        await log.stop()
        assert rows(tmp_path / "sagas.db", "SELECT state FROM launcher_saga") == [("running",)]

    run(main())
