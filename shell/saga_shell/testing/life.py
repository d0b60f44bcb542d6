"""A random life of an application: what can happen next, how readily, and how it went so far.

Who chooses is the caller's: Hypothesis, or a seeded generator. What can happen is what the checker
lets happen (`saga_core.check`), so a life is a run of the checked world, only longer than any that
a search reaches; and each move is judged by the same promises.
"""

from collections.abc import Callable, Iterator
from itertools import chain

from saga_core.check import Scenario, Scope
from saga_core.check.runs.capsule import Cue
from saga_core.check.runs.lanes import titled
from saga_core.check.runs.played import Played
from saga_core.check.runs.scene import Option, Scene
from saga_core.check.runs.stage import Deed, Stage, Taken
from saga_core.check.runs.strays import strays
from saga_core.check.worlds.sent import Sent
from saga_core.engine import Config, Effect, Event, Violation

Choose = Callable[[int], int]
"""Given a count, a number below it; 0 is the simplest choice."""

STRAY = "foreign event"
"""An event that concerns nobody, and so must change nothing."""

_RECENT = 3
"""Strays are about so many of the newest commands and sagas: about all, they would be too many."""

_REMEMBERED = 6
"""Of the commands that nobody awaits any more, peers remember so many of the newest."""

_OUTCOMES = Config().outcomes_kept
"""A start reads how so many sagas ended."""

WEIGHTS = {
    "start": 30,
    "trigger": 20,
    "connect": 20,
    "answer": 30,
    "closed": 10,
    "heal": 8,
    "twice": 4,
    "second": 4,
    "disconnect": 4,
    "send": 3,
    "failure": 3,
    "foreign": 3,
    "lost": 3,
    "restart": 3,
    "expiry": 3,
    "deadline": 2,
    "log": 2,
    "crash": 2,
    "shutdown": 1,
    STRAY: 12,
}
"""How readily each kind of move happens, of those that are possible. Without weights, faults would
end every saga early, and states that take many moves would hardly be seen."""

_BUSY = 2
"""How readily one more saga starts where many are in flight."""

_DEATH = 4
"""How readily the process dies in the middle of a move."""

ENDLESS = 1_000_000
"""More than a life can use up."""


def endless(
    scenario: Scenario, faults: frozenset[str], buffer_cap: int = 1, connections: int = 2
) -> Scope:
    """A scope in which triggers never run out."""
    sagas = tuple((name, ENDLESS) for name in scenario.triggers)
    return Scope(sagas, buffer_cap, faults, connections)


class Life:
    """A run that grows by one move at a time; `busy` sagas in flight are many.

    `honest`: peers do what they are asked, so no saga may fail.
    """

    def __init__(
        self, scenario: Scenario, scope: Scope, busy: int = 5, *, honest: bool = False
    ) -> None:
        self.honest = honest
        self.stage = Stage(scenario, scope, honest=honest)
        self.here: Scene = self.stage.first()
        self.taken: list[Taken] = []
        self._busy = busy

    @property
    def broken(self) -> Violation | None:
        """The promise that the last move broke."""
        return self.taken[-1].broken if self.taken else None

    @property
    def given(self) -> Iterator[tuple[Event, tuple[Effect, ...]]]:
        """All events, and the effects that were carried out."""
        return ((d.event, d.effects) for d in chain.from_iterable(t.deeds for t in self.taken))

    def go_on(self, choose: Choose) -> Taken:
        """One move, the likelier ones more often."""
        options = self._options()
        weights = [(kind, self._weight(kind)) for kind in WEIGHTS if kind in options]
        if self.here.state is not None:
            weights.append((STRAY, WEIGHTS[STRAY]))
        if "crash" in self.stage.scope.faults:
            weights.append(("death", _DEATH))
        kind = _weighed(weights, choose)
        if kind == STRAY:
            return self._note(self._stray(choose))
        if kind == "death":
            return self._note(self._death(list(chain.from_iterable(options.values())), choose))
        mine = options[kind]
        return self._note(self.stage.take(self.here, mine[choose(len(mine))]))

    def played(self) -> list[Played]:
        """The run so far, for whoever plays it."""
        return [played(taken) for taken in self.taken]

    def story(self) -> list[str]:
        """The run so far, one line for each move."""
        return [f"{number}. {titled(taken)}" for number, taken in enumerate(self.taken, start=1)]

    def _options(self) -> dict[str, list[Option]]:
        """What can happen, by kind, in the order of `WEIGHTS`."""
        found: dict[str, list[Option]] = {}
        for option in self.stage.options.of(self.here):
            found.setdefault(option.cue.move, []).append(option)
        return {kind: found[kind] for kind in WEIGHTS if kind in found}

    def _weight(self, kind: str) -> int:
        state = self.here.state
        busy = state is not None and len(state.sagas) >= self._busy
        return _BUSY if kind == "trigger" and busy else WEIGHTS[kind]

    def _death(self, options: list[Option], choose: Choose) -> Taken:
        option = options[choose(len(options))]
        lived = self.stage.take(self.here, option)
        ways = [(n, done) for n, deed in enumerate(lived.deeds, 1) for done in _counts(deed)]
        if not ways:
            return lived
        number, done = ways[choose(len(ways))]
        return self.stage.take(self.here, option, number, done)

    def _stray(self, choose: Choose) -> Taken:
        assert self.here.state is not None, "nobody hears a stray"
        unused = self.here.state.counters.next_saga_id
        ids = (unused, 0, *range(max(1, unused - _RECENT), unused))
        recent = self.here._replace(sent=self.here.sent[-_RECENT:])
        kinds: dict[str, list[Cue]] = {}
        for cue in strays(self.stage.scenario, recent, (), ids):
            kinds.setdefault(cue.event, []).append(cue)
        cues = list(kinds.values())[choose(len(kinds))]
        taken = self.stage.play(self.here, cues[choose(len(cues))])
        assert taken is not None, "a stray is possible wherever it is named"
        return taken

    def _note(self, taken: Taken) -> Taken:
        self.taken.append(taken)
        self.here = _pruned(taken.here)
        return taken


def played(taken: Taken) -> Played:
    """A move that was taken, as plain events."""
    events = tuple(deed.event for deed in taken.deeds)
    return Played(taken.cue.move, events, taken.cue.dies_after)


def _pruned(here: Scene) -> Scene:
    """The same world, in which what has no end in a long life is forgotten, the oldest first."""
    late = [sent for sent in here.held if not _is_awaited(here, sent)]
    forgotten = set(late[:-_REMEMBERED])
    return here._replace(
        held=tuple(sent for sent in here.held if sent not in forgotten),
        sent=here.sent[-_RECENT:],
        ended=here.ended[-_OUTCOMES:],
    )


def _is_awaited(here: Scene, sent: Sent) -> bool:
    flight = here.state.sagas.get(sent.saga_id) if here.state is not None else None
    step = flight.awaiting if flight is not None else None
    return step is not None and (step.target, step.command) == (sent.target, sent.command)


def _counts(deed: Deed) -> range:
    """After how many of its effects a process may die."""
    return range(len(deed.effects) + 1)


def _weighed(weights: list[tuple[str, int]], choose: Choose) -> str:
    left = choose(sum(weight for _, weight in weights))
    for kind, weight in weights:
        left -= weight
        if left < 0:
            return kind
    raise AssertionError("a choice lies below the count that it was given")
