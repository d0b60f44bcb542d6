"""What the log tells the launcher at start: sagas left in flight, and how the last ones ended.

A start takes as long as what is in flight asks for, however long the history of ended sagas is.
"""

import sqlite3

import msgspec
from msgspec import Struct

from saga_core.engine import SagaOutcome, UnresolvedSaga

OUTCOMES_READ = 256
"""Ended sagas that a snapshot still tells of after a restart (DESIGN 4)."""

_IN_FLIGHT = (
    "SELECT saga.saga_id, saga.name, saga.state, step.step_index FROM launcher_saga AS saga"
    " LEFT JOIN launcher_saga_step AS step INDEXED BY idx_launcher_saga_step_state"
    " ON step.saga_id = saga.saga_id AND step.state = 'pending'"
    " WHERE saga.state IN ('running', 'compensating') AND saga.state <> 'completed'"
)
"""A row for each pending step, or one without; pending steps of ended sagas (R-40) stay out."""

_LAST_ENDED = (
    "SELECT saga_id, name, state, failure_reason FROM launcher_saga"
    " WHERE state NOT IN ('running', 'compensating')"
    " ORDER BY coalesce(ended_at, started_at) DESC, saga_id DESC LIMIT ?"
)


_SagaAndStep = tuple[int, str, str, int | None]


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
    found: dict[int, UnresolvedSaga] = {}
    for saga_id, name, state, step in sorted(msgspec.convert(rows, list[_SagaAndStep])):
        steps: tuple[int, ...] = () if step is None else (step,)
        if saga_id in found:
            steps = found[saga_id].pending_steps + steps
        found[saga_id] = UnresolvedSaga(saga_id, name, state, steps)
    return tuple(found.values())


def last_outcomes(connection: sqlite3.Connection, limit: int) -> tuple[SagaOutcome, ...]:
    """The last `limit` sagas that ended, oldest first; raises as `unresolved_sagas` does."""
    rows = connection.execute(_LAST_ENDED, (limit,)).fetchall()
    fields = SagaOutcome.__struct_fields__
    return tuple(
        msgspec.convert(dict(zip(fields, row, strict=True)), SagaOutcome) for row in reversed(rows)
    )
