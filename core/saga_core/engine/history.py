"""What the log and the bus have told so far, as one immutable value folded over effects.

A test, a simulation or a checker keeps a `History` beside the state and gives it every step; what
it returns are the broken promises of DESIGN 4, each naming its invariant. Only sagas that are
open are kept, so a history is as small as the state.
"""

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace
from pyrsistent import PMap, pmap

from saga_core.engine.messages import SagaCompleted, SagaFailed
from saga_core.engine.records import SagaClosed

StepState = Literal["pending", "succeeded", "failed"]


class Story(Struct, frozen=True):
    """What was told of one saga: its row, its steps, its deadline and its bracket.

    `issued` orders the newest command among those of all sagas.
    """

    announced: bool = False
    armed: bool = False
    steps: tuple[StepState, ...] = ()
    issued: int = 0
    closed: SagaClosed | None = None
    ended: SagaCompleted | SagaFailed | None = None


class History(Struct, frozen=True):
    """The stories of open sagas, and the highest version and id that anybody saw."""

    stories: PMap[int, Story]
    version: int = 0
    highest_id: int = 0
    commands: int = 0


class Violation(Struct, frozen=True):
    """A broken promise: the invariant of DESIGN 4 (`I1` … `I9`) and one sentence with ids."""

    invariant: str
    sentence: str


def empty_history() -> History:
    """Before the first event of the first run."""
    return History(pmap())


def with_story(history: History, saga_id: int, story: Story) -> History:
    """`history` with another story of that saga."""
    return replace(history, stories=history.stories.set(saga_id, story))
