"""The windows that the host shows and the pool of pre-warmed ones, each with one pane.

Reports go out in the order of FACTS 3.5, and a change of the model and its report happen without
an `await` between them, so the counts that are reported always match what was reported before
(FACTS F-07, F-08: a pool window counts from the moment at which it was reported as added).

Who does what: refilling the pool after a promote belongs to the launcher's saga alone (FACTS R-22);
the host adds a pool window by itself at its start and when the user asks (`fill`). Closing a window
is the host's own work from end to end (FACTS F-42); a saga that asks for the same gets its answer
when the work is done, whoever began it.
"""

import asyncio
import os
from collections import OrderedDict
from collections.abc import Callable, Coroutine

from returns.result import Failure, Success

from saga_core.agentmux.commands import (
    ReportHostCounts,
    ReportHostPoolCount,
    ReportPanesReaped,
    ReportPoolDrainDecision,
    ReportPoolWindowAdded,
    ReportPoolWindowPromoted,
    ReportPoolWindowRemoved,
    ReportWindowClosed,
    ReportWindowOpened,
)
from saga_core.engine import Command
from saga_shell.host.accounts import Say
from saga_shell.host.panes import Pane, Panes

CLOSED_REMEMBERED = 4096
"""How many closed windows are remembered: a saga about an older one gets `window not found`."""

Background = Callable[[Coroutine[object, object, None]], None]
"""Runs a coroutine beside everything else until the host ends."""


class Closing:
    """How far the close of one window has come. What a saga asks about it is answered after that.

    The host's own reports go first, then the saga's answers (FACTS 2.10).
    """

    def __init__(self) -> None:
        self.reaped = asyncio.Event()
        self.decided = asyncio.Event()

    def over(self) -> None:
        """Nothing more is to come, also if something failed."""
        self.reaped.set()
        self.decided.set()


class Windows:
    """The open windows and the pool, by label, oldest first."""

    def __init__(
        self, panes: Panes, report: Callable[[Command], None], say: Say, background: Background
    ) -> None:
        self._panes = panes
        self._report = report
        self._say = say
        self._background = background
        self._pool: dict[str, Pane] = {}
        self._open: dict[str, Pane] = {}
        self._closed: OrderedDict[str, Pane] = OrderedDict()
        self._closing: dict[str, Closing] = {}
        self._leaving_pool: set[Pane] = set()
        self._pool_grew = asyncio.Event()
        self._made = 0

    async def open(self, label: str) -> Success[None] | Failure[str]:
        """Open a real window without the pool's help."""
        match await self._panes.start(label):
            case Failure(reason):
                return Failure(reason)
            case Success(pane):
                self._open[label] = pane
                self._report(ReportWindowOpened(label, "full_instance"))
                self._background(self._when_shell_ends(pane))
                return Success(None)

    async def add_to_pool(
        self, saga_id: int | None
    ) -> Success[ReportPoolWindowAdded] | Failure[str]:
        """Start a pool window. The caller sends the report at once, before it awaits anything.

        The true label goes with the saga's id (upstream's answer has an empty one, FACTS R-57).
        """
        self._made += 1
        label = f"window-pool-{os.getpid()}-{self._made}"
        match await self._panes.start(label):
            case Failure(reason):
                return Failure(reason)
            case Success(pane):
                self._pool[label] = pane
                self._pool_grew.set()
                self._background(self._when_shell_ends(pane))
                return Success(ReportPoolWindowAdded(label, saga_id))

    async def fill(self) -> Success[str] | Failure[str]:
        """Add a pool window without a saga; its label."""
        match await self.add_to_pool(None):
            case Failure(reason):
                return Failure(reason)
            case Success(report):
                self._report(report)
                self._report(ReportHostPoolCount(len(self._pool)))
                return Success(report.label)

    async def promote(self, patience: float) -> Success[str] | Failure[str]:
        """Make the oldest pool window a real one, waiting `patience` seconds for it; its label."""
        try:
            async with asyncio.timeout(patience):
                while not self._pool:
                    self._pool_grew.clear()
                    await self._pool_grew.wait()
        except TimeoutError:
            return Failure(f"the pool stayed empty for {patience:g} s; `fill` adds a window")
        label = next(iter(self._pool))
        self._open[label] = self._pool.pop(label)
        self._report(ReportPoolWindowRemoved(label))
        self._report(ReportPoolWindowPromoted(label))
        self._report(ReportWindowOpened(label, "full_instance"))
        return Success(label)

    def named(self, which: str) -> str:
        """The label that `newest` or `oldest` stands for; any other text is a label itself."""
        labels = tuple(self._open)
        match which:
            case "newest" if labels:
                return labels[-1]
            case "oldest" if labels:
                return labels[0]
            case _:
                return which

    async def close(self, label: str) -> Success[str] | Failure[str]:
        """Close an open window: its panes end, the pool too if it was the last one; its label."""
        pane = self._open.pop(label, None)
        if pane is None:
            return Failure(f"there is no open window {label!r}")
        self._remember(pane)
        self._report(ReportWindowClosed(label))
        closing = self._closing[label] = Closing()
        try:
            return await self._finish_close(pane, closing)
        finally:
            del self._closing[label]
            closing.over()

    async def _finish_close(self, pane: Pane, closing: Closing) -> Success[str] | Failure[str]:
        match await self._panes.end(pane):
            case Failure(reason):
                return Failure(reason)
            case Success(_):
                self._report(ReportPanesReaped(pane.label))
                closing.reaped.set()
        match await self._drain_if_last(pane.label):
            case Failure(reason):
                return Failure(reason)
            case Success(was_last):
                self._report(ReportPoolDrainDecision(pane.label, was_last))
                self._report(ReportHostCounts(len(self._open), len(self._pool)))
                return Success(pane.label)

    async def reap(self, label: str) -> Success[None] | Failure[str]:
        """End the panes of `label` and wait until they are gone.

        A window that is still open stays open without them, until the user closes it. A pool window
        leaves the pool.
        """
        if label in self._pool:
            return await self._end_pooled(self._leave_pool(label))
        pane = self._open.get(label) or self._closed.get(label)
        if pane is None:
            return _not_found(label)
        if label in self._closing:
            await self._closing[label].reaped.wait()
        return await self._panes.end(pane)

    async def drain_if_last(self, label: str) -> Success[bool] | Failure[str]:
        """Whether no window but `label` is open; if so, the pool is gone when this returns."""
        if not (label in self._open or label in self._closed or label in self._pool):
            return _not_found(label)
        if label in self._closing:
            await self._closing[label].decided.wait()
        return await self._drain_if_last(label)

    async def _drain_if_last(self, label: str) -> Success[bool] | Failure[str]:
        if self._open.keys() - {label}:
            return Success(False)
        for pooled in tuple(self._pool):
            self._leave_pool(pooled)
        ends = await asyncio.gather(*map(self._end_pooled, self._leaving_pool))
        failures = [end.failure() for end in ends if isinstance(end, Failure)]
        return Failure("; ".join(failures)) if failures else Success(True)

    def _leave_pool(self, label: str) -> Pane:
        pane = self._pool.pop(label)
        self._leaving_pool.add(pane)
        self._remember(pane)
        self._report(ReportPoolWindowRemoved(label))
        return pane

    async def _end_pooled(self, pane: Pane) -> Success[None] | Failure[str]:
        end = await self._panes.end(pane)
        if isinstance(end, Success):
            self._leaving_pool.discard(pane)
        return end

    def _remember(self, pane: Pane) -> None:
        self._closed[pane.label] = pane
        if len(self._closed) > CLOSED_REMEMBERED:
            self._closed.popitem(last=False)

    async def _when_shell_ends(self, pane: Pane) -> None:
        """A shell that ends by itself takes its window along, as if the user had closed it."""
        code = await asyncio.shield(pane.exit_code)
        if pane.ending is not None:
            return
        self._say(f"window {pane.label!r}: its shell ended by itself (exit code {code})")
        match await self._without_shell(pane.label):
            case Failure(reason):
                self._say(reason)
            case Success(_):
                return

    async def _without_shell(self, label: str) -> Success[object] | Failure[str]:
        if label not in self._pool:
            return await self.close(label)
        pane = self._leave_pool(label)
        self._report(ReportHostPoolCount(len(self._pool)))
        return await self._end_pooled(pane)


def _not_found(label: str) -> Failure[str]:
    return Failure(f"window not found: {label!r}")
