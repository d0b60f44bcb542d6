"""A run of a world as plain events, for whoever plays it: a reducer, or a whole shell."""

from typing import NamedTuple

from saga_core.engine.events import Event


class Played(NamedTuple):
    """One move of a run: its kind (as in `scope.FAULTS`, or the world's own) and its events.

    `died`: the process dies in the last of the events, once so many of its effects are done;
    None, if it lives on. A move may have no event: what a peer forgets concerns nobody at once.
    """

    kind: str
    events: tuple[Event, ...]
    died: int | None = None
