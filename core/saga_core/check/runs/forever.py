"""Whether a run that was played goes round for ever: a lasso, judged in real names.

It does if its last moves lead back to a world that is like the one they set out from, if a saga is
open in all of these worlds, and if every fair action that is possible in one of them is taken.
"""

from collections.abc import Hashable, Sequence

from saga_core.check.runs.capsule import Cue
from saga_core.check.runs.lanes import title
from saga_core.check.runs.scene import Scene
from saga_core.check.runs.stage import Stage, Taken
from saga_core.check.worlds.view import names_of, readdressed, settle, view


def ended_by(stage: Stage, promise: str, run: Sequence[Taken], repeats: int) -> str | None:
    """Why the run doesn't go on for ever from move `repeats` on; None if it does."""
    start = run[repeats - 1].here if repeats else stage.first()
    scenes = [start, *(taken.here for taken in run[repeats:])]
    if not all(scene.down.rows for scene in scenes):
        return "no saga is in flight all the time"
    if likeness(stage, scenes[-1]) != likeness(stage, start):
        return "they lead on, and not round"
    taken = {_fair(promise, move.cue) for move in run[repeats:]}
    for scene in scenes:
        for option in stage.options.of(scene):
            action = _fair(promise, option.cue)
            if action is not None and action not in taken:
                return f"in the end {title(option.cue)}"
    return None


def likeness(stage: Stage, here: Scene) -> Hashable:
    """What two worlds share that behave alike: sagas by rank, connections by role."""
    if here.state is None:
        return here.down.rows, here.left
    names = names_of(here.state, stage.scenario.peers, stage.scope.connections)
    rank = {saga_id: place for place, saga_id in enumerate(names.sagas, start=1)}
    held = frozenset(
        (sent.target, readdressed(stage.scenario, sent.target, sent.command, rank[sent.saga_id]))
        for sent in here.held
        if sent.saga_id in rank
    )
    slots = tuple(here.slots[old - 1] for old in names.connections)
    settled = settle(stage.scenario, here.state, names, rename=True)
    return view(settled), slots, held, here.left, here.stuck is None


def _fair(promise: str, cue: Cue) -> Hashable | None:
    """The action of a move, if it is fair under this promise: it can't be put off for ever."""
    match promise, cue.move:
        case "ends", "deadline" | "start" if cue.dies_after is None:
            return cue.move
        case "completes" | "settles", "answer":
            return "answer", cue.saga_id
        case "completes" | "settles", "connect" | "second":
            return "connect", cue.peer
        case "completes" | "settles", "closed":
            return "closed"
        case _:
            return None
