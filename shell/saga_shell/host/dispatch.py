"""Carries out what the launcher asks, once each, and answers it (FACTS 2.9, R-21).

An answer with a saga's id goes out after the effect is real. What can't be done is answered too:
`report_saga_action_failed`. A command that comes twice is carried out once and answered twice,
byte for byte the same, also while the first is still at work (FACTS F-39). Id 0 means no saga: such
a command is never taken for a duplicate, and its report carries null.
"""

import asyncio
from collections.abc import Callable

from returns.result import Failure, Success

from saga_core.agentmux.commands import (
    DrainPoolIfLast,
    HostCommand,
    ProbeUiThread,
    ReapPanes,
    ReportPanesReaped,
    ReportPoolDrainDecision,
    ReportSagaActionFailed,
    ReportUiThreadAlive,
    SpawnPoolWindow,
)
from saga_core.engine import Command, tag_of
from saga_shell.host import sudden
from saga_shell.host.accounts import Counters, Say
from saga_shell.host.cache import AnswerCache, Key
from saga_shell.host.faults import Abort, Crash, Delay, Effect, Fail, FaultPlan, Ignore
from saga_shell.host.windows import Windows


class Dispatcher:
    """The host's side of the launcher's commands."""

    def __init__(
        self,
        windows: Windows,
        faults: FaultPlan,
        send: Callable[[Command], None],
        counters: Counters,
        say: Say,
    ) -> None:
        self._windows = windows
        self._faults = faults
        self._send = send
        self._counters = counters
        self._say = say
        self._answers: AnswerCache[Command] = AnswerCache()
        self._at_work: dict[Key, asyncio.Future[Command | None]] = {}

    async def carry_out(self, command: HostCommand) -> None:
        """Do what `command` asks and send the answer. One that a fault swallows gets none.

        Nothing is awaited between a change and the sending of the report that tells of it.
        """
        self._counters.commands += 1
        saga_id = saga_id_of(command)
        if saga_id is None:
            answer = await self._attempt(command)
        else:
            answer = await self._once((saga_id, tag_of(command)), command)
        if answer is not None:
            self._send(answer)

    async def _once(self, key: Key, command: HostCommand) -> Command | None:
        known = self._answers.lookup(key)
        if known is not None:
            return self._duplicate(key, known)
        if key in self._at_work:
            return self._duplicate(key, await asyncio.shield(self._at_work[key]))
        result = self._at_work[key] = asyncio.get_running_loop().create_future()
        try:
            answer = await self._attempt(command)
            if answer is not None:
                self._answers.insert(key, answer)
            result.set_result(answer)
            return answer
        finally:
            del self._at_work[key]
            result.cancel()  # no effect on a result; lets go of whoever waits for none

    def _duplicate(self, key: Key, answer: Command | None) -> Command | None:
        self._counters.duplicates += 1
        self._say(f"saga {key[0]}: {key[1]} came again; same answer")
        return answer

    async def _attempt(self, command: HostCommand) -> Command | None:
        for effect in self._faults.take(tag_of(command)):
            self._counters.faults_met += 1
            self._say(f"{_named(command)}: fault {effect}")
            if isinstance(effect, Ignore):
                return None
            if isinstance(effect, Fail):
                return self._failed(command, effect.reason)
            await _suffer(effect)
        match await self._perform(command):
            case Success(report):
                self._say(f"{_named(command)}: done")
                return report
            case Failure(reason):
                return self._failed(command, reason)

    async def _perform(self, command: HostCommand) -> Success[Command] | Failure[str]:
        match command:
            case ProbeUiThread(nonce=nonce):
                return Success(ReportUiThreadAlive(nonce))
            case SpawnPoolWindow():
                return await self._windows.add_to_pool(saga_id_of(command))
            case ReapPanes():
                return await self._reap(command)
            case DrainPoolIfLast():
                return await self._drain(command)

    async def _reap(self, command: ReapPanes) -> Success[Command] | Failure[str]:
        match await self._windows.reap(command.label):
            case Success(_):
                return Success(ReportPanesReaped(command.label, saga_id_of(command)))
            case Failure(reason):
                return Failure(reason)

    async def _drain(self, command: DrainPoolIfLast) -> Success[Command] | Failure[str]:
        match await self._windows.drain_if_last(command.label):
            case Success(last):
                return Success(ReportPoolDrainDecision(command.label, last, saga_id_of(command)))
            case Failure(reason):
                return Failure(reason)

    def _failed(self, command: HostCommand, reason: str) -> Command | None:
        saga_id = saga_id_of(command)
        self._say(f"{_named(command)}: failed: {reason}")
        return None if saga_id is None else ReportSagaActionFailed(saga_id, reason)


def saga_id_of(command: HostCommand) -> int | None:
    """The saga that asks; None if none does."""
    match command:
        case ProbeUiThread():
            return None
        case SpawnPoolWindow(saga_id=saga_id):
            return saga_id or None
        case ReapPanes(saga_id=saga_id) | DrainPoolIfLast(saga_id=saga_id):
            return saga_id or None


def _named(command: HostCommand) -> str:
    saga_id = saga_id_of(command)
    return tag_of(command) if saga_id is None else f"saga {saga_id}: {tag_of(command)}"


async def _suffer(effect: Effect) -> None:
    match effect:
        case Delay(seconds):
            await asyncio.sleep(seconds)
        case Crash():
            sudden.crash()
        case Abort(code):
            sudden.abort(code)
        case Fail() | Ignore():
            return
