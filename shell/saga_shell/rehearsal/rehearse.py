"""A whole play, from an empty directory to the rows that are left."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from returns.result import Failure, Success

from saga_core.agentmux import AgentMux
from saga_core.check.runs.played import Played
from saga_core.engine import Application, Config, RecoveryRequested
from saga_shell.rehearsal.clock import run_virtually
from saga_shell.rehearsal.outcome import Rehearsal
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
        return Failure(f"the shell runs AgentMux, not {name}: this run is for the reducer alone")
    problem = unplayable(play)
    if problem is not None:
        return Failure(problem)
    shell = PlayedShell(
        directory, config if config is not None else Config(), hurried=hurried, judged=judged
    )
    run_virtually(_perform(shell, play), threads=False)
    return Success(shell.outcome())


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


async def _perform(shell: PlayedShell, play: Sequence[Played]) -> None:
    await shell.open()
    for move, following in zip(play, (*play[1:], None), strict=False):
        if shell.judge.is_over:
            break
        await shell.play(move, following)
    await shell.close()
