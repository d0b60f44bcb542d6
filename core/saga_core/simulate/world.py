"""A simulated process in its world: the reducer's state, and all that acts on it.

One process comes after the other, on one log. What may happen here stands in `possible`, what a
move does in `playing`, what effects bring about in `absorbing`.
"""

from collections.abc import Callable
from typing import Any

from saga_core.check.scope import Scenario
from saga_core.engine.config import Config
from saga_core.engine.events import FrameExpiry
from saga_core.engine.history import Violation
from saga_core.engine.reducer import Reducer
from saga_core.engine.state import State
from saga_core.simulate.bag import Bag
from saga_core.simulate.judge import Judge
from saga_core.simulate.lately import Lately
from saga_core.simulate.outside import Left
from saga_core.simulate.peers import Peers
from saga_core.simulate.plan import Plan, cap_of
from saga_core.simulate.tally import Tally
from saga_core.simulate.trace import Trace

STALE_KEPT = 64
"""The sagas of which timers are kept that were cancelled and may still be on their way."""


class World:
    """Everything at one moment.

    `deadlines`, `expiries`: armed timers; `stays`: timers of stays that are over. `left`: how often
    each trigger may still come in this round; None, if that has no bound. `honest`: peers do what
    they are asked, so no saga may fail but `excused`: it was opened before they did, so it may have
    been refused, and now it hears an answer. `promised`: the sagas from this id on were opened
    since. `stuck`: what the log holds while it fails. `behind`: what the last process left. `saw`
    is told of each state that the reducer comes to. `opened`: the sagas that the last move opened.
    `broken`: the first promise that was broken; from then on nothing moves.
    """

    def __init__(self, scenario: Scenario, plan: Plan, *, thorough: bool = False) -> None:
        self.scenario = scenario
        self.app = scenario.application
        self.plan = plan
        self.reducer: Reducer[Any] = Reducer(self.app)
        self.names = tuple(scenario.triggers)
        self.triggers = tuple(scenario.triggers.values())
        self.initial = self.reducer.initial_state(Config(buffer_cap=cap_of(plan)))
        self.trace = Trace()
        self.tally = Tally()
        self.opened: list[int] = []
        self.broken: Violation | None = None
        self._thorough = thorough
        self.saw: Callable[[State[Any]], None] | None = None
        self.begin()

    def begin(self) -> None:
        """Everything is new but what is counted."""
        self.state = self.initial
        if self.saw is not None:
            self.saw(self.state)
        self.running = True
        self.honest = False
        self.promised = self.excused = 0
        self.next_saga_id = 1
        self.judge = Judge(self.scenario, thorough=self._thorough)
        self.peers = Peers(self.scenario.peers)
        self.deadlines: Bag[int] = Bag()
        self.expiries: Bag[FrameExpiry] = Bag()
        self.stays: Lately[FrameExpiry] = Lately(STALE_KEPT)
        self.behind: Left | None = None
        self.stuck: Left | None = None
        scope = self.plan.scope
        counts = dict(scope) if scope is not None else {}
        self.left = None if scope is None else [counts.get(name, 0) for name in self.names]

    def die(self, left: Left) -> None:
        """The process is gone; its rows, its peers and its subscribers are not."""
        self.next_saga_id = max(self.next_saga_id, self.state.counters.next_saga_id)
        self.behind = left if self.stuck is None else self.stuck
        self.stuck = None
        self.running = False
        self.honest = False
        self.peers.leave()
        self.deadlines.clear()
        self.expiries.clear()
        self.stays.clear()
