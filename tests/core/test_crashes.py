"""A launcher that dies between any two effects, and the one that starts after it.

The records of a step are committed one by one, before anything else of that step is known to the
world; then its events go out, one by one. Whatever the cut, the next start resolves what is open.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec import Struct
from tests.core.cases import CASES, Case, points_of, script_of
from tests.core.harness import PeeredRun, emitted, records, sent
from tests.core.rows import Rows

from saga_core.engine import (
    BusEvent,
    Event,
    LogRecord,
    RecoveryRequested,
    SagaCompleted,
    SagaDeadline,
    SagaFailed,
    SagaStarted,
    ShutdownRequested,
    TimerFired,
)
from saga_core.engine.outcomes import last

every_case = pytest.mark.parametrize("case", CASES, ids=str)


class Cut(Struct, frozen=True):
    """What was durable, and what had been heard, when the launcher died."""

    records: tuple[LogRecord, ...]
    heard: tuple[BusEvent, ...]


def cuts_of(case: Case, script: tuple[Event, ...]) -> Iterator[Cut]:
    """Every point at which a run of the script can die."""
    run = case.world()
    run.join_peers()
    durable: tuple[LogRecord, ...] = ()
    heard: tuple[BusEvent, ...] = ()
    for event in script:
        effects = run.give(event)
        for record in records(effects):
            yield Cut(durable, heard)
            durable += (record,)
        for told in emitted(effects):
            yield Cut(durable, heard)
            heard += (told,)
    yield Cut(durable, heard)


def scripts_of(case: Case) -> Iterator[tuple[Event, ...]]:
    """The whole life, and at each point of it a deadline or a shutdown instead."""
    whole = script_of(case)
    yield whole
    for done in range(1, len(whole)):
        yield (*whole[:done], TimerFired(SagaDeadline(1)))
        yield (*whole[:done], ShutdownRequested("SIGTERM"))


def restarted(case: Case, cut: Cut) -> PeeredRun[Any]:
    """The next launcher, after it took over what the log held."""
    rows = Rows(cut.records)
    run = case.world()
    run.rows = Rows(cut.records)
    next_id = max(rows.sagas, default=0) + 1
    run.give(RecoveryRequested(next_id, rows.unresolved(), rows.outcomes()))
    return run


@every_case
def test_a_crash_at_any_record_leaves_one_terminal_in_the_log(case: Case) -> None:
    """FACTS 4.4, R-38, R-40: open rows become failed_compensation with their steps, others stay."""
    seen: set[str] = set()
    for script in scripts_of(case):
        for cut in cuts_of(case, script):
            before = Rows(cut.records)
            after = restarted(case, cut).rows
            for saga_id, row in after.sagas.items():
                old = before.sagas[saga_id]
                assert row.pending == ()
                if old.state == "running":
                    assert row.state == "failed_compensation"
                    process = case.world().reducer.application.process
                    assert row.reason == f"{process} restarted while saga in state 'running'"
                    assert {row.steps[index].reason for index in old.pending} <= {row.reason}
                else:
                    assert row == old
                seen.add(row.state)
    assert seen == {"completed", "failed", "failed_compensation"}


@every_case
def test_a_crash_at_any_effect_leaves_no_bracket_open(case: Case) -> None:
    """FACTS R-39: each bracket closes at most once on the bus, and the snapshot closes the rest."""
    told_by_snapshot = 0
    for script in scripts_of(case):
        for cut in cuts_of(case, script):
            run = restarted(case, cut)
            ends = [e for e in (*cut.heard, *run.bus) if isinstance(e, SagaCompleted | SagaFailed)]
            on_bus = {end.saga_id: end for end in ends}
            assert len(on_bus) == len(ends)
            outcomes = {o.saga_id: o for o in last(run.state.outcomes, 256)}
            for event in cut.heard:
                if isinstance(event, SagaStarted) and event.saga_id not in on_bus:
                    assert outcomes[event.saga_id].name == event.name
                    told_by_snapshot += 1
            for saga_id, end in on_bus.items():
                reason = end.reason if isinstance(end, SagaFailed) else None
                assert outcomes[saga_id].failure_reason == reason
    assert told_by_snapshot > 0


@every_case
def test_ids_go_on_after_a_crash(case: Case) -> None:
    """FACTS F-34, R-41, I9: the next saga has an id of its own, and completes."""
    for cut in cuts_of(case, script_of(case)):
        run = restarted(case, cut)
        run.join_peers()
        effects = run.give(case.trigger)
        new = max(run.in_flight)
        assert new > max(Rows(cut.records).sagas, default=0)
        run.answer_all(effects)
        assert run.rows.sagas[new].state == "completed"


@every_case
def test_a_crash_of_a_recovery_is_recovered(case: Case) -> None:
    """FACTS 4.4: a launcher that dies while it recovers leaves the rest to the next one."""
    for run, _ in points_of(case):
        cut = Cut(tuple(run.records), tuple(run.bus))
        full = restarted(case, cut).records
        for done in range(len(full)):
            again = restarted(case, Cut((*cut.records, *full[:done]), cut.heard))
            assert again.rows.sagas[1].state == "failed_compensation"
            assert again.rows.sagas[1].pending == ()


@every_case
def test_a_second_restart_changes_nothing(case: Case) -> None:
    """FACTS 4.4: what one recovery resolved, the next finds ended."""
    for run, _ in points_of(case):
        once = restarted(case, Cut(tuple(run.records), ()))
        twice = restarted(case, Cut((*run.records, *once.records), ()))
        assert twice.records == []
        assert emitted(twice.last) == []
        assert sent(twice.last) == []
