"""One call of `step` on its way from the old state to the new one.

A `Turn` is the only thing in the core that changes, and it never outlives its call: the rules
write to it, in the order in which things must happen, and `result` makes values of it again.
"""

from typing import Generic

from msgspec.structs import replace

from saga_core.engine import outcomes
from saga_core.engine.application import Application
from saga_core.engine.effects import ArmTimer, CancelTimer, Effect, Emit, WriteLog
from saga_core.engine.events import Timer
from saga_core.engine.messages import BusEvent
from saga_core.engine.records import LogRecord, SagaOutcome
from saga_core.engine.state import Counters, M, State


class Turn(Generic[M]):
    """The parts of the state, the effects so far, and the events that still have to be routed."""

    __slots__ = (
        "agenda",
        "app",
        "before",
        "config",
        "effects",
        "links",
        "log_degraded",
        "mirror",
        "next_saga_id",
        "next_sequence",
        "outcomes",
        "own_commands",
        "sagas",
        "stopping",
        "version",
    )

    def __init__(self, app: Application[M], state: State[M]) -> None:
        self.app = app
        self.before = state
        self.config = state.config
        self.mirror = state.mirror
        self.sagas = state.sagas
        self.links = state.links
        self.stopping = state.stopping
        self.log_degraded = state.log_degraded
        self.outcomes = state.outcomes
        counters = state.counters
        self.version = counters.version
        self.next_saga_id = counters.next_saga_id
        self.next_sequence = counters.next_sequence
        self.own_commands = 0
        self.effects: list[Effect] = []
        self.agenda: list[BusEvent] = []

    def take_version(self) -> int:
        """The number of the next event on the bus."""
        self.version += 1
        return self.version

    def take_saga_id(self) -> int:
        """An id that no saga ever had."""
        saga_id = self.next_saga_id
        self.next_saga_id += 1
        return saga_id

    def take_sequence(self) -> int:
        """A number above that of every earlier move of a command."""
        sequence = self.next_sequence
        self.next_sequence += 1
        return sequence

    def write(self, record: LogRecord) -> None:
        """Log a record."""
        self.effects.append(WriteLog(record))

    def emit(self, event: BusEvent) -> None:
        """Put an event that is numbered already on the bus. It concerns no saga."""
        self.effects.append(Emit(event))

    def publish(self, event: BusEvent) -> None:
        """Number an event of the application, put it on the bus, and route it later in this turn.

        Later, so that all events of one command stand together and no rule calls itself.
        """
        numbered = replace(event, version=self.take_version())
        self.effects.append(Emit(numbered))
        self.agenda.append(numbered)

    def arm(self, timer: Timer, seconds: float) -> None:
        """Start a timer."""
        self.effects.append(ArmTimer(timer, seconds))

    def cancel(self, timer: Timer) -> None:
        """Stop a timer."""
        self.effects.append(CancelTimer(timer))

    def remember(self, outcome: SagaOutcome) -> None:
        """Keep how a saga ended for later snapshots."""
        self.outcomes = outcomes.push(self.outcomes, outcome, self.config.outcomes_kept)

    def result(self) -> tuple[State[M], tuple[Effect, ...]]:
        """The new state and the effects; the old state itself if nothing in it changed."""
        state = self.before if self._is_unchanged() else self._state()
        return state, tuple(self.effects)

    def _is_unchanged(self) -> bool:
        before, counters = self.before, self.before.counters
        return (
            self.version == counters.version
            and self.sagas is before.sagas
            and self.mirror is before.mirror
            and self.links is before.links
            and self.outcomes is before.outcomes
            and self.stopping == before.stopping
            and self.log_degraded == before.log_degraded
            and self.next_saga_id == counters.next_saga_id
            and self.next_sequence == counters.next_sequence
        )

    def _state(self) -> State[M]:
        return State(
            self.config,
            self.mirror,
            self.sagas,
            self.links,
            self.stopping,
            self.log_degraded,
            Counters(self.version, self.next_saga_id, self.next_sequence),
            self.outcomes,
        )
