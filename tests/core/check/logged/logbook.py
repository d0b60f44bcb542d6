"""A run that writes its log: the reducer, a clock that ticks, and rows by saga."""

from collections.abc import Iterable
from contextlib import contextmanager
from typing import Any

from msgspec.structs import replace

from saga_core.check import Scenario
from saga_core.check.agentmux import SCENARIO
from saga_core.check.logged import Dated, LoggedSaga, LogReport, check_log
from saga_core.check.logged.said import said
from saga_core.check.worlds.rows import Down, after, left_by, recovery_of
from saga_core.engine import (
    CommandReceived,
    Config,
    ConnectionClosed,
    Event,
    FrameExpiry,
    Reducer,
    SagaActionFailed,
    SagaDeadline,
    ShutdownRequested,
    State,
    TimerFired,
    WriteLog,
)
from saga_core.engine.state import Awaiting


def time_of(tick: int) -> str:
    """A time of the log."""
    return f"2026-05-01T12:{tick // 60:02}:{tick % 60:02}+00:00"


class Logbook:
    """Steps events and keeps their records; each step has a time of its own, unless in `at_once`.

    `died` counts effects after which the process dies in a step.
    """

    def __init__(self, scenario: Scenario = SCENARIO, **bounds: Any) -> None:
        self.scenario = scenario
        self.config = Config(**bounds)
        self.reducer: Reducer[Any] = Reducer(scenario.application)
        self.state: State[Any] = self.reducer.initial_state(self.config)
        self.down: Down | None = None
        self.records: dict[int, list[Dated]] = {}
        self.tick = 0
        self.connections = 0
        self._frozen = False

    @contextmanager
    def at_once(self) -> Any:
        """All that happens here is committed together."""
        self.tick, self._frozen = self.tick + 1, True
        yield
        self._frozen = False

    def give(self, *events: Event, died: int | None = None) -> "Logbook":
        """Events come; in the last one the process may die."""
        for number, event in enumerate(events, start=1):
            before = self.down if self.down is not None else left_by(self.state)
            self.state, effects = self.reducer.step(self.state, event)
            dies = died is not None and number == len(events)
            done = effects[:died] if dies else effects
            self._write([effect for effect in done if isinstance(effect, WriteLog)])
            self.down = None
            if dies:
                self.down = replace(before, next_saga_id=self.state.counters.next_saga_id)
                for effect in done:
                    self.down = after(self.down, effect)
                self._die(self.down)
        return self

    def trigger(self, *names: str, died: int | None = None) -> "Logbook":
        """Sagas start."""
        return self.give(*(self.scenario.triggers[name] for name in names), died=died)

    def join(self, peer: str = "") -> int:
        """A peer connects; returns its connection."""
        self.connections += 1
        self.give(*self.scenario.connect(peer or self.scenario.peers[0], self.connections))
        return self.connections

    def leave(self, connection: int) -> "Logbook":
        """A connection ends."""
        return self.give(ConnectionClosed(connection))

    def answer(self, *saga_ids: int, which: int = 0, died: int | None = None) -> "Logbook":
        """A peer answers what these sagas asked, those that still wait."""
        for saga_id in saga_ids:
            if (step := self._pending(saga_id)) is not None:
                answer = self.scenario.answers(step.command)[which]
                self.give(CommandReceived(self.connections, answer), died=died)
        return self

    def refuse(self, saga_id: int, reason: str = "no") -> "Logbook":
        """A peer could not."""
        return self.give(SagaActionFailed(saga_id, reason, 0))

    def deadline(self, *saga_ids: int) -> "Logbook":
        """Time is up."""
        return self.give(*(TimerFired(SagaDeadline(saga_id)) for saga_id in saga_ids))

    def expire(self, saga_id: int) -> "Logbook":
        """A command has waited too long, if it waits."""
        step = self._pending(saga_id)
        return self.give(TimerFired(FrameExpiry(saga_id, step.stay))) if step else self

    def shut_down(self, died: int | None = None) -> "Logbook":
        """The process is asked to end."""
        return self.give(ShutdownRequested("bye"), died=died)

    def crash(self) -> "Logbook":
        """The process dies with nothing under way."""
        self._die(left_by(self.state))
        return self

    def start(self, next_saga_id: int = 0, died: int | None = None) -> "Logbook":
        """The next run begins; ids may jump."""
        assert self.down is not None
        down = replace(self.down, next_saga_id=max(next_saga_id, self.down.next_saga_id))
        self.state = self.reducer.initial_state(self.config)
        return self.give(recovery_of(down), died=died)

    def sagas(self) -> list[LoggedSaga]:
        """The whole log."""
        return [LoggedSaga(i, tuple(self.records[i])) for i in sorted(self.records)]

    def check(self, sagas: Iterable[LoggedSaga] | None = None, **options: Any) -> LogReport:
        """Hold the log, or another one, against the reducer."""
        ends = [r.at for s in self.sagas() for r in s.records if r.said.kind == "closed"]
        oldest = options.pop("oldest_end", min(ends, default=None))
        told = self.sagas() if sagas is None else sagas
        return check_log(self.scenario, told, options.pop("config", self.config), oldest)

    def _write(self, effects: list[WriteLog]) -> None:
        if not effects:
            return
        self.tick += not self._frozen
        form = self.scenario.log
        assert form is not None
        for effect in effects:
            row = said(effect.record, form.line_of)
            self.records.setdefault(row.saga_id, []).append(Dated(time_of(self.tick), row))

    def _pending(self, saga_id: int) -> Awaiting | None:
        flight = self.state.sagas.get(saga_id)
        return None if flight is None else flight.awaiting

    def _die(self, down: Down) -> None:
        self.down = down
        self.state = self.reducer.initial_state(self.config)
        self.connections += 1


def edited(
    sagas: list[LoggedSaga], saga_id: int, place: int, *words: str | None
) -> list[LoggedSaga]:
    """The log with other words in one record; without words, without that record."""
    return [saga if saga.saga_id != saga_id else _edited(saga, place, words) for saga in sagas]


def _edited(saga: LoggedSaga, place: int, words: tuple[str | None, ...]) -> LoggedSaga:
    record = saga.records[place]
    new = (Dated(record.at, record.said._replace(words=words)),) if words else ()
    return LoggedSaga(saga.saga_id, (*saga.records[:place], *new, *saga.records[place + 1 :]))
