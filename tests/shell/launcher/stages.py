"""A runner on its stage: it runs for the length of a block."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.shell.launcher.parts import Stage, Watch

from saga_core.agentmux import AgentMux, Mirror, initial_state
from saga_core.engine import ArmTimer, CancelTimer, Effect, Event, Reducer
from saga_shell.launcher.runner import DurableLog, OnLogFailure, Runner
from saga_shell.launcher.timers import Timers


@dataclass
class Running:
    """A runner, what it did, and the task that it runs in."""

    runner: Runner[Mirror]
    stage: Stage
    watch: Watch
    task: asyncio.Task[None] = field(init=False)

    def give(self, *events: Event) -> None:
        """Give events, one after the other, without waiting."""
        for event in events:
            self.runner.give(event)

    async def settle(self, *events: Event) -> list[Effect]:
        """Give events and wait until all is done; return what was performed meanwhile."""
        before = len(self.stage.effects)
        self.give(*events)
        settled = asyncio.create_task(self.runner.settled())
        await asyncio.wait([settled, self.task], return_when=asyncio.FIRST_COMPLETED)
        if self.task.done():
            settled.cancel()
            self.task.result()
        return self.stage.effects[before:]


@asynccontextmanager
async def running(
    log: DurableLog, *, on_log_failure: OnLogFailure = "continue"
) -> AsyncIterator[Running]:
    """A runner of AgentMux with timers, watched; a bug in it fails the test at the end."""
    stage, watch = Stage(), Watch()

    def perform(effect: Effect) -> None:
        match effect:
            case ArmTimer(timer, seconds):
                timers.arm(timer, seconds)
            case CancelTimer(timer):
                timers.cancel(timer)
            case _:
                pass
        stage.perform(effect)

    runner = Runner(
        Reducer(AgentMux()),
        initial_state(),
        log,
        perform,
        on_log_failure=on_log_failure,
        watcher=watch,
    )
    timers = Timers(runner.give)
    it = Running(runner, stage, watch)
    it.task = asyncio.create_task(runner.run())
    try:
        yield it
    finally:
        timers.stop()
        it.task.cancel()
        await asyncio.wait([it.task])
    if not it.task.cancelled():
        it.task.result()
