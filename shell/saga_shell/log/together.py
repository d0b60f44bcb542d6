"""Many records in few statements: one for many records of a kind changes all their rows.

That is cheaper for SQLite, and leaves the interpreter to the event loop: Python's binding gives it
back and asks for it again around each statement, and a busy loop lets it wait for each time.

Where many sagas end alike, as after a crash, at a shutdown or in an outage of a peer, and as the
completed ones of a commit always do, their ids are all that is listed, and not even those if they
have no gaps.

No row of one saga depends on another saga's, so it is enough to keep the order of each saga's own
records: the transaction becomes durable as a whole anyway.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from functools import cache

from saga_shell.log.statements import (
    CHANGES,
    NOT_WRITABLE,
    VALUES_OF,
    Batch,
    Encode,
    Value,
    Values,
)

ROWS_AT_ONCE = (64, 16, 4, 1) if sqlite3.sqlite_version_info >= (3, 33) else (1,)
"""How many rows a statement may change, so that few different ones have to be prepared.

SQLite before 3.33 can't update rows from a list of values.
"""

IDS_AT_ONCE = (256, 64, 16)
"""The same for rows that change alike. Fewer of those go with all others of their kind."""

Alike = dict[Values, list[Value]]
"""The own values of rows, one row's after the other's, by those that they have in common.

Rows that begin or go on have nothing in common, and stand under `()`.
"""


class NotTogether(Exception):  # noqa: N818 -- it sends the records another way, it is no error
    """Some record can't go in, so all must go in one by one to see which."""


def apply_together(
    connection: sqlite3.Connection, batches: Sequence[Batch], encode: Encode
) -> None:
    """Change the rows of all records, or raise `NotTogether` somewhere on the way.

    Raises `sqlite3.Error`s as `apply` does. Whatever it raises, the transaction must be undone.
    """
    try:
        for kind, alike in _by_kind(batches, encode):
            rest = alike[()] if () in alike else _change_alike(connection, kind, alike)
            _change(connection, kind, rest)
    except NOT_WRITABLE as error:
        raise NotTogether from error


def _by_kind(batches: Sequence[Batch], encode: Encode) -> list[tuple[int, Alike]]:
    """Values of rows that can be changed together, in the order in which they must be.

    The kinds take turns in the order of `CHANGES`. A record takes the first turn of its kind that
    is not before the turn of the record before it of the same saga. No row can be changed twice in
    one turn: the second record is one that the rows don't allow.
    """
    kinds = len(CHANGES)
    last_turns: dict[int, int] = {}
    turns: dict[int, Alike] = {}
    for batch in batches:
        at = batch.at
        for record in batch.records:
            kind, alike, own = VALUES_OF[type(record)](record, at, encode)
            turn = last_turns.get(record.saga_id, 0)
            turn += (kind - turn) % kinds
            last_turns[record.saga_id] = turn
            rows = turns.get(turn)
            if rows is None:
                rows = turns[turn] = defaultdict(list)
            rows[alike] += own
    return [(turn % kinds, turns[turn]) for turn in sorted(turns)]


def _change_alike(connection: sqlite3.Connection, kind: int, alike: Alike) -> list[Value]:
    """Change the rows of those that many have their values in common; return all others' values."""
    rest: list[Value] = []
    for common, ids in alike.items():
        many = len(ids) >= IDS_AT_ONCE[-1]
        done = _end_alike(connection, kind, common, ids) if many else 0
        for saga_id in ids[done:]:
            rest += (*common, saga_id)
    return rest


def _end_alike(connection: sqlite3.Connection, kind: int, common: Values, ids: list[Value]) -> int:
    """Change the rows of sagas that end alike, as long as they are many; return of how many."""
    done = 0
    for rows in IDS_AT_ONCE:
        while len(ids) - done >= rows:
            whose, values = _whose(ids[done : done + rows])
            _execute(connection, _alike_sql(kind, whose), (*common, *values), rows)
            done += rows
    return done


def _change(connection: sqlite3.Connection, kind: int, values: list[Value]) -> None:
    """Change all rows to which `values` belong."""
    width, done = _width(kind), 0
    for rows in ROWS_AT_ONCE:
        while len(values) - done >= rows * width:
            upto = done + rows * width
            _execute(connection, _sql(kind, rows), values[done:upto], rows)
            done = upto


def _execute(connection: sqlite3.Connection, sql: str, values: Sequence[Value], rows: int) -> None:
    """Change that many rows; raise `NotTogether` if one of them may not be changed."""
    if connection.execute(sql, values).rowcount != rows:
        raise NotTogether


@cache
def _width(kind: int) -> int:
    return CHANGES[kind].row.count("?")


@cache
def _sql(kind: int, rows: int) -> str:
    change = CHANGES[kind]
    return change.sql if rows == 1 else change.many_sql.format(rows=", ".join([change.row] * rows))


@cache
def _alike_sql(kind: int, whose: str) -> str:
    return str(CHANGES[kind].alike_sql).format(whose=whose)


def _whose(ids: list[Value]) -> tuple[str, list[Value]]:
    """Says in SQL what an id must be to be one of these, and with which values."""
    first = ids[0]
    if isinstance(first, int) and ids == list(range(first, first + len(ids))):
        return "BETWEEN ? AND ?", [first, ids[-1]]
    return f"IN ({', '.join('?' * len(ids))})", ids
