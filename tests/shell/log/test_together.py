"""Records that go in together leave what they would leave one by one (FACTS R-37)."""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saga_core.agentmux.commands import ReapPanes
from saga_core.agentmux.events import PanesReaped
from saga_core.engine import (
    LogRecord,
    SagaClosed,
    SagaOpened,
    StepFailed,
    StepOpened,
    StepSucceeded,
    TerminalState,
)
from saga_shell.log import LogOptions, SagaLog
from saga_shell.log.statements import CHANGES, Value
from saga_shell.log.together import _alike_sql, _sql, _whose

OpenLog = Callable[..., SagaLog]
Query = Callable[..., list[tuple[Any, ...]]]


def opened(saga_id: int) -> SagaOpened:
    """A saga as it begins."""
    return SagaOpened(saga_id, "n", "null")


def step(saga_id: int, index: int) -> StepOpened:
    """A step as it begins."""
    return StepOpened(saga_id, index, "reap", "host", ReapPanes("main", saga_id))


def answered(saga_id: int, index: int) -> StepSucceeded:
    """The answer to that step."""
    return StepSucceeded(saga_id, index, PanesReaped("main", 1, saga_id))


def life(saga_id: int) -> list[LogRecord]:
    """All records of one saga of two steps."""
    return [
        opened(saga_id),
        step(saga_id, 0),
        answered(saga_id, 0),
        step(saga_id, 1),
        answered(saga_id, 1),
        SagaClosed(saga_id, "completed", None),
    ]


class Counting(sqlite3.Connection):
    """Counts the statements that change rows of sagas: `many` rows each, or a `single` one."""

    many = 0
    single = 0

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        """Count it, if it is one of those."""
        if sql.startswith(("INSERT INTO launcher_saga", "UPDATE launcher_saga")):
            many = any(listed in sql for listed in ("), (", "IN (?, ?", "BETWEEN"))
            self.many += many
            self.single += not many
        return super().execute(sql, *values)


def counting(log: SagaLog) -> Counting:
    """The connection of a log that was opened so, counted from here on."""
    connection = log._connection
    assert isinstance(connection, Counting)
    connection.many = connection.single = 0
    return connection


def test_one_statement_for_each_kind(open_log: OpenLog) -> None:
    """DESIGN 5: a hop of many sagas is as many statements as it has kinds of records."""
    log = open_log(connection_class=Counting)
    seen = counting(log)
    sagas = range(1, 65)
    log.commit([log.batch([r for n in sagas for r in life(n)[:2]])]).unwrap()
    log.commit([log.batch([r for n in sagas for r in life(n)[2:4]])]).unwrap()
    log.commit([log.batch(life(n)[4:]) for n in sagas]).unwrap()
    assert (seen.many, seen.single) == (6, 0)


@pytest.mark.parametrize(("sagas", "many", "single"), [(1, 0, 2), (4, 2, 0), (95, 10, 6)])
def test_any_number_of_rows(open_log: OpenLog, sagas: int, many: int, single: int) -> None:
    """DESIGN 5: the rows are cut into few sizes, so that few statements must be prepared."""
    log = open_log(connection_class=Counting)
    seen = counting(log)
    log.commit([log.batch([r for n in range(1, sagas + 1) for r in life(n)[:2]])]).unwrap()
    assert (seen.many, seen.single) == (many, single)
    assert len(log.start().unwrap().unresolved) == sagas


def test_without_lists_of_values(open_log: OpenLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite before 3.33 can't update from a list: there each record is a statement."""
    monkeypatch.setattr("saga_shell.log.together.ROWS_AT_ONCE", (1,))
    log = open_log(connection_class=Counting)
    seen = counting(log)
    log.commit([log.batch([r for n in range(1, 5) for r in life(n)])]).unwrap()
    assert (seen.many, seen.single) == (0, 24)
    assert len(log.start().unwrap().outcomes) == 4


def test_several_hops_of_a_saga_at_once(open_log: OpenLog, query: Query) -> None:
    """DESIGN 5: whole lives in one commit keep each saga's order, in few statements."""
    log = open_log(connection_class=Counting)
    seen = counting(log)
    lives = [life(n)[: n % 7 or None] for n in range(1, 85)]
    assert log.commit([log.batch([r for one in lives for r in one])]).unwrap() == ()
    assert seen.many + seen.single < 30
    assert query("SELECT count(*) FROM launcher_saga WHERE state = 'completed'") == [(24,)]


def test_a_refused_record_sends_all_one_by_one(open_log: OpenLog) -> None:
    """FACTS R-37: what together can't say is said one by one, and the rows are there once."""
    log = open_log(connection_class=Counting)
    seen = counting(log)
    records = [r for n in range(1, 9) for r in life(n)]
    refused = log.commit([log.batch([*records, step(9, 0)])]).unwrap()
    assert refused == ("StepOpened of saga 9, step 0: it needs a running saga",)
    assert (seen.many, seen.single) == (4, 1 + len(records) + 1)
    assert [saga.saga_id for saga in log.start().unwrap().outcomes] == [*range(1, 9)]


@pytest.mark.parametrize("sagas", [range(1, 81), range(1, 161, 2)], ids=["dense", "gaps"])
@pytest.mark.parametrize("end", ["completed", "failed", "failed_compensation"])
def test_sagas_that_end_alike(
    open_log: OpenLog, query: Query, end: TerminalState, sagas: range
) -> None:
    """DESIGN 5: many that end alike are few statements for their steps, as many for themselves."""
    log = open_log(connection_class=Counting)
    log.commit([log.batch([r for n in sagas for r in life(n)[:2]])]).unwrap()
    seen = counting(log)
    records = [r for n in sagas for r in (StepFailed(n, 0, "why"), SagaClosed(n, end, "why"))]
    assert log.commit([log.batch(records)]).unwrap() == ()
    assert (seen.many, seen.single) == (4, 0)
    steps = "SELECT state, failure_reason, count(*) FROM launcher_saga_step GROUP BY 1, 2"
    assert query(steps) == [("failed", "why", 80)]
    closed = "SELECT state, failure_reason, count(*) FROM launcher_saga GROUP BY 1, 2"
    assert query(closed) == [(end, "why", 80)]


def test_nobody_ends_who_is_only_between(open_log: OpenLog, query: Query) -> None:
    """FACTS R-37: sagas with ids between those that end alike go on."""
    log = open_log()
    log.commit([log.batch([r for n in range(1, 41) for r in life(n)[:2]])]).unwrap()
    ending = [1, 3, *range(3, 18), 19]
    ended = [SagaClosed(n, "failed", "why") for n in ending]
    refused = log.commit([log.batch(ended)]).unwrap()
    assert refused == ("SagaClosed of saga 3: it needs a running saga",)
    closed = query("SELECT saga_id FROM launcher_saga WHERE state = 'failed' ORDER BY 1")
    assert closed == [(n,) for n in sorted(set(ending))]


def test_each_ends_with_its_own_reason(open_log: OpenLog, query: Query) -> None:
    """FACTS R-40: what many have in common is not what the others of that commit are told."""
    log = open_log()
    sagas = range(1, 61)
    log.commit([log.batch([r for n in sagas for r in life(n)[:2]])]).unwrap()
    reasons = {n: "all alike" if n % 3 else f"saga {n} alone" for n in sagas}
    failed = [StepFailed(n, 0, reasons[n]) for n in sagas]
    ended = [SagaClosed(n, "failed", reasons[n]) for n in sagas]
    assert log.commit([log.batch([*failed, *ended])]).unwrap() == ()
    assert dict(query("SELECT saga_id, failure_reason FROM launcher_saga")) == reasons
    assert dict(query("SELECT saga_id, failure_reason FROM launcher_saga_step")) == reasons


@pytest.mark.parametrize("odd", [99, 5])
def test_one_of_many_alike_is_refused(open_log: OpenLog, query: Query, odd: int) -> None:
    """FACTS R-37: a saga that isn't there, or ends twice, is refused alone among those like it."""
    log = open_log()
    sagas = range(1, 21)
    log.commit([log.batch([r for n in sagas for r in life(n)[:2]])]).unwrap()
    ended = [SagaClosed(n, "failed", "why") for n in (*sagas, odd)]
    refused = (f"SagaClosed of saga {odd}: it needs a running saga",)
    assert log.commit([log.batch(ended)]).unwrap() == refused
    assert query("SELECT count(*) FROM launcher_saga WHERE state = 'failed'") == [(20,)]


@pytest.mark.parametrize("kind", range(len(CHANGES)))
def test_rows_are_found_by_their_keys(open_log: OpenLog, kind: int) -> None:
    """DESIGN 5: a change of many rows looks each of them up, however many sagas there are."""
    log = open_log()
    ids: tuple[list[Value], ...] = ([1, 2, 3], [1, 3, 4])
    alike = [_alike_sql(kind, _whose(some)[0]) for some in ids if CHANGES[kind].alike_sql]
    for sql in (_sql(kind, 1), _sql(kind, 4), *alike):
        plan = log._connection.execute(f"EXPLAIN QUERY PLAN {sql}", [1] * sql.count("?")).fetchall()
        tables = [detail for *_, detail in plan if "launcher_saga" in detail]
        assert all("PRIMARY KEY" in one or "autoindex" in one for one in tables)


RECORDS: st.SearchStrategy[LogRecord] = st.one_of(
    st.builds(opened, st.integers(1, 3)),
    st.builds(step, st.integers(1, 3), st.integers(0, 1)),
    st.builds(answered, st.integers(1, 3), st.integers(0, 1)),
    st.builds(StepFailed, st.integers(1, 3), st.integers(0, 1), st.just("why")),
    st.builds(SagaClosed, st.integers(1, 3), st.just("completed"), st.none()),
    st.builds(SagaClosed, st.integers(1, 3), st.just("failed_compensation"), st.just("dead")),
)

SAGAS = "SELECT * FROM launcher_saga ORDER BY saga_id"
STEPS = "SELECT * FROM launcher_saga_step ORDER BY saga_id, step_index"


def written(path: Path, batches: Sequence[Sequence[LogRecord]]) -> tuple[list[str], list[Any]]:
    """What is refused and what is in the rows after a commit of each of `batches`."""
    options = LogOptions(
        msgspec.json.encode, "normal", clock=lambda: datetime(2026, 5, 1, tzinfo=UTC)
    )
    log = SagaLog.open(path, options).unwrap()
    refused = [line for batch in batches for line in log.commit([log.batch(batch)]).unwrap()]
    log.close()
    with closing(sqlite3.connect(path)) as connection:
        return refused, [connection.execute(query).fetchall() for query in (SAGAS, STEPS)]


@settings(max_examples=60, deadline=None)
@given(st.lists(RECORDS, max_size=14), st.booleans())
def test_together_is_one_by_one(records: list[LogRecord], opened_first: bool) -> None:
    """FACTS R-07, R-37: whatever the records, a batch leaves the rows and refusals of its parts.

    Many other sagas go through the same hop, so that the rows are changed by lists, or alike.
    """
    if opened_first:
        records = [opened(1), opened(2), opened(3), *records]
    others = [record for n in range(10, 26) for record in life(n)]
    with TemporaryDirectory() as directory:
        together = written(Path(directory, "a"), [records + others])
        one_by_one = written(Path(directory, "b"), [[r] for r in records] + [others])
    assert together == one_by_one
