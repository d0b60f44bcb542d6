"""Whether all that one step tells is one story: rows, bus, and what later snapshots say.

Of a settled state only what its registry says is known; so a step is judged by the names and
commands of the sagas whose entries it changed, before it and after it, and by what it tells itself.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from saga_core.engine import outcomes
from saga_core.engine.application import Application
from saga_core.engine.effects import CancelTimer, Effect, Emit, WriteLog
from saga_core.engine.events import Event, RecoveryRequested, SagaDeadline
from saga_core.engine.history import Violation
from saga_core.engine.messages import SagaStarted
from saga_core.engine.ordered import sorted_keys
from saga_core.engine.records import (
    LogRecord,
    SagaClosed,
    SagaOpened,
    SagaOutcome,
    StepOpened,
    StepSucceeded,
)
from saga_core.engine.state import State

_Effects = tuple[Effect, ...]


def told_alike(
    app: Application[Any],
    before: State[Any],
    event: Event,
    after: State[Any],
    effects: _Effects,
    changed: list[int],
) -> Iterator[Violation]:
    """What does not agree, of all that a step told; `changed` are the sagas with other entries."""
    records = [effect.record for effect in effects if isinstance(effect, WriteLog)]
    if not records and not isinstance(event, RecoveryRequested):
        return
    yield from _own_answers(app, event, effects)
    yield from _in_turn(records)
    yield from _closed_first(effects)
    yield from _readable(records)
    yield from _named(before, event, after, effects, records, changed)
    yield from _as_awaited(after, records)
    yield from _remembered(event, after, records)


def _own_answers(app: Application[Any], event: Event, effects: _Effects) -> Iterator[Violation]:
    """A step succeeds by what was told under its saga's id, and by nothing else (FACTS F-38)."""
    told: list[object] = [event]
    for effect in effects:
        if isinstance(effect, Emit):
            told.append(effect.event)
        elif isinstance(effect, WriteLog) and isinstance(effect.record, StepSucceeded):
            saga_id, output = effect.record.saga_id, effect.record.output
            if output not in told or app.saga_id_of(output) != saga_id:
                sentence = f"a step of saga {saga_id} succeeds by {output}"
                yield Violation("correlation", f"{sentence}, which was not its answer")


def _in_turn(records: list[LogRecord]) -> Iterator[Violation]:
    """Sagas that end in one step end in the order of their ids, if it sends nobody on (R-20)."""
    closed = [record.saga_id for record in records if isinstance(record, SagaClosed)]
    issued = any(isinstance(record, StepOpened) for record in records)
    if closed != sorted(closed) and not issued:
        yield Violation("order", f"sagas end in the order {closed}")


def _closed_first(effects: _Effects) -> Iterator[Violation]:
    """A saga's row closes before its deadline is cancelled (DESIGN 4, order rules)."""
    closed = set()
    for effect in effects:
        if isinstance(effect, WriteLog):
            if isinstance(effect.record, SagaClosed):
                closed.add(effect.record.saga_id)
        elif isinstance(effect, CancelTimer) and isinstance(effect.timer, SagaDeadline):
            saga_id = effect.timer.saga_id
            if saga_id not in closed:
                yield Violation("order", f"the deadline of saga {saga_id} goes before its row")


def _readable(records: list[LogRecord]) -> Iterator[Violation]:
    """The input in a saga's row is JSON."""
    for record in records:
        if isinstance(record, SagaOpened) and not _is_json(record.input_json):
            sentence = f"saga {record.saga_id} has the input {record.input_json}, no JSON"
            yield Violation("rows", sentence)


def _named(
    before: State[Any],
    event: Event,
    after: State[Any],
    effects: _Effects,
    records: list[LogRecord],
    changed: list[int],
) -> Iterator[Violation]:
    """A saga keeps the name that it was opened under."""
    if isinstance(event, RecoveryRequested):
        changed = sorted({*changed, *sorted_keys(before.sagas)})
    names = _names_of(before, changed) | _names_left(event)
    names |= {record.saga_id: record.name for record in records if isinstance(record, SagaOpened)}
    emitted = [effect.event for effect in effects if isinstance(effect, Emit)]
    called = [
        *_names_of(after, changed).items(),
        *((event.saga_id, event.name) for event in emitted if isinstance(event, SagaStarted)),
        *((ended.saga_id, ended.name) for ended in _ended(before, after)),
    ]
    for saga_id, name in called:
        if names.get(saga_id, name) != name:
            sentence = f"saga {saga_id} is called {name}, and its row says {names[saga_id]}"
            yield Violation("rows", sentence)


def _names_left(event: Event) -> dict[int, str]:
    """What an earlier process called its sagas, by id."""
    if not isinstance(event, RecoveryRequested):
        return {}
    ended = {outcome.saga_id: outcome.name for outcome in event.outcomes}
    return ended | {row.saga_id: row.name for row in event.unresolved}


def _names_of(state: State[Any], saga_ids: list[int]) -> dict[int, str]:
    flights = [(saga_id, state.sagas.get(saga_id)) for saga_id in saga_ids]
    return {saga_id: flight.name for saga_id, flight in flights if flight is not None}


def _ended(before: State[Any], after: State[Any]) -> Iterator[SagaOutcome]:
    """The outcomes that came with a step, and the few that stand in one block with them."""
    if after.outcomes is before.outcomes:
        return
    known = {id(block) for block in before.outcomes.blocks}
    for block in after.outcomes.blocks:
        if id(block) not in known:
            yield from block
    yield from after.outcomes.tail


def _as_awaited(after: State[Any], records: list[LogRecord]) -> Iterator[Violation]:
    """A step's row names what its saga awaits and from whom (FACTS R-42); a reason is one line."""
    for record in records:
        if isinstance(record, SagaClosed) and len((record.reason or "").splitlines()) > 1:
            yield Violation("rows", f"the reason of saga {record.saga_id} is not one line")
        if not isinstance(record, StepOpened):
            continue
        flight = after.sagas.get(record.saga_id)
        step = flight.awaiting if flight is not None else None
        if step is None or step.step_index != record.step_index:
            continue
        if (step.target, step.command) != (record.target, record.command):
            sentence = f"saga {record.saga_id} awaits {step.command} from {step.target}"
            yield Violation("rows", f"{sentence}, and its row says otherwise")


def _remembered(event: Event, after: State[Any], records: list[LogRecord]) -> Iterator[Violation]:
    """A subscriber that reconnects finds the last endings in the snapshot (FACTS R-39)."""
    known = event.outcomes if isinstance(event, RecoveryRequested) else ()
    told = [_ending(outcome) for outcome in known]
    told += [(r.saga_id, r.state, r.reason) for r in records if isinstance(r, SagaClosed)]
    told = told[max(0, len(told) - after.config.outcomes_kept) :]
    if [_ending(outcome) for outcome in _newest(after, len(told))] == told:
        return
    kept = _kept(after)
    ended = {outcome.saga_id for outcome in kept}
    for saga_id, *_ in told:
        if saga_id not in ended:
            yield Violation("bracket", f"no snapshot tells how saga {saga_id} ended")
    endings = [_ending(outcome) for outcome in kept]
    yield Violation("bracket", f"snapshots tell {endings}, though sagas ended as {told}")


def _ending(outcome: SagaOutcome) -> tuple[int, str, str | None]:
    return outcome.saga_id, outcome.state, outcome.failure_reason


def _newest(state: State[Any], count: int) -> tuple[SagaOutcome, ...]:
    """The last `count` outcomes, if so many are kept."""
    tail = state.outcomes.tail
    found = tail if count <= len(tail) else _kept(state)
    return found[max(0, len(found) - count) :]


def _kept(state: State[Any]) -> tuple[SagaOutcome, ...]:
    return outcomes.last(state.outcomes, state.config.outcomes_kept)


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except msgspec.DecodeError:
        return False
    return True
