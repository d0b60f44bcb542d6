"""What the host reports when a pane can't be started or ended."""

import asyncio
import errno
import os
from collections.abc import Callable, Coroutine

import pytest
from returns.result import Failure, Success

from saga_core.agentmux.commands import DrainPoolIfLast, ReapPanes
from saga_core.agentmux.wire import encode
from saga_core.engine import Command
from saga_shell.host import panes as panes_module
from saga_shell.host.accounts import Counters, Journal
from saga_shell.host.dispatch import Dispatcher
from saga_shell.host.faults import FaultPlan
from saga_shell.host.guard import Guard
from saga_shell.host.panes import Panes
from saga_shell.host.session import end_session
from saga_shell.host.windows import Windows


class Desk:
    """The host's windows without a launcher, their panes being real."""

    def __init__(self, guard: Guard) -> None:
        self.reports: list[bytes] = []
        self.counters = Counters()
        self.said: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []
        journal = Journal(None, self.counters, self.said.append)
        self.panes = Panes(("/bin/sh",), 0.5, journal, guard)
        self.windows = Windows(self.panes, self.report, self.said.append, self.start)
        self.dispatcher = Dispatcher(
            self.windows, FaultPlan(), self.report, self.counters, self.said.append
        )

    def start(self, work: Coroutine[object, object, None]) -> None:
        """Let `work` run beside the test."""
        self.tasks.append(asyncio.get_running_loop().create_task(work))

    def report(self, report: Command) -> None:
        """Note what would go to the launcher."""
        self.reports.append(encode(report))


def test_processes_that_do_not_end_are_a_failure_and_never_a_false_report(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """FACTS R-21: nothing counts as done while a process lives; asked again, it tries again."""

    async def never(_sid: int, _grace: float) -> bool:
        return False

    async def main(desk: Desk) -> None:
        await desk.windows.open("main")
        await desk.windows.fill()
        monkeypatch.setattr(panes_module, "end_session", never)
        desk.reports.clear()
        assert isinstance(await desk.windows.close("main"), Failure)
        await desk.dispatcher.carry_out(ReapPanes("main", 3))
        await desk.dispatcher.carry_out(DrainPoolIfLast("main", 4))
        closed, reaping, removed, draining = desk.reports
        assert closed == b'{"cmd":"report_window_closed","label":"main"}'
        assert b'"report_saga_action_failed","saga_id":3,"reason":"window \'main\': its' in reaping
        assert b"report_pool_window_removed" in removed
        assert b'"report_saga_action_failed","saga_id":4,"reason":"window \'window-po' in draining
        assert all("do not end (pid " in line for line in desk.said if "failed" in line)
        assert len(await desk.panes.end_all()) == 2
        monkeypatch.setattr(panes_module, "end_session", end_session)
        await desk.dispatcher.carry_out(ReapPanes("main", 5))
        assert desk.reports[-1] == b'{"cmd":"report_panes_reaped","label":"main","saga_id":5}'
        assert await desk.panes.end_all() == ()
        assert (desk.counters.panes_started, desk.counters.panes_gone) == (2, 2)

    run(main)


def test_the_hosts_own_report_goes_before_the_sagas_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """FACTS 2.10: a reap that comes just when the panes are gone doesn't overtake the close."""

    async def main(desk: Desk) -> None:
        def ask() -> None:
            desk.start(desk.dispatcher.carry_out(ReapPanes("main", 3)))

        async def end_then_ask(sid: int, grace: float) -> bool:
            ended = await end_session(sid, grace)
            asyncio.get_running_loop().call_soon(ask)
            return ended

        await desk.windows.open("main")
        await asyncio.sleep(0)
        monkeypatch.setattr(panes_module, "end_session", end_then_ask)
        await desk.windows.close("main")
        await asyncio.gather(*desk.tasks)
        reaped = [line for line in desk.reports if b"report_panes_reaped" in line]
        assert [b"null" in line for line in reaped] == [True, False]

    run(main)


def test_a_host_without_terminals_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """FACTS R-21: what the system refuses is a reason, not an exception."""

    def refuse() -> tuple[int, int]:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    async def main(desk: Desk) -> None:
        monkeypatch.setattr(os, "forkpty", refuse)
        refusal = Failure("no process or terminal for a pane: No space left on device")
        assert await desk.windows.open("main") == refusal
        assert await desk.windows.fill() == refusal
        assert desk.reports == []

    run(main)


def test_a_host_that_ends_starts_no_more_panes() -> None:
    """A spawn that comes while the host ends is refused, so nothing outlives it."""

    async def main(desk: Desk) -> None:
        assert isinstance(await desk.windows.fill(), Success)
        await desk.panes.end_all()
        assert await desk.windows.fill() == Failure("the host is ending")

    run(main)


def run(main: Callable[[Desk], Coroutine[None, None, None]]) -> None:
    """Run `main` with a desk, and see that all its panes are gone afterwards."""

    async def with_desk() -> None:
        reading, writing = os.pipe2(os.O_NONBLOCK)
        desk = Desk(Guard(writing, print))
        try:
            await main(desk)
        finally:
            await desk.panes.end_all()
            await asyncio.gather(*desk.tasks)
            os.close(reading)
            os.close(writing)

    asyncio.run(with_desk())
