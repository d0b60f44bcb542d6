"""What an author says to have a saga checked: the scenario; and how far a check goes: the scope."""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from saga_core.engine.application import Application
from saga_core.engine.events import Event
from saga_core.engine.messages import BusEvent, Command

FAULTS: dict[str, str] = {
    "deadline": "a saga's deadline passes",
    "expiry": "a command waits in its buffer for as long as it may",
    "failure": "a peer reports that it could not do what it was asked",
    "twice": "a peer answers the same command again, sooner or later",
    "foreign": "a peer answers for the wrong saga",
    "lost": "a command is sent and never taken",
    "send": "a command is known not to have been sent",
    "disconnect": "a peer's connection ends",
    "restart": "a peer's process dies, and forgets what it was asked",
    "second": "a peer connects again while its older connection lives on",
    "log": "a commit fails, and the log stays broken for a while",
    "shutdown": "the process is asked to end",
    "crash": "the process dies between any two effects, and recovers from its rows",
}
"""What can go wrong, by name. Each may happen as often as it likes."""

HONEST = frozenset({"disconnect", "restart", "second", "send"})
"""The faults that a peer which answers in time survives: every saga still completes."""

DEAD_ANSWERS = "dead-answers"
"""The reduction that forgets what peers still hold for ended sagas: see `contracts`."""

NAMES = "names"
"""The reduction that calls sagas by rank and connections by role: see `view`.

It needs `DEAD_ANSWERS`, for an ended saga has no rank.
"""

ORDER = "order"
"""The reduction that calls sagas by when they issued their commands, not by their ids: see `twins`.

It makes sagas interchangeable that differ in their ids alone, and needs `NAMES` and `ROWS`. A
reducer that decides by the order of ids breaks the obligation, and is checked without it.
"""

ALIKE = "alike"
"""The reduction that forgets when sagas issued their commands: those that await the same, sent over
the same connection, are interchangeable. It needs `ORDER`, and a buffer with room for all
(`Scope.alike`): where nothing is pushed out, that order decides only in which commands go out. See
`twins`.
"""

ROWS = "rows"
"""The reduction that forgets which rows a process left that died. The obligation it rests on is
checked for all rows met: the next run starts like the first, and breaks no promise in doing so.
"""

LATE_ROWS = "late-rows"
"""The reduction that forgets which rows a failing log lacks. The obligation it rests on is checked
at every start: whatever the rows are, the next run starts with nothing in flight."""

DEGRADED = "degraded"
"""The reduction that takes a process whose log fails for one whose log works.

It needs `LATE_ROWS` and `ROWS`. Two obligations are checked on the fly: an outage and its end lead
back to the same state; and a rule that looks at the log decides nothing else: see `twins`.
"""

NO_LESS = "no-less"
"""The reduction that passes over a world in which peers hold less than in one met at the same time.

What peers hold only adds moves, and each of them leads to a world where they hold as much. So under
the fault `twice` it is enough that peers answer and hold on: that they forget adds nothing new.
"""

REDUCTIONS = frozenset({DEAD_ANSWERS, NAMES, ORDER, ALIKE, ROWS, LATE_ROWS, DEGRADED, NO_LESS})
"""What makes the search smaller. Each can be switched off, and those that need it with it."""

_NEEDS = {
    NAMES: frozenset({DEAD_ANSWERS}),
    ORDER: frozenset({DEAD_ANSWERS, NAMES, ROWS}),
    ALIKE: frozenset({DEAD_ANSWERS, NAMES, ORDER, ROWS}),
    DEGRADED: frozenset({LATE_ROWS, ROWS}),
}


def _as_it_is(mirror: Any, _connections: Mapping[int, int]) -> Any:
    return mirror


class ReductionError(Exception):
    """A search has to be made again without these reductions.

    Either an obligation that they rest on does not hold, or something was found that is told in
    names which they merge.
    """

    def __init__(self, *reductions: str) -> None:
        super().__init__(*reductions)
        self.reductions = frozenset(reductions)


class LogForm(Struct, frozen=True):
    """How an application's messages stand in its log, for whoever reads that log back.

    `line_of` gives the line of a message, as the log keeps it; `event_of` is the event of a line,
    None if it is no event. `trigger_of` is the event that opens a saga of that name with that input
    (`input_json`, the text as logged); None if there is no such saga, or it takes no such input.
    """

    trigger_of: Callable[[str, str], BusEvent | None]
    event_of: Callable[[str], BusEvent | None]
    line_of: Callable[[Command | BusEvent], bytes]


class Scenario(Struct, frozen=True):
    """An application and its world.

    `triggers` are the events that open sagas, by name. `connect` are the events by which the peer
    `target` comes in over a connection. `answers` is what that peer says when it did what a
    command asks, each one possible; `failure` is what it says when it could not. `peers` are the
    targets that sagas use. `settle` gives the mirror new names for its connections, and shared
    ones to whatever in it only grows; it is needed if the mirror holds either. `log` is needed to
    check a recorded log (`check_log`).
    """

    application: Application[Any]
    triggers: Mapping[str, BusEvent]
    connect: Callable[[str, int], tuple[Event, ...]]
    answers: Callable[[Command], tuple[Command, ...]]
    failure: Callable[[Command], Command]
    peers: tuple[str, ...]
    settle: Callable[[Any, Mapping[int, int]], Any] = _as_it_is
    log: LogForm | None = None


class Scope(Struct, frozen=True):
    """How far a check goes. What is bounded is the number of triggers; faults have no bound.

    `sagas` are the triggers' names and how often each comes; `connections` is how many may live
    at once, for each peer.
    """

    sagas: tuple[tuple[str, int], ...]
    buffer_cap: int = 1
    faults: frozenset[str] = frozenset(FAULTS)
    connections: int = 2
    reductions: frozenset[str] = REDUCTIONS

    def uses(self, reduction: str) -> bool:
        """Whether a reduction is switched on, and all that it needs."""
        return {reduction, *_NEEDS.get(reduction, ())} <= self.reductions

    def without(self, reductions: frozenset[str]) -> "Scope":
        """The same scope, searched without these."""
        return replace(self, reductions=self.reductions - reductions)

    @property
    def alike(self) -> bool:
        """Whether sagas are interchangeable: `ALIKE` is switched on, and no buffer overflows."""
        return self.uses(ALIKE) and self.buffer_cap >= self.triggers

    @property
    def triggers(self) -> int:
        """How many triggers come in all."""
        return sum(count for _, count in self.sagas)
