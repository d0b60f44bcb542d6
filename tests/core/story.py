"""What a life has told: its rows, its bus and its armed timers, folded from effects alone."""

from copy import deepcopy

from tests.core.harness import timers_wanted
from tests.core.rows import Rows
from tests.core.told import Told

from saga_core.check.runs.stage import Deed, Taken
from saga_core.engine import SagaStarted, State, TimerFired
from saga_core.engine.ordered import sorted_keys


class Story(Told):
    """Told of each move. A process that dies takes its timers along, and what its log lacked.

    A log that heals has all its rows before the process hears of it, and may die over it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._durable: Rows | None = None

    def follow(self, taken: Taken) -> None:
        """One move."""
        if taken.before.stuck is None and taken.here.stuck is not None:
            self._durable = deepcopy(self.rows)
        if taken.cue.move == "heal":
            self._durable = None
        for deed in taken.deeds:
            self.hear(deed)
        if taken.here.state is None:
            self.timers = set()
            self.rows = self._durable if self._durable is not None else self.rows
        if taken.here.stuck is None:
            self._durable = None

    def hear(self, deed: Deed) -> None:
        """One event, and what was done over it."""
        if isinstance(deed.event, TimerFired):
            self.timers.discard(deed.event.timer)
        for effect in deed.effects:
            self.note(effect)

    @property
    def running(self) -> list[int]:
        """The sagas whose rows are open, ascending."""
        return sorted(i for i, row in self.rows.sagas.items() if row.state == "running")

    def agrees_with(self, state: State[object]) -> None:
        """What is in flight, what the rows say and which timers are armed is one story."""
        assert self.running == sorted_keys(state.sagas)
        assert self.timers == timers_wanted(state)

    def agrees_with_itself(self) -> None:
        """Of a log that lost nothing: what was told on the bus is what the rows say."""
        rows = self.rows.sagas
        ended = {saga_id: rows[saga_id].reason or "completed" for saga_id in self.rows.ended}
        assert self.endings().items() <= ended.items()
        started = [event.saga_id for event in self.bus if isinstance(event, SagaStarted)]
        assert started == sorted(set(started) & rows.keys())

    def is_complete(self) -> bool:
        """Whether all that the rows say was told, as it must be if no process died."""
        started = [event.saga_id for event in self.bus if isinstance(event, SagaStarted)]
        return started == list(self.rows.sagas) and list(self.endings()) == self.rows.ended
