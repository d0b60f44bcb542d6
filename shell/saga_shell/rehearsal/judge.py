"""Holding the shell against the pure reducer: each step, and each effect that it carries out."""

from collections import deque
from typing import NamedTuple

from saga_core.agentmux import AgentMux, Mirror
from saga_core.check.promises.steps import goes_on, implied_history
from saga_core.engine import (
    Effect,
    Event,
    LogCommitFailed,
    LogCommitRecovered,
    RecoveryRequested,
    Reducer,
    State,
    TimerFired,
    WriteLog,
)
from saga_core.engine.history import History
from saga_shell.rehearsal.deeds import Deeds
from saga_shell.rehearsal.ledger import Ledger
from saga_shell.rehearsal.outcome import Broken, Divergence
from saga_shell.rehearsal.peers import MemoryPeers
from saga_shell.rehearsal.timers import PlayedTimers

_NOTICES = (LogCommitFailed, LogCommitRecovered)
"""Events whose numbers the shell knows better than a play."""


class Awaited(NamedTuple):
    """An event on its way, and the move that it belongs to."""

    move: int
    kind: str
    event: Event


class Step(NamedTuple):
    """A step as it was made."""

    before: State[Mirror]
    event: Event
    after: State[Mirror]
    effects: tuple[Effect, ...]


class Witnessed(Reducer[Mirror]):
    """The pure reducer, which remembers what it was last asked and what it said."""

    __slots__ = ("said",)

    def __init__(self) -> None:
        super().__init__(AgentMux())
        self.said: Step | None = None

    def step(self, state: State[Mirror], event: Event) -> tuple[State[Mirror], tuple[Effect, ...]]:
        """As the reducer says."""
        after, effects = super().step(state, event)
        self.said = Step(state, event, after, effects)
        return after, effects


class Judge:
    """Told of all that the shell does; keeps what went wrong first.

    The steps must be the reducer's own, each from where the last one led, and those of the play in
    its order; between them only such may come as change nothing. `judged`: each step is held to
    the promises too.
    """

    def __init__(self, *, judged: bool) -> None:
        self.divergence: Divergence | None = None
        self.broken: Broken | None = None
        self.events = self.ignored = 0
        self.ledger = Ledger()
        self.deeds = Deeds()
        self.now = Awaited(0, "start", LogCommitRecovered(0))
        self.reducer = Witnessed()
        self._judged = judged
        self._awaited: deque[Awaited] = deque()
        self._last: State[Mirror] | None = None
        self._implied: tuple[State[Mirror], History] | None = None
        self._rows_of_last = 0

    @property
    def is_over(self) -> bool:
        """Whether something went wrong, so that the rest of the play means nothing."""
        return self.divergence is not None or self.broken is not None

    @property
    def awaits(self) -> bool:
        """Whether an event of the play is still on its way."""
        return bool(self._awaited)

    def begin(self, move: int, kind: str, event: RecoveryRequested) -> None:
        """A process starts, as the play wants it in this move, and knows of no earlier one."""
        self.now = Awaited(move, kind, event)
        self._awaited.clear()
        self._last = None
        self.deeds.begin()

    def start(self, recovery: RecoveryRequested) -> None:
        """A process knows what the file holds, and will recover from it."""
        self.expect(self.now.move, self.now.kind, recovery)
        misread = self.ledger.misread(recovery)
        if misread is not None:
            self.diverge(misread)

    def expect(self, move: int, kind: str, event: Event) -> None:
        """An event of the play is on its way."""
        self._awaited.append(Awaited(move, kind, event))

    def stepped(
        self,
        before: State[Mirror],
        event: Event,
        after: State[Mirror],
        effects: tuple[Effect, ...],
    ) -> None:
        """The runner made a step; `saga_shell.launcher.runner.Watcher`."""
        self.events += 1
        records = [effect.record for effect in effects if isinstance(effect, WriteLog)]
        self._rows_of_last = len(records)
        self.ledger.write(records)
        self.deeds.owe(effects)
        if isinstance(event, TimerFired):
            self.deeds.timers.discard(event.timer)
        changes = after is not before or bool(effects)
        self._place(event, changes=changes)
        self._check_chain(Step(before, event, after, effects))
        if changes and self._judged:
            self._judge(before, event, after, effects)

    def performed(
        self, effect: Effect, told: list[bytes], peers: MemoryPeers, timers: PlayedTimers
    ) -> None:
        """The interpreter carried out an effect."""
        wrong = self.deeds.done(effect, told, peers, timers)
        if wrong is not None:
            self.diverge(wrong)

    def came(self) -> None:
        """All that was on its way must have come."""
        if self._awaited:
            self.now = self._awaited[0]
            self.diverge(f"{self.now.event} never came")

    def settled(self) -> None:
        """The shell has come to rest: nothing may be left to do."""
        self.came()
        if (undone := self.deeds.undone()) is not None:
            self.diverge(f"the shell never did {undone}")

    def died(self, unwritten: int, *, before_commit: bool) -> None:
        """The process is gone, and with it `unwritten` records, and its last step's if so."""
        self.ledger.lose(unwritten + (self._rows_of_last if before_commit else 0))

    def diverge(self, sentence: str) -> None:
        """Note a difference, unless something went wrong before."""
        if not self.is_over:
            self.divergence = Divergence(self.now.move, self.now.kind, sentence)

    def _place(self, event: Event, *, changes: bool) -> None:
        """Find the event's move; what no move brings must change nothing."""
        if self._awaited and _alike(self._awaited[0].event, event):
            self.now = self._awaited.popleft()
        elif changes:
            wanted = self._awaited[0].event if self._awaited else "nothing"
            self.diverge(f"{event} came, though {wanted} was next")
        else:
            self.ignored += 1

    def _check_chain(self, step: Step) -> None:
        said, self.reducer.said = self.reducer.said, None
        if said is None or any(mine is not its for mine, its in zip(step, said, strict=True)):
            self.diverge(f"the shell made of {step.event} what the reducer did not say")
        if self._last is not None and step.before is not self._last:
            self.diverge(f"{step.event} came in another state than the last one led to")
        self._last = step.after

    def _judge(
        self,
        before: State[Mirror],
        event: Event,
        after: State[Mirror],
        effects: tuple[Effect, ...],
    ) -> None:
        told, app = self._told(before), self.reducer.application
        found, following = goes_on(app, told, before, event, after, effects)
        self._implied = after, following
        if found is not None and not self.is_over:
            self.broken = Broken(self.now.move, self.now.kind, found.invariant, found.sentence)

    def _told(self, state: State[Mirror]) -> History:
        """The implied history of a state, which is that of the last step but for a new process."""
        if self._implied is None or self._implied[0] is not state:
            return implied_history(state)
        return self._implied[1]


def _alike(played: Event, came: Event) -> bool:
    if isinstance(played, _NOTICES):
        return type(played) is type(came)
    return played == came
