"""What the log tells the launcher at start: sagas left in flight, and how the last ones ended."""

import sqlite3

import msgspec
from msgspec import Struct

from saga_core.engine import SagaOutcome, UnresolvedSaga

OUTCOMES_READ = 256
"""Ended sagas that a snapshot still tells of after a restart (DESIGN 4)."""


class LogStart(Struct, frozen=True):
    """`next_saga_id` lies above every id ever shown; `outcomes` are oldest first."""

    next_saga_id: int
    unresolved: tuple[UnresolvedSaga, ...]
    outcomes: tuple[SagaOutcome, ...]


def unresolved_sagas(connection: sqlite3.Connection) -> tuple[UnresolvedSaga, ...]:
    """Sagas that were in flight when their launcher died, ids ascending.

    Those that failed cleanly are not among them (FACTS R-38). Raises `sqlite3.Error`, and
    `msgspec.ValidationError` for a row that can't be one of ours.
    """
    rows = connection.execute(
        "SELECT saga_id, name, state FROM launcher_saga"
        " WHERE state IN ('running', 'compensating') ORDER BY saga_id"
    ).fetchall()
    return tuple(
        _unresolved(saga_id, name, state, _pending_steps(connection, saga_id))
        for saga_id, name, state in rows
    )


def last_outcomes(connection: sqlite3.Connection, limit: int) -> tuple[SagaOutcome, ...]:
    """The last `limit` sagas that ended, oldest first; raises as `unresolved_sagas` does."""
    rows = connection.execute(
        "SELECT saga_id, name, state, failure_reason FROM launcher_saga"
        " WHERE state IN ('completed', 'failed', 'failed_compensation')"
        " ORDER BY coalesce(ended_at, started_at) DESC, saga_id DESC LIMIT ?",
        (limit,),
    ).fetchall()
    fields = SagaOutcome.__struct_fields__
    return tuple(
        msgspec.convert(dict(zip(fields, row, strict=True)), SagaOutcome) for row in reversed(rows)
    )


def _unresolved(saga_id: int, name: str, state: str, steps: list[int]) -> UnresolvedSaga:
    row = {"saga_id": saga_id, "name": name, "state": state, "pending_steps": steps}
    return msgspec.convert(row, UnresolvedSaga)


def _pending_steps(connection: sqlite3.Connection, saga_id: int) -> list[int]:
    rows = connection.execute(
        "SELECT step_index FROM launcher_saga_step"
        " WHERE saga_id = ? AND state = 'pending' ORDER BY step_index",
        (saga_id,),
    )
    return [index for (index,) in rows]
