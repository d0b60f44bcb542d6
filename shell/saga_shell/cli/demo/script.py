"""What happens in a demo, scene by scene.

A scene is over when every saga so far has ended, so a slow machine plays the same story.
"""

import asyncio
from collections.abc import Callable, Sequence

from saga_shell.cli.demo.bystander import Bystander
from saga_shell.cli.demo.rows import SagaLine, read_sagas
from saga_shell.cli.demo.stage import REFILL_TIMEOUT_SECONDS, Stage, until
from saga_shell.cli.demo.view import View

PAUSE_SECONDS = 1.2
"""Between scenes, for people who read along."""

FIRST_SCENES = (
    ("Two pool windows are promoted; each is refilled by a saga.", "promote; promote", 2),
    ("A window is closed: its panes are reaped, then the pool is decided on.", "close newest", 1),
    (
        "The host refuses to open a window: its saga fails at once, with the reason.",
        "fault spawn_pool_window:fail=no display@1; promote",
        1,
    ),
    (
        f"The host is too slow: its saga meets its deadline of {REFILL_TIMEOUT_SECONDS} s.",
        "fill; fault spawn_pool_window:delay=3@1; promote",
        1,
    ),
    (
        "The host is killed in mid-saga and restarted: it gets the command again.",
        "fill; fault spawn_pool_window:crash@1; promote",
        1,
    ),
)
LOST_SAGAS = 2
LOST = "fault spawn_pool_window:ignore@1-2; promote; fill; promote"


class Script:
    """Plays the demo on a stage; `runs` is what the bus told in each run of the launcher."""

    def __init__(self, stage: Stage, view: View, version: str) -> None:
        self.runs: list[Bystander] = []
        self._stage = stage
        self._view = view
        self._version = version
        self._expected = 0

    async def play(self) -> int:
        """All scenes; the exit code of the last launcher."""
        await self._raise_curtain("The launcher starts its host, with a pool of one window.")
        for caption, actions, sagas in FIRST_SCENES:
            await self._scene(caption, actions, sagas)
        await self._kill_the_launcher()
        await self._raise_curtain("It is started again on the same data: the log is recovered.")
        await self._scene("Ids go on where they were.", "promote; close newest", 2)
        self._view.scene("The launcher is asked to end.")
        code = await self._stage.stop_launcher()
        await self.runs[-1].leave()
        self._look()
        return code

    async def _raise_curtain(self, caption: str) -> None:
        self._view.scene(caption)
        panes = self._stage.panes_started()
        await self._stage.start_launcher()
        self.runs.append(await Bystander.join(self._stage.socket, self._version))
        await until(lambda: self._stage.panes_started() >= panes + 2, "the host opened no window")

    async def _scene(self, caption: str, actions: str, sagas: int) -> None:
        self._view.scene(caption)
        self._stage.act(actions)
        self._expected += sagas
        await self._wait(all_ended)
        await asyncio.sleep(PAUSE_SECONDS)

    async def _kill_the_launcher(self) -> None:
        self._view.scene("Two sagas wait; the launcher is killed (SIGKILL), its panes end.")
        self._stage.act(LOST)
        self._expected += LOST_SAGAS
        await self._wait(lambda sagas: not any(all_ended([saga]) for saga in sagas[-LOST_SAGAS:]))
        await self._stage.kill_launcher()
        await self.runs[-1].leave()

    async def _wait(self, enough: Callable[[Sequence[SagaLine]], bool]) -> None:
        def over() -> bool:
            sagas = self._look()
            return len(sagas) >= self._expected and enough(sagas)

        await until(over, "the sagas of this scene did not come as far as they should")

    def _look(self) -> tuple[SagaLine, ...]:
        sagas = read_sagas(self._stage.data_dir)
        self._view.sagas(sagas)
        return sagas


def all_ended(sagas: Sequence[SagaLine]) -> bool:
    """Whether nothing is in flight."""
    return all(saga.state != "running" for saga in sagas)
