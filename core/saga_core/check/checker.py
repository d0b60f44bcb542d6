"""The whole check of a scenario: contracts, safety, liveness, and what must happen once."""

from collections.abc import Callable, Hashable
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from saga_core.check.liveness import Fair, lasso
from saga_core.check.report import CheckedScope, Counterexample, Report, Verdict
from saga_core.check.runs.guide import UntoldError
from saga_core.check.runs.telling import tell
from saga_core.check.scope import ALIKE, FAULTS, HONEST, NAMES, ReductionError, Scenario, Scope
from saga_core.check.search import INTERRUPTED, Found, Limits, Search, Watch
from saga_core.check.sometimes import unmet
from saga_core.check.worlds.moves import Move
from saga_core.check.worlds.places import Places
from saga_core.engine.events import SagaDeadline, TimerFired
from saga_core.engine.history import Violation

CONTRACTS = "contracts"
"""Its counterexamples need not be the shortest: commands become known as the search goes on."""

SAFETY = {
    "I1": "one opening and one terminal per saga, and log and bus tell the same story",
    "I2": "no dispatch and no buffered command after the terminal",
    "I3": "every row precedes what it announces",
    "I4": "step indices count from 0, at most one step is pending",
    "I5": "versions are contiguous",
    "I6": "in flight, opened and not closed, and deadline armed are the same",
    "I7": "a buffer keeps its cap and its order, and loses but its oldest commands when it is full",
    "I8": "what concerns one saga moves no other, and foreign answers change nothing",
    "I9": "ids grow and are never used again",
    "timers": "each stay in a buffer has its own timer, and timers last as long as they should",
    "correlation": "a step succeeds by an event that was told, under its saga's own id",
    "rows": "a row tells what its saga is called, was started with, and awaits",
    "order": "an ending is told in its order, and endings in the order of their sagas' ids",
    "dispatch": "a link knows what lives, and a command goes once over its newest connection",
    "bracket": "a subscriber that reconnects can close every bracket, after a crash too",
    "bus": "at most one terminal on the bus, crashes included",
    "shutdown": "a process that was asked to end has nothing in flight",
    "failure": "a failure report ends the saga that it names, in the same step",
    "log": "a log that fails is told of once, and so is its recovery",
    "recovery": "whatever the rows were, a new run starts with nothing in flight",
    CONTRACTS: "what concerns nobody returns the same state object and no effects",
}
"""The promises that a single move can break."""

ENDS = "ends"
"""Every opened saga ends, if deadlines fire."""

COMPLETES = "completes"
"""Every opened saga completes, if its peers answer and come back."""

SETTLES = "settles"
"""Every opened saga ends, if its peers answer, well or badly, and come back: it needs no deadline,
not even to compensate."""

SOMETIMES = "sometimes: "
"""Something happened at least once; the check is vacuous without it."""


T = TypeVar("T")


class Finding(Struct, frozen=True):
    """A counterexample in a search, before it is told: `loop` is the part that goes on for ever."""

    promise: str
    sentence: str
    path: tuple[tuple[int, int], ...]
    loop: tuple[tuple[int, int], ...] | None = None
    shortest: bool = False


def check(scenario: Scenario, scope: Scope, watch: Watch, limits: Limits | None = None) -> Report:
    """Check everything. What breaks first ends the check; Ctrl-C, time and memory cut it.

    A reducer that doesn't keep the obligation of a reduction is checked without that.
    """
    return _reduced(
        scope, lambda reduced: _Check(scenario, reduced, watch, limits or Limits()).run()
    )


def _reduced(scope: Scope, attempt: Callable[[Scope], T]) -> T:
    """What comes of an attempt, without those reductions that it can't be made with."""
    while True:
        try:
            return attempt(scope)
        except ReductionError as error:
            scope = scope.without(error.reductions)


class _Check:
    def __init__(self, scenario: Scenario, scope: Scope, watch: Watch, limits: Limits) -> None:
        assert not scope.faults - FAULTS.keys(), f"unknown faults: {scope.faults - FAULTS.keys()}"
        self.scenario, self.scope = scenario, scope
        self.watch, self.limits = watch, limits
        self.began = watch.clock()
        self.main = Search(Places(scenario, scope), limits, watch)
        self.searches = [self.main]
        self.properties: dict[str, Verdict] = {}

    def run(self) -> Report:
        broken = None
        try:
            broken = self._safety() or self._ends() or self._answered()
        except KeyboardInterrupt:
            self.main.cut = INTERRUPTED
        except MemoryError:
            self.main.give_up()
        return self._report(broken)

    def _safety(self) -> Counterexample | None:
        found = self.main.run()
        self.properties |= dict.fromkeys(SAFETY, self._unless_cut(self.main))
        if found is not None:
            return self._told(self.main, _broken(self.main, found))
        if self.main.cut is None:
            missing = unmet(self.main.places)
            self.properties |= {SOMETIMES + name: "violated" for name in missing}
        return None

    def _ends(self) -> Counterexample | None:
        if "deadline" not in self.scope.faults:
            return None
        self.properties[ENDS] = self._unless_cut(self.main)
        if self.main.cut is not None or _deadlines_end_all(self.main.places):
            return None
        return self._lasso(self.main, ENDS, _ending)

    def _answered(self) -> Counterexample | None:
        """What becomes of sagas whose peers answer."""
        if self.main.cut is not None:
            return None
        cap = max(self.scope.buffer_cap, self.scope.triggers)
        return _reduced(replace(self.scope, faults=HONEST, buffer_cap=cap), self._honestly)

    def _honestly(self, honest: Scope) -> Counterexample | None:
        """They complete, if nobody refuses what it is asked; and they end, whoever does."""
        places = Places(self.scenario, honest, honest=True, contracts=False)
        broken = self._in_the_end(places, COMPLETES)
        if broken is not None or "failure" not in self.scope.faults:
            return broken
        refusing = replace(honest, faults=HONEST | {"failure"})
        settling = Places(self.scenario, refusing, contracts=False, memo=places.memo)
        return self._in_the_end(settling, SETTLES)

    def _in_the_end(self, places: Places, promise: str) -> Counterexample | None:
        search = Search(places, self.limits, self.watch)
        self.searches.append(search)
        found = search.run()
        self.properties[promise] = self._unless_cut(search)
        if found is not None:
            return self._told(search, _broken(search, found))
        if search.cut is not None:
            return None
        return self._lasso(search, promise, lambda move: _answering(search, move))

    def _lasso(self, search: Search, promise: str, fair: Fair) -> Counterexample | None:
        places = search.places
        found = lasso(search, lambda w: bool(places.open_sagas(search.place_of(w))), fair)
        if found is None:
            return None
        stuck = places.open_sagas(search.place_of(search.worlds[found.world]))
        sentence = f"saga {stuck[0]} stays in flight for ever"
        path = tuple(search.path_to(found.world))
        return self._told(search, Finding(promise, sentence, path, found.round))

    def _told(self, search: Search, found: Finding) -> Counterexample:
        """A finding in real names; what can't be told in them has to be found again.

        That is so where sagas are interchangeable, and where two were merged that are not alike.
        """
        if search.places.scope.alike:
            raise ReductionError(ALIKE)
        before = dict(self.properties)
        self.properties[found.promise] = "violated"
        self._undetermine(found.promise)
        try:
            return tell(
                self.scenario, search, found.promise, found.path, found.loop, short=found.shortest
            )
        except UntoldError:
            self.properties = before
            reductions = search.places.scope.reductions
            if not reductions:
                raise
            raise ReductionError(*({NAMES} & reductions or reductions)) from None

    def _unless_cut(self, search: Search) -> Verdict:
        return "holds" if search.cut is None else "undetermined"

    def _report(self, broken: Counterexample | None) -> Report:
        main = self.main
        cut = next((search.cut for search in self.searches if search.cut is not None), None)
        violated = "violated" in self.properties.values()
        verdict: Verdict = "holds" if cut is None else "undetermined"
        return Report(
            "violated" if violated else verdict,
            cut is None and broken is None,
            _told_scope(self.scope),
            self.properties,
            len(main.worlds),
            main.transitions,
            sum({id(search.places.memo): search.step_calls for search in self.searches}.values()),
            len(main.places.memo.states),
            main.depth,
            self.watch.clock() - self.began,
            broken,
            cut,
        )

    def _undetermine(self, promise: str) -> None:
        """A search that ended at a broken promise says nothing of the others."""
        if promise in SAFETY:
            others = SAFETY.keys() - {promise}
            self.properties |= dict.fromkeys(sorted(others), "undetermined")


def _ending(move: Move) -> Hashable | None:
    """What time and whoever starts the process do: a move that it dies in is neither."""
    return move.kind if move.kind in {"deadline", "start"} and move.died is None else None


def _answering(search: Search, move: Move) -> Hashable | None:
    """What peers do that answer and come back: they answer each saga, and they connect.

    A saga that is interchangeable has no name that lasts; what it was asked last, it was asked.
    """
    match move.kind:
        case "answer":
            sent, places = search.places.memo.holding.sent[move.subject], search.places
            if places.scope.alike:
                return "answer", sent.by(places.memo.scenario, 1)
            return "answer", sent.saga_id
        case "connect" | "second":
            return "connect", search.places.world.targets[move.subject - 1]
        case "closed":
            return move.kind
        case _:
            return None


def _deadlines_end_all(places: Places) -> bool:
    """Whether in every state every saga's deadline ends that saga, and a start ends all."""
    memo = places.memo
    for state in range(len(memo.states)):
        for saga_id in memo.in_flight[state]:
            event = memo.event(TimerFired(SagaDeadline(saga_id)))
            if saga_id in memo.arc(state, event).names.sagas:
                return False
    return not any(memo.in_flight[arc.to] for arc in memo.all_starts())


def _broken(search: Search, found: Found) -> Finding:
    violation: Violation = found.violation
    path = tuple(search.path_to(found.world))
    shortest = violation.invariant != CONTRACTS and not found.late
    return Finding(violation.invariant, violation.sentence, path, shortest=shortest)


def _told_scope(scope: Scope) -> CheckedScope:
    return CheckedScope(
        dict(scope.sagas),
        scope.buffer_cap,
        scope.connections,
        tuple(fault for fault in FAULTS if fault in scope.faults),
        tuple(sorted(filter(scope.uses, scope.reductions))),
    )
