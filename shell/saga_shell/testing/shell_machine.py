"""A Hypothesis state machine over the real shell on a virtual clock; see the package."""

import asyncio
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

from saga_core.agentmux import AgentMux
from saga_core.check import Played, Scenario
from saga_core.check.agentmux import SCENARIO
from saga_core.check.runs.stage import Taken
from saga_core.engine import Config
from saga_shell.rehearsal import PlayedShell, Rehearsal, VirtualTimeLoop, rehearse
from saga_shell.testing.life import Life, played
from saga_shell.testing.machine import LifeMachine, history


class DivergedError(AssertionError):
    """The shell did not do what the reducer says; the text tells what, and the life before it."""


class ShellMachine(LifeMachine):
    """Random lives of AgentMux, each move performed by the real shell, and judged there too.

    Moves are performed one by one; at its end the whole life is performed once more in a hurry, so
    that moves share commits. The classes' attributes are those of `SagaMachine`.
    """

    scenario: ClassVar[Scenario] = SCENARIO

    @classmethod
    def problems(cls) -> list[str]:
        """What a subclass forgot to say, or said wrong; one line each."""
        found = super().problems()
        if not found and not isinstance(cls.scenario.application, AgentMux):
            name = type(cls.scenario.application).__name__
            found = [f"the shell runs AgentMux, not {name}: make it a SagaMachine"]
        return found

    def began(self, life: Life) -> None:
        """The shell starts, on an empty log."""
        self._folder = TemporaryDirectory(prefix="agentmux-machine-")
        self._loop = asyncio.Runner(loop_factory=partial(VirtualTimeLoop, threads=False))
        self._shell = PlayedShell(self._place("step by step"), _config(life), judged=False)
        self._waiting: Played | None = None
        self._loop.run(self._shell.open())

    def followed(self, taken: Taken) -> None:
        """Perform the move before: whether its commit fails is known by this one."""
        move = played(taken)
        self._perform(move)
        self._waiting = move

    def ended(self, life: Life) -> None:
        """Perform the last move, then all of them in a hurry."""
        self._perform(None)
        self._loop.run(self._shell.close())
        self._judge("step by step", self._shell.outcome())
        place = self._place("in a hurry")
        hurried = rehearse(
            life.stage.scenario.application, life.played(), place, _config(life), hurried=True
        )
        self._judge("in a hurry", hurried.unwrap())

    def teardown(self) -> None:
        """See how it ends, and leave nothing behind."""
        try:
            super().teardown()
        finally:
            if self._life is not None:
                self._loop.close()
                self._folder.cleanup()

    def _perform(self, following: Played | None) -> None:
        if self._waiting is None:
            return
        self._loop.run(self._shell.play(self._waiting, following))
        if self._shell.judge.is_over:
            self._loop.run(self._shell.close())
            self._judge("step by step", self._shell.outcome())

    def _judge(self, pace: str, outcome: Rehearsal) -> None:
        wrong = outcome.divergence or outcome.broken
        if wrong is not None:
            sentence = f"{pace}, at move {wrong.move + 1}: {wrong.sentence}"
            raise DivergedError("\n".join([sentence, *history(self.life)]))

    def _place(self, name: str) -> Path:
        return Path(self._folder.name) / name


def _config(life: Life) -> Config:
    return Config(buffer_cap=life.stage.scope.buffer_cap)
