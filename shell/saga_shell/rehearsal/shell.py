"""Bringing about what a play says, move by move, in a launcher that is real but for its sockets."""

import asyncio
from pathlib import Path

from returns.result import Failure, Success

from saga_core.check.runs.played import Played
from saga_core.engine import (
    CommandReceived,
    Config,
    ConnectionClosed,
    ConnectionOpened,
    Event,
    LogCommitFailed,
    LogCommitRecovered,
    RecoveryRequested,
    TimerFired,
)
from saga_shell.launcher.runner import BATCH_EVENTS, RETRY_SECONDS
from saga_shell.log import LogWriter, current_path
from saga_shell.rehearsal.disk import Disk
from saga_shell.rehearsal.judge import Judge
from saga_shell.rehearsal.ledger import read_rows, without_times
from saga_shell.rehearsal.names import Names
from saga_shell.rehearsal.outcome import Rehearsal
from saga_shell.rehearsal.process import Process, open_log

_RETRIES = 100
"""After so many a log that works again must have taken all that waited."""

_ALONE = (TimerFired, LogCommitFailed, LogCommitRecovered)
"""These wait for the shell to rest, even in a hurry: timers must be armed, a notice has a place."""


class PlayedShell:
    """A launcher and its world, on a loop with a virtual clock.

    `hurried`: moves come as fast as the loop takes them, so that batches gather; otherwise the
    shell comes to rest after each. `judged`: each step is held to the promises too. A play may only
    be what can happen: see `unplayable`.
    """

    def __init__(
        self, directory: Path, config: Config, *, hurried: bool = False, judged: bool = True
    ) -> None:
        self.path = current_path(directory)
        self.judge = Judge(judged=judged)
        self.processes = self.batches = self.moves = 0
        self.seconds = 0.0
        self._process: Process | None = None
        self._config = config
        self._hurried = hurried
        self._disk = Disk()
        self._names = Names(self._stay_of)
        self._connections = 1
        self._given_in_a_row = 0
        self._noticed = False

    @property
    def process(self) -> Process:
        """The process that runs."""
        assert self._process is not None, "the process is dead"
        return self._process

    @property
    def is_up(self) -> bool:
        """Whether a process runs."""
        return self._process is not None

    async def open(self) -> None:
        """The first process starts, on an empty log."""
        await self._start(Played("start", (RecoveryRequested(1),)), -1)

    async def play(self, move: Played, following: Played | None = None) -> None:
        """Bring about one more move; if a commit fails over it, `following` must be known."""
        number = self.moves
        self.moves += 1
        if not move.events:
            if move.kind == "crash":
                await self.rest()
                await self._kill(before_commit=False)
        elif isinstance(move.events[0], RecoveryRequested):
            await self._start(move, number)
        else:
            for event in move.events[:-1]:
                await self._bring(number, move.kind, event)
            await self._play_last(number, move, following)

    async def rest(self) -> None:
        """Wait until nothing is under way any more."""
        self._given_in_a_row = 0
        if self._process is not None:
            await self._settle(self._process)
            self.judge.settled()

    async def close(self) -> Success[None] | Failure[str]:
        """End the process, if one runs. What the disk does not take is lost."""
        if not self.judge.is_over:
            await self.rest()
        self.seconds = asyncio.get_running_loop().time()
        if self._process is None:
            return Success(None)
        self.judge.died(self._process.log.pending_records, before_commit=False)
        return await self._let_go(killed=False)

    def outcome(self) -> Rehearsal:
        """What came of it, once it is closed. Blocks."""
        rows, judge = read_rows(self.path), self.judge
        if not judge.is_over and tuple(map(without_times, rows)) != judge.ledger.rows():
            judge.diverge("the file does not say what the reducer wanted written")
        return Rehearsal(
            moves=self.moves,
            events=judge.events,
            ignored=judge.ignored,
            processes=self.processes,
            batches=self.batches,
            seconds=self.seconds,
            bus=tuple(judge.deeds.bus),
            heard={number: tuple(heard) for number, heard in judge.deeds.heard.items()},
            rows=rows,
            broken=judge.broken,
            divergence=judge.divergence,
        )

    async def _settle(self, process: Process) -> None:
        fault = await process.settle()
        if fault is not None:
            self.judge.diverge(f"the process ended by itself: {fault}")
        if process.log.refused:
            self.judge.diverge(f"the saga log refused {process.log.refused} record(s)")

    async def _start(self, move: Played, number: int) -> None:
        assert self._process is None, "the process runs already"
        (event,) = move.events
        assert isinstance(event, RecoveryRequested)
        self.judge.begin(number, move.kind, event)
        match await open_log(self.path, self._disk):
            case Success(log):
                self._run(log)
                await self._recover(move, event)
            case Failure(error):
                self.judge.diverge(f"the process did not start: {error.message}")

    def _run(self, log: LogWriter) -> None:
        self.processes += 1
        self._process = Process(
            self.judge.reducer, self._config, log, self._disk, self.judge, self._connections
        )

    async def _recover(self, move: Played, played: RecoveryRequested) -> None:
        process = self.process
        recovery = process.recovery()
        self._names.start(played.next_saga_id, recovery.next_saga_id)
        self.judge.start(recovery)
        if move.died is not None:
            process.light_fuse(move.died)
        process.give(recovery)
        if move.died is None:
            await self.rest()
        else:
            await self._burn_down()

    async def _play_last(self, number: int, move: Played, following: Played | None) -> None:
        last = move.events[-1]
        if move.died is not None:
            await self.rest()
            self.process.light_fuse(move.died)
            await self._bring(number, move.kind, last)
            await self._burn_down()
        elif following is not None and _fails(following) and not isinstance(last, _ALONE):
            await self._fail_over(number, move, last, following)
        else:
            await self._bring(number, move.kind, last)
            await self._pause()

    async def _burn_down(self) -> None:
        await self._settle(self.process)
        self.judge.came()
        await self._kill(before_commit=self.process.lost_a_step)

    async def _kill(self, *, before_commit: bool) -> None:
        self.judge.died(self.process.log.pending_records, before_commit=before_commit)
        await self._let_go(killed=True)
        self._noticed = False

    async def _let_go(self, *, killed: bool) -> Success[None] | Failure[str]:
        process, self._process = self.process, None
        self._connections = process.peers.next_connection
        self.batches += process.batches
        return await process.end(killed=killed)

    async def _fail_over(self, number: int, move: Played, event: Event, failure: Played) -> None:
        """The commit that this event brings about, if it does, is the one that fails."""
        await self.rest()
        self._disk.state = "full"
        await self._bring(number, move.kind, event)
        self.judge.expect(number + 1, failure.kind, failure.events[0])
        self._noticed = True
        await self._settle(self.process)

    async def _pause(self) -> None:
        self._given_in_a_row += 1
        if not self._hurried or self._given_in_a_row >= BATCH_EVENTS:
            await self.rest()

    async def _bring(self, number: int, kind: str, event: Event) -> None:
        if isinstance(event, LogCommitFailed) and self._noticed:
            self._noticed = False
            if not self.process.log.pending_records:
                self.process.give(event)
            return
        if isinstance(event, _ALONE):
            await self.rest()
        if isinstance(event, ConnectionOpened):
            self._names.connections[event.connection] = self.process.peers.next_connection
        real = self._names.event(event)
        self.judge.expect(number, kind, real)
        await self._cause(real)

    async def _cause(self, event: Event) -> None:
        process = self.process
        match event:
            case ConnectionOpened(_, barred):
                process.peers.connect(barred)
            case CommandReceived(connection, command) if process.peers.is_open(connection):
                process.peers.say(connection, command)
            case ConnectionClosed(connection) if process.peers.is_open(connection):
                process.peers.end(connection)
            case TimerFired(timer) if timer in process.timers:
                await process.timers.reach(timer)
            case LogCommitFailed():
                self._disk.state = "full"
                process.give(event)
            case LogCommitRecovered():
                await self._heal(event)
            case _:
                process.give(event)

    async def _heal(self, event: LogCommitRecovered) -> None:
        """The runner notices by itself when its next retry works, if it has anything to retry."""
        self._disk.state = "works"
        if not self.process.log.pending_records:
            self.process.give(event)
            return
        for _ in range(_RETRIES):
            await self.process.timers.wait(RETRY_SECONDS)
            await self._settle(self.process)
            if not self.judge.awaits:
                return

    def _stay_of(self, saga_id: int) -> int:
        flight = self.process.state.sagas.get(saga_id)
        return flight.awaiting.stay if flight is not None and flight.awaiting is not None else 0


def _fails(move: Played) -> bool:
    """Whether a commit fails over the move before, and the process lives to tell of it."""
    return move.died is None and any(isinstance(event, LogCommitFailed) for event in move.events)
