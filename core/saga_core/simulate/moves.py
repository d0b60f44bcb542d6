"""What can happen to a simulated process, as values that can be played again."""

from msgspec import Struct

from saga_core.check.scope import FAULTS

OWN = {
    "trigger": "an event opens a saga",
    "answer": "a peer answers what it was asked",
    "late": "a peer answers what an ended saga had asked, or reports that it failed",
    "connect": "a peer that is away connects",
    "closed": "a connection that the process hung up ends",
    "stale": "a timer fires that was cancelled, or fired before",
    "heal": "the log works again",
    "end": "the process ends after a shutdown",
    "start": "the process starts, and recovers from its rows",
}
"""What happens without any fault, by name."""

DEMANDS = {
    "mend": "from here on peers do what they are asked, so no saga that opens now may fail",
    "settled": "whoever was answered all that it asked must have completed",
    "overdue": "from here on nobody says anything, and deadlines pass",
    "rest": "every deadline has passed, so every saga must have ended",
    "anew": "another process, in another world",
}
"""What nothing happens in: marks of the second phase, and of a new round."""

KINDS = {**OWN, **FAULTS, **DEMANDS}
"""Every kind of move; a crash is said of the move in which the process dies."""

LIVES = -1
"""The process survives the move."""


class Move(Struct, frozen=True, gc=False):
    """One move.

    `saga`, `connection`: whom it concerns; 0 is nobody. `which` chooses among triggers, peers, the
    commands or the timers of that saga; `more` among answers, or names another saga. `dies`: a
    number that chooses the effect after which the process dies, or `LIVES`.
    """

    kind: str
    saga: int = 0
    connection: int = 0
    which: int = 0
    more: int = 0
    dies: int = LIVES

    @property
    def called(self) -> str:
        """Its kind as people count it: a move in which the process dies is a crash."""
        return self.kind if self.dies == LIVES else "crash"


def title(move: Move, triggers: tuple[str, ...], peers: tuple[str, ...]) -> str:
    """A move in one line; sagas and connections by number."""
    words = [move.kind]
    if move.kind == "trigger":
        words.append(triggers[move.which])
    if move.kind in {"connect", "second", "restart"}:
        words.append(peers[move.which])
    if move.saga:
        words.append(f"of saga {move.saga}")
    if move.kind == "foreign":
        words.append(f"as if saga {move.more} had asked")
    if move.connection:
        words.append(f"over connection {move.connection}")
    if move.dies != LIVES:
        words.append("and the process dies in it")
    return " ".join(words)
