"""Plays the user's actions, one after the other, from wherever they come."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable

from returns.result import Failure, Success

from saga_shell.host import sudden
from saga_shell.host.accounts import Counters, Say
from saga_shell.host.faults import FaultPlan
from saga_shell.host.scenario import (
    AbortNow,
    Close,
    CrashNow,
    Fill,
    Pause,
    Promote,
    Repeat,
    SetFault,
    UserAction,
    parse_line,
)
from saga_shell.host.windows import Windows


class Player:
    """The user. An action that can't be done is one line and a count; the next one follows."""

    def __init__(
        self,
        windows: Windows,
        faults: FaultPlan,
        patience: float,
        quit_host: Callable[[], None],
        counters: Counters,
        say: Say,
    ) -> None:
        """`patience`: seconds that `promote` waits for a pool window."""
        self._windows = windows
        self._faults = faults
        self._patience = patience
        self._quit_host = quit_host
        self._counters = counters
        self._say = say

    async def play(self, actions: Iterable[UserAction]) -> None:
        """Play `actions` in their order."""
        for action in actions:
            if isinstance(action, Repeat):
                for _ in range(action.times):
                    await self.play(action.actions)
            else:
                await self._perform(action)
                await asyncio.sleep(0)  # the launcher gets its turn, however much is repeated

    async def play_lines(self, lines: AsyncIterator[str], name: str) -> None:
        """Play each line as it comes; one that can't be read is one line and a count."""
        async for line in lines:
            match parse_line(line):
                case Success(actions):
                    await self.play(actions)
                case Failure(reason):
                    self._refused(f"{name}: {reason}")

    async def _perform(self, action: UserAction) -> None:
        self._counters.actions += 1
        match await self._do(action):
            case Success(done):
                self._say(done)
            case Failure(reason):
                self._refused(f"{type(action).__name__.lower()}: {reason}")

    def _refused(self, reason: str) -> None:
        self._counters.actions_refused += 1
        self._say(f"not done: {reason}")

    async def _do(self, action: UserAction) -> Success[str] | Failure[str]:
        match action:
            case Promote():
                return _told("promoted", await self._windows.promote(self._patience))
            case Close(which):
                return _told("closed", await self._windows.close(self._windows.named(which)))
            case Fill():
                return _told("filled the pool with", await self._windows.fill())
            case _:
                await self._steer(action)
                return Success(f"{action}")

    async def _steer(self, action: UserAction) -> None:
        match action:
            case Pause(seconds):
                await asyncio.sleep(seconds)
            case SetFault(fault):
                self._faults.add(fault)
            case CrashNow():
                sudden.crash()
            case AbortNow(code):
                sudden.abort(code)
            case _:
                self._quit_host()


def _told(what: str, window: Success[str] | Failure[str]) -> Success[str] | Failure[str]:
    match window:
        case Success(label):
            return Success(f"{what} {label!r}")
        case Failure(reason):
            return Failure(reason)
