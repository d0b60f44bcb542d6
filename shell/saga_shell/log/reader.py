"""Reading a saga log without touching it, beside a live launcher too (FACTS F-37, R-47).

One reader sees one state of the log, however long it looks, and leaves no file behind.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import msgspec
from msgspec import Struct
from returns.result import Failure, Success

from saga_shell.log.errors import LogError, attempt, inaccessible, missing, orphaned
from saga_shell.log.files import NO_REGULAR_FILE, is_orphaned, is_special
from saga_shell.log.options import MAX_SAGA_ID
from saga_shell.log.readonly import connect_read_only
from saga_shell.log.schema import survey

R = TypeVar("R", bound=Struct)


class SagaRow(Struct, frozen=True):
    """One saga as it is in the log (FACTS 4.1)."""

    saga_id: int
    name: str
    state: str
    started_at: str
    ended_at: str | None
    input_json: str
    failure_reason: str | None


class StepRow(Struct, frozen=True):
    """One step as it is in the log (FACTS 4.1)."""

    step_index: int
    name: str
    state: str
    target: str | None
    cmd_json: str | None
    output_json: str | None
    started_at: str
    ended_at: str | None
    failure_reason: str | None


class SagaRows(Struct, frozen=True):
    """All rows of one saga; `saga` is None if only steps are left of it."""

    saga_id: int
    saga: SagaRow | None
    steps: tuple[StepRow, ...]


class _OwnedStep(StepRow, frozen=True):
    saga_id: int


LOWEST_ID = -(2**63)
"""The lowest integer that SQLite holds: where the first page begins."""


class Extent(Struct, frozen=True):
    """How many sagas a log has, and when the first of those that ended did so."""

    sagas: int
    oldest_end: str | None


_SAGAS = (
    "SELECT saga_id, name, state, started_at, ended_at, input_json, failure_reason"
    " FROM launcher_saga WHERE"
)


def _newest(condition: str) -> str:
    """The newest of the sagas for which `condition` holds; it should be that of an index."""
    newest_first = "ORDER BY coalesce(ended_at, started_at) DESC, saga_id DESC LIMIT :limit"
    return f"{_SAGAS} {condition} {newest_first}"


_SAGA = f"{_SAGAS} saga_id = :saga_id"
_ENDED = _newest("state NOT IN ('running', 'compensating')")
_IN_FLIGHT = _newest("state IN ('running', 'compensating') AND state <> 'completed'")
_COMPLETED = _newest("state = :state AND state NOT IN ('running', 'compensating')")
_IN_OTHER_STATE = _newest("state = :state AND state <> 'completed'")

_STEPS = (
    "SELECT step_index, name, state, target, cmd_json, output_json, started_at, ended_at,"
    " failure_reason FROM launcher_saga_step WHERE saga_id = :saga_id ORDER BY step_index"
)

_PAGE = f"{_SAGAS} saga_id >= :first ORDER BY saga_id LIMIT :limit"
_STEPS_OF_PAGE = (
    "SELECT step_index, name, state, target, cmd_json, output_json, started_at, ended_at,"
    " failure_reason, saga_id FROM launcher_saga_step"
    " WHERE saga_id BETWEEN :first AND :last ORDER BY saga_id, step_index"
)
_EXTENT = (
    "SELECT (SELECT count(*) FROM launcher_saga) AS sagas,"
    " (SELECT min(coalesce(ended_at, started_at)) FROM launcher_saga"
    " WHERE state NOT IN ('running', 'compensating')) AS oldest_end"
)

_Values = dict[str, int | str | None]


def steps_progressed(steps: Sequence[StepRow]) -> int:
    """How many steps have had their answer (FACTS 4.3, `step_count`)."""
    return sum(step.state in {"succeeded", "compensated"} for step in steps)


def open_read_only(path: Path) -> Success["SagaLogReader"] | Failure[LogError]:
    """Open the log at `path` for reading; a file in which nothing was created yet is empty."""
    return attempt(path, lambda: _open(path))


def _open(path: Path) -> Success["SagaLogReader"] | Failure[LogError]:
    if is_orphaned(path):
        return Failure(orphaned(path))
    if not path.exists():
        return Failure(missing(path))
    if is_special(path):
        return Failure(inaccessible(path, NO_REGULAR_FILE))
    with ExitStack() as resources:
        connection, notice = connect_read_only(path, resources)
        surveyed = survey(connection, path)
        if isinstance(surveyed, Failure):
            return surveyed
        readable = None if surveyed.unwrap().blank else connection
        return Success(SagaLogReader(path, readable, resources.pop_all(), notice))


class SagaLogReader:
    """An open log that can only be read; close it, or use it in a `with`.

    `notice` says in one line if the file could not be read the usual way (FACTS R-47).
    """

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection | None,
        resources: ExitStack,
        notice: str | None,
    ) -> None:
        self.path = path
        self.notice = notice
        self._connection = connection
        self._resources = resources

    def __enter__(self) -> "SagaLogReader":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._resources.close()

    def snapshot_recent(
        self, limit: int, state: str | None = None
    ) -> Success[tuple[SagaRow, ...]] | Failure[LogError]:
        """The last `limit` sagas, newest first; with `state`, only those in it."""
        values: _Values = {"limit": min(limit, MAX_SAGA_ID), "state": state}
        if state is not None:
            query = _COMPLETED if state == "completed" else _IN_OTHER_STATE
            return self._rows(query, values, SagaRow)
        match self._rows(_ENDED, values, SagaRow), self._rows(_IN_FLIGHT, values, SagaRow):
            case Success(ended), Success(in_flight):
                return Success(_newest_of(ended + in_flight, limit))
            case Failure() as failed, _:
                return failed
            case _, failed:
                return failed

    def saga(self, saga_id: int) -> Success[SagaRow | None] | Failure[LogError]:
        """One saga, or None if the log has no such id."""
        match self._rows(_SAGA, {"saga_id": _key(saga_id)}, SagaRow):
            case Failure() as failed:
                return failed
            case Success(rows):
                return Success(rows[0] if rows else None)

    def steps(self, saga_id: int) -> Success[tuple[StepRow, ...]] | Failure[LogError]:
        """The steps of one saga by index, whatever state the saga is in."""
        return self._rows(_STEPS, {"saga_id": _key(saga_id)}, StepRow)

    def extent(self) -> Success[Extent] | Failure[LogError]:
        """How much there is to read."""
        match self._rows(_EXTENT, {}, Extent):
            case Failure() as failed:
                return failed
            case Success(rows):
                return Success(rows[0] if rows else Extent(0, None))

    def page(self, first: int, limit: int) -> Success[tuple[SagaRows, ...]] | Failure[LogError]:
        """The first `limit` sagas from the id `first` on, ascending; empty at the end.

        Begin with `LOWEST_ID`, and go on above the last id of the page before.
        """
        sagas = self._rows(_PAGE, {"first": first, "limit": limit}, SagaRow)
        if isinstance(sagas, Failure):
            return sagas
        rows = sagas.unwrap()
        last = rows[-1].saga_id if len(rows) == limit else MAX_SAGA_ID
        steps = self._rows(_STEPS_OF_PAGE, {"first": first, "last": last}, _OwnedStep)
        return steps if isinstance(steps, Failure) else Success(_joined(rows, steps.unwrap()))

    def _rows(
        self, sql: str, values: _Values, kind: type[R]
    ) -> Success[tuple[R, ...]] | Failure[LogError]:
        connection = self._connection
        if connection is None:
            return Success(())
        return attempt(self.path, lambda: Success(_read(connection, sql, values, kind)))


def _joined(sagas: tuple[SagaRow, ...], steps: tuple[_OwnedStep, ...]) -> tuple[SagaRows, ...]:
    by_id = {row.saga_id: row for row in sagas}
    owned: dict[int, list[StepRow]] = {row.saga_id: [] for row in sagas}
    for step in steps:
        owned.setdefault(step.saga_id, []).append(step)
    return tuple(
        SagaRows(saga_id, by_id.get(saga_id), tuple(owned[saga_id])) for saga_id in sorted(owned)
    )


def _newest_of(rows: tuple[SagaRow, ...], limit: int) -> tuple[SagaRow, ...]:
    def age(row: SagaRow) -> tuple[str, int]:
        return row.started_at if row.ended_at is None else row.ended_at, row.saga_id

    return tuple(sorted(rows, key=age, reverse=True)[:limit])


def _key(saga_id: int) -> int:
    """An id that SQLite can look for; no saga has a negative one."""
    return saga_id if saga_id <= MAX_SAGA_ID else -1


def _read(
    connection: sqlite3.Connection, sql: str, values: _Values, kind: type[R]
) -> tuple[R, ...]:
    fields = kind.__struct_fields__
    rows = connection.execute(sql, values)
    return tuple(msgspec.convert(dict(zip(fields, row, strict=True)), kind) for row in rows)
