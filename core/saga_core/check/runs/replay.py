"""Playing a capsule against the reducer as it is now: whether the run still breaks a promise.

Every promise is judged at every move, not only the one that broke when the run was found.
"""

from collections.abc import Iterable
from typing import Literal

import msgspec
from msgspec import Struct

from saga_core.check.report import Line
from saga_core.check.runs.capsule import Capsule, Cue, scope_of
from saga_core.check.runs.forever import ended_by
from saga_core.check.runs.lanes import line_of, title
from saga_core.check.runs.played import Played
from saga_core.check.runs.stage import Stage, Taken
from saga_core.check.scope import HONEST, Scenario

COMPLETES = "completes"
"""Every opened saga completes, if its peers answer and come back."""


class Outcome(Struct, frozen=True):
    """What became of a run.

    `breaks`: move number `move` breaks `promise`, or all moves were played and go round for ever.
    `impossible`: move number `move` can't happen any more; `instead` is what can, there. `holds`:
    every move was played, and every promise kept. `lines` are the moves that were played.
    """

    verdict: Literal["breaks", "holds", "impossible"]
    sentence: str
    lines: tuple[Line, ...]
    move: int | None = None
    promise: str | None = None
    instead: tuple[str, ...] = ()


def misfit(capsule: Capsule, scenario: Scenario) -> str | None:
    """What the capsule names that the application doesn't have; None if it can be played."""
    peers = {cue.peer for cue in capsule.moves if cue.peer}
    for kind, named, known in (
        ("saga", capsule.scope.sagas, scenario.triggers),
        ("peer", peers, scenario.peers),
    ):
        missing = sorted(set(named) - set(known))
        if missing:
            return f"the application has no {kind} {missing[0]!r}, it has {', '.join(known)}"
    return None


def replay(capsule: Capsule, scenario: Scenario) -> Outcome:
    """Play the capsule and judge every promise. It must be no `misfit`."""
    stage = stage_of(capsule, scenario)
    run = take_all(stage, capsule.moves)
    lines = tuple(line_of(taken, stage.fresh) for taken in run)
    last = run[-1] if run else None
    if last is not None and last.broken is not None:
        promise, sentence = last.broken.invariant, last.broken.sentence
        return Outcome("breaks", sentence, lines, len(run), promise)
    if len(run) < len(capsule.moves):
        cue, here = capsule.moves[len(run)], stage.first() if last is None else last.here
        instead = tuple(dict.fromkeys(title(option.cue) for option in stage.options.of(here)))
        return Outcome("impossible", _told(cue, instead), lines, len(run) + 1, None, instead)
    if capsule.repeats is None:
        return Outcome("holds", f"all {len(run)} moves were played, every promise held", lines)
    ended = ended_by(stage, capsule.promise, run, capsule.repeats)
    if ended is None:
        return Outcome("breaks", capsule.sentence, lines, len(run), capsule.promise)
    return Outcome("holds", f"all {len(run)} moves were played: {ended}", lines)


def played(capsule: Capsule, scenario: Scenario) -> tuple[Played, ...]:
    """The run as plain events, up to the first move that is not possible any more.

    The capsule must be no `misfit`.
    """
    stage = stage_of(capsule, scenario)
    return tuple(
        Played(taken.cue.move, tuple(deed.event for deed in taken.deeds), taken.cue.dies_after)
        for taken in take_all(stage, capsule.moves)
    )


def _told(cue: Cue, instead: tuple[str, ...]) -> str:
    """What can't happen; with the message as it is, if another one by that name can."""
    sentence = title(cue)
    if sentence not in instead:
        return sentence
    return f"{sentence}, as {msgspec.json.encode(cue.command).decode()}"


def stage_of(capsule: Capsule, scenario: Scenario) -> Stage:
    """Where the capsule is played: peers of a run that must complete do what they are asked.

    A run in which they once did not only shows that a saga goes on: it may fail for that.
    """
    problem = misfit(capsule, scenario)
    assert problem is None, problem
    honest = capsule.promise == COMPLETES and HONEST.issuperset(capsule.scope.faults)
    return Stage(scenario, scope_of(capsule), honest=honest)


def take_all(stage: Stage, cues: Iterable[Cue]) -> list[Taken]:
    """The moves in order, up to the first that breaks a promise, or before one not possible."""
    run: list[Taken] = []
    here = stage.first()
    for cue in cues:
        taken = stage.play(here, cue)
        if taken is None:
            break
        run.append(taken)
        if taken.broken is not None:
            break
        here = taken.here
    return run
