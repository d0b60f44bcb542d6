"""How a supervisor stops its child, and that none is started after it (FACTS 1.4)."""

import asyncio
import logging
from pathlib import Path

import pytest
from returns.result import Success
from tests.processes import is_running
from tests.shell.launcher.children import FOR_EVER, appears, run
from tests.shell.launcher.parts import polled
from tests.shell.launcher.supervisions import shell, supervised

from saga_shell.launcher import supervisor as module
from saga_shell.launcher.supervisor import (
    Child,
    Ended,
    Supervisor,
)


def test_a_stop_asks_first(tmp_path: Path) -> None:
    """FACTS 1.4: SIGTERM comes first and is enough for a child that obeys."""
    script = f"trap 'echo asked > {tmp_path}/asked; exit 0' TERM; echo up > {tmp_path}/up; "
    script += "while :; do sleep 0.01; done"

    async def main() -> None:
        supervisor = Supervisor(shell(script))
        async with supervised(supervisor) as supervising:
            await appears(tmp_path / "up")
            await supervisor.stop()
            assert (await supervising).clean
        await supervisor.stop()

    run(main())
    assert (tmp_path / "asked").read_text() == "asked\n"


def test_a_stop_insists(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """FACTS 1.4: a child that ignores SIGTERM is killed, with the helpers that it started."""
    script = f"trap '' TERM; sleep 1000 & echo $! > {tmp_path}/helper; wait; wait; wait"

    async def main() -> None:
        supervisor = Supervisor(shell(script), term_seconds=0.05)
        async with supervised(supervisor) as supervising:
            helper = int(await appears(tmp_path / "helper"))
            await supervisor.stop()
            ended = await supervising
            assert ended == Ended(137, clean=True)
            await polled(lambda: not is_running(helper))

    with caplog.at_level(logging.WARNING):
        run(main())
    assert caplog.messages == ["the host didn't end on SIGTERM and is killed"]


def test_a_stop_ends_a_child_that_is_just_being_restarted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FACTS 1.4: a stop during a restart leaves no process behind, and none is started after it."""
    real = module._run_program
    let_go = asyncio.Event()
    starting = asyncio.Event()
    started: list[int] = []

    async def slowly(child: Child, arguments: tuple[str, ...]) -> asyncio.subprocess.Process:
        process = await real(child, arguments)
        started.append(process.pid)
        if len(started) == 2:
            starting.set()
            await let_go.wait()
        return process

    monkeypatch.setattr(module, "_run_program", slowly)
    once = f"test -e {tmp_path}/second || {{ touch {tmp_path}/second; exit 3; }}; {FOR_EVER}"

    async def main() -> None:
        supervisor = Supervisor(shell(once))
        async with supervised(supervisor) as supervising:
            await starting.wait()
            stopping = asyncio.create_task(supervisor.stop())
            await asyncio.sleep(0.01)
            assert not stopping.done()
            let_go.set()
            await stopping
            assert await supervising == Ended(143, clean=True)
            assert supervisor.pid is None

    run(main())


def test_no_child_is_started_after_a_stop() -> None:
    """FACTS 1.4: the child crashed and the stop came before the restart did."""

    async def main() -> None:
        supervisor = Supervisor(shell("exit 3"))
        await supervisor.start()
        process = supervisor._process
        assert process is not None
        await process.wait()
        await supervisor.stop()
        assert (await supervisor.supervise()).clean
        assert supervisor._process is process

    run(main())


def test_a_restart_that_a_stop_overtakes_is_none() -> None:
    """FACTS 1.4: the stop comes when the restart was decided, but has not begun."""

    async def main() -> None:
        supervisor = Supervisor(shell("exit 3"))
        async with supervisor._spawning:
            start = asyncio.create_task(supervisor.start())
            await asyncio.sleep(0)
            stop = asyncio.create_task(supervisor.stop())
            await asyncio.sleep(0)
        assert await start == Success(None)
        await stop
        assert supervisor._process is None

    run(main())


def test_a_cancelled_start_leaves_no_process_behind() -> None:
    """FACTS 1.4: the launcher ends while a child is being forked."""

    async def main() -> None:
        supervisor = Supervisor(shell(FOR_EVER))
        start = asyncio.create_task(supervisor.start())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        start.cancel()
        await asyncio.wait([start])
        await supervisor.stop()

    run(main())
