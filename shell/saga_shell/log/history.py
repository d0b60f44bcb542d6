"""What the log tells the launcher at start: sagas left in flight, and how the last ones ended.

A start takes as long as what is in flight asks for, however long the history of ended sagas is.
"""

import sqlite3
from collections import defaultdict

import msgspec
from msgspec import Struct

from saga_core.engine import SagaOutcome, UnresolvedSaga

OUTCOMES_READ = 256
"""Ended sagas that a snapshot still tells of after a restart (DESIGN 4)."""

_IN_FLIGHT = (
    "SELECT saga_id, name, state FROM launcher_saga"
    " WHERE state IN ('running', 'compensating') AND state <> 'completed'"
)
_PENDING_STEPS = (
    "SELECT saga_id, step_index FROM launcher_saga_step"
    " INDEXED BY idx_launcher_saga_step_state WHERE state = 'pending'"
)
_LAST_ENDED = (
    "SELECT saga_id, name, state, failure_reason FROM launcher_saga"
    " WHERE state NOT IN ('running', 'compensating')"
    " ORDER BY coalesce(ended_at, started_at) DESC, saga_id DESC LIMIT ?"
)


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
    rows = connection.execute(_IN_FLIGHT).fetchall()
    if not rows:
        return ()
    pending = _pending_steps(connection)
    return tuple(
        UnresolvedSaga(saga_id, name, state, tuple(pending.get(saga_id, ())))
        for saga_id, name, state in sorted(msgspec.convert(rows, list[tuple[int, str, str]]))
    )


def last_outcomes(connection: sqlite3.Connection, limit: int) -> tuple[SagaOutcome, ...]:
    """The last `limit` sagas that ended, oldest first; raises as `unresolved_sagas` does."""
    rows = connection.execute(_LAST_ENDED, (limit,)).fetchall()
    fields = SagaOutcome.__struct_fields__
    return tuple(
        msgspec.convert(dict(zip(fields, row, strict=True)), SagaOutcome) for row in reversed(rows)
    )


def _pending_steps(connection: sqlite3.Connection) -> dict[int, list[int]]:
    """By saga, also of sagas that the original launcher ended without their steps (FACTS R-40)."""
    pending: defaultdict[int, list[int]] = defaultdict(list)
    rows = connection.execute(_PENDING_STEPS).fetchall()
    for saga_id, step_index in sorted(msgspec.convert(rows, list[tuple[int, int]])):
        pending[saga_id].append(step_index)
    return pending
