"""A whole play, from an empty directory to the rows that are left."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from returns.result import Failure, Success

from saga_core.agentmux import AgentMux
from saga_core.check.played import Played
from saga_core.engine import Application, Config, RecoveryRequested
from saga_shell.rehearsal.clock import run_virtually
from saga_shell.rehearsal.ledger import read_rows, without_times
from saga_shell.rehearsal.outcome import Rehearsal, SavedSaga
from saga_shell.rehearsal.shell import PlayedShell


def rehearse(
    application: Application[Any],
    play: Sequence[Played],
    directory: Path,
    config: Config | None = None,
    *,
    hurried: bool = False,
    judged: bool = True,
) -> Success[Rehearsal] | Failure[str]:
    """Play `play` with the real shell; the `Failure` is one line that says why that can't be.

    `config` are the bounds that the play was found with. `hurried`: moves come as fast as they are
    taken, so that many share a commit; otherwise the shell comes to rest after each. `judged`: each
    step is held to the promises too, which costs more than all the rest; leave it out for a play
    that the pure reducer was judged by. Blocks, and runs a loop of its own.
    """
    if not isinstance(application, AgentMux):
        name = type(application).__name__
        return Failure(f"the shell runs AgentMux, not {name}: replay this run with the reducer")
    problem = unplayable(play)
    if problem is not None:
        return Failure(problem)
    shell = PlayedShell(
        directory, config if config is not None else Config(), hurried=hurried, judged=judged
    )
    played, seconds = run_virtually(_perform(shell, play))
    return Success(_outcome(shell, played, seconds, read_rows(shell.path)))


def unplayable(play: Sequence[Played]) -> str | None:
    """Why this can't be a run: it goes on without a process, or starts one that runs."""
    runs = True
    for number, move in enumerate(play):
        starts = any(isinstance(event, RecoveryRequested) for event in move.events)
        if starts == runs or (starts and len(move.events) > 1):
            state = "already runs" if runs else "is dead"
            return f"move {number + 1} ({move.kind}) can't happen to a process that {state}"
        dies = move.died is not None or (move.kind == "crash" and not move.events)
        runs = not dies
    return None


async def _perform(shell: PlayedShell, play: Sequence[Played]) -> tuple[int, float]:
    await shell.open()
    following = (*play[1:], None)
    number = 0
    for number, (move, after) in enumerate(zip(play, following, strict=False), start=1):
        await shell.play(number - 1, move, after)
        if shell.judge.is_over:
            break
    if not shell.judge.is_over:
        await shell.rest()
    await shell.close()
    return number, asyncio.get_running_loop().time()


def _outcome(
    shell: PlayedShell, played: int, seconds: float, rows: tuple[SavedSaga, ...]
) -> Rehearsal:
    judge = shell.judge
    if tuple(map(without_times, rows)) != judge.ledger.rows():
        judge.diverge("the file does not say what the reducer wanted written")
    return Rehearsal(
        moves=played,
        events=judge.events,
        ignored=judge.ignored,
        processes=shell.processes,
        batches=shell.batches,
        seconds=seconds,
        bus=tuple(judge.deeds.bus),
        heard={number: tuple(heard) for number, heard in judge.deeds.heard.items()},
        rows=rows,
        broken=judge.broken,
        divergence=judge.divergence,
    )
