"""What the log and the bus have told so far, as one immutable value folded over effects.

A test, a simulation or a checker keeps a `History` beside the state and gives it every step; what
it returns are the broken promises of DESIGN 4, each naming its invariant. Only sagas that are
open are kept, so a history is as small as the state.
"""

from typing import Literal

from msgspec import Struct

from saga_core.engine.messages import SagaCompleted, SagaFailed
from saga_core.engine.records import SagaClosed
from saga_core.engine.registry import Registry

StepState = Literal["pending", "succeeded", "failed"]


class Story(Struct, frozen=True, gc=False):
    """What was told of one saga that is open: its row, its steps, its deadline and its bracket.

    `issued` orders the newest command among those of all sagas.
    """

    announced: bool = False
    armed: bool = False
    steps: tuple[StepState, ...] = ()
    issued: int = 0


class History(Struct, frozen=True, gc=False):
    """The stories of open sagas, and the highest version and id that anybody saw."""

    stories: Registry[Story]
    version: int = 0
    highest_id: int = 0
    commands: int = 0


class Violation(Struct, frozen=True):
    """A broken promise: the invariant of DESIGN 4 (`I1` … `I9`) and one sentence with ids."""

    invariant: str
    sentence: str


class Telling:
    """One saga's story while a step is told, with what ends it: it never outlives that step."""

    __slots__ = ("announced", "armed", "closed", "ended", "issued", "steps")

    def __init__(self, story: Story) -> None:
        self.announced = story.announced
        self.armed = story.armed
        self.steps = story.steps
        self.issued = story.issued
        self.closed: SagaClosed | None = None
        self.ended: SagaCompleted | SagaFailed | None = None

    def story(self) -> Story:
        """The story so far, of a saga that goes on."""
        return Story(self.announced, self.armed, self.steps, self.issued)


def empty_history() -> History:
    """Before the first event of the first run."""
    return History(Registry())
