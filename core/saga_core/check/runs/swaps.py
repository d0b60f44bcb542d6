"""Which order mattered: each two moves of a run that follow one another, the other way round."""

from collections.abc import Sequence

from msgspec.structs import replace

from saga_core.check.report import Swap, Swapped
from saga_core.check.runs.capsule import Capsule, Cue
from saga_core.check.runs.replay import replay, stage_of, take_all
from saga_core.check.scope import Scenario

_SAYS: dict[str, Swapped] = {"breaks": "fails", "holds": "passes", "impossible": "impossible"}


def swaps(capsule: Capsule, scenario: Scenario) -> tuple[Swap, ...]:
    """Each two neighbours, and what becomes of the run if they change places."""
    opened = _opened(capsule, scenario)
    return tuple(
        Swap((first + 1, first + 2), _swapped(capsule, scenario, first, opened))
        for first in range(len(capsule.moves) - 1)
    )


def _swapped(
    capsule: Capsule, scenario: Scenario, first: int, opened: Sequence[int | None]
) -> Swapped:
    one, other = capsule.moves[first : first + 2]
    rest = capsule.moves[first + 2 :]
    mine, its = opened[first], opened[first + 1]
    if mine is not None and its is not None:
        rest = tuple(_renamed(cue, {mine: its, its: mine}) for cue in rest)
    moves = (*capsule.moves[:first], other, one, *rest)
    return _SAYS[replay(replace(capsule, moves=moves), scenario).verdict]


def _opened(capsule: Capsule, scenario: Scenario) -> list[int | None]:
    """The saga that each move opens: two that change places change their ids too."""
    found: list[int | None] = [None] * len(capsule.moves)
    for place, taken in enumerate(take_all(stage_of(capsule, scenario), capsule.moves)):
        if taken.cue.move == "trigger" and taken.here.state is not None:
            found[place] = taken.here.state.counters.next_saga_id - 1
    return found


def _renamed(cue: Cue, names: dict[int, int]) -> Cue:
    return replace(
        cue,
        saga_id=names.get(cue.saga_id, cue.saga_id),
        poses_as=names.get(cue.poses_as, cue.poses_as),
    )
