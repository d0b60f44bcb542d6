"""Hypothesis state machines over random lives; see the package."""

from typing import ClassVar

try:
    from hypothesis import strategies as st
    from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
except ImportError as error:
    raise ImportError(
        "these machines need Hypothesis: pip install 'agentmux-launcher[test]'"
    ) from error

from saga_core.check import FAULTS, HONEST, Scenario
from saga_core.check.runs.stage import Taken
from saga_core.engine import Violation
from saga_shell.testing.endings import Endings
from saga_shell.testing.life import ENDLESS, Life, endless


class BrokenPromiseError(AssertionError):
    """A life broke a promise; the text names it and tells the life, one line for each move."""


class LifeMachine(RuleBasedStateMachine):
    """What both machines share: lives, each under faults of its own choice (swarm testing)."""

    scenario: ClassVar[Scenario]
    faults: ClassVar[frozenset[str]] = frozenset(FAULTS)
    buffer_caps: ClassVar[tuple[int, ...]] = (1, 2, 3)
    connections: ClassVar[int] = 2
    busy: ClassVar[int] = 5

    def __init__(self) -> None:
        problem = next(iter(self.problems()), None)
        if problem is not None:
            raise TypeError(f"{type(self).__name__}: {problem}")
        super().__init__()
        self._life: Life | None = None
        self._goes_on = False

    @classmethod
    def problems(cls) -> list[str]:
        """What a subclass forgot to say, or said wrong; one line each."""
        if not isinstance(getattr(cls, "scenario", None), Scenario):
            return ["say what it is about: `scenario`, a saga_core.check.Scenario"]
        unknown = sorted(cls.faults - FAULTS.keys())
        return [f"there is no fault {name!r}: it may be {', '.join(FAULTS)}" for name in unknown]

    @property
    def life(self) -> Life:
        """The life so far."""
        assert self._life is not None, "no life began"
        return self._life

    @initialize(data=st.data())
    def a_life_begins(self, data: st.DataObject) -> None:
        """Some of the faults are switched on, the others never come in this life."""
        honest = data.draw(st.booleans())
        possible = sorted(self.faults & HONEST if honest else self.faults)
        wanted = data.draw(st.lists(st.booleans(), min_size=len(possible), max_size=len(possible)))
        faults = frozenset(fault for fault, on in zip(possible, wanted, strict=True) if on)
        cap = ENDLESS if honest else data.draw(st.sampled_from(self.buffer_caps))
        scope = endless(self.scenario, faults, cap, self.connections)
        self._life = Life(self.scenario, scope, self.busy, honest=honest)
        self.began(self._life)
        self._goes_on = True

    @rule(data=st.data())
    def something_happens(self, data: st.DataObject) -> None:
        """One move, judged by what it did."""
        self._goes_on = False
        taken = self.life.go_on(lambda count: data.draw(st.integers(0, count - 1)))
        if taken.broken is not None:
            raise BrokenPromiseError("\n".join(told(self.life, taken.broken)))
        self.followed(taken)
        self._goes_on = True

    def teardown(self) -> None:
        """See how it ends, if nothing broke before."""
        if self._goes_on:
            self.ended(self.life)

    def began(self, life: Life) -> None:
        """Called before a life's first move."""

    def followed(self, taken: Taken) -> None:
        """Called after each move that kept every promise."""

    def ended(self, life: Life) -> None:
        """Called after the last move."""


class SagaMachine(LifeMachine):
    """Random lives of one application, driven through its reducer.

    A subclass says of what: `scenario`. `faults` are those that may be switched on; in every other
    life or so peers are good, and each saga must complete. `buffer_caps` are the caps to choose
    from, `connections` may live at once for each peer, and `busy` sagas in flight make more of
    them rare. Further rules and invariants may read `life`; `began`, `followed` and `ended` may be
    extended.
    """

    def ended(self, life: Life) -> None:
        """Whatever happened, everything can end: at once, by deadlines, and with good peers."""
        found = Endings(life.stage, honest=life.honest).broken(life.here)
        if found is not None:
            way, broken = found
            raise BrokenPromiseError("\n".join([*told(life, broken), way]))


def told(life: Life, broken: Violation) -> list[str]:
    """What was broken, and how it came to that."""
    return [f"promise {broken.invariant} is broken: {broken.sentence}", *history(life)]


def history(life: Life) -> list[str]:
    """The life, one line for each move, under which faults."""
    faults = ", ".join(sorted(life.stage.scope.faults)) or "none"
    return [f"faults that were switched on: {faults}", *life.story()]
