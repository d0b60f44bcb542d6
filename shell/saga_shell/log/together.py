"""Many records in few statements: one for many records of a kind changes all their rows.

That is cheaper for SQLite, and leaves the interpreter to the event loop: Python's binding gives it
back and asks for it again around each statement, and a busy loop lets it wait for each time.

No row of one saga depends on another saga's, so it is enough to keep the order of each saga's own
records: the transaction becomes durable as a whole anyway.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from functools import cache

from saga_shell.log.statements import CHANGES, NOT_WRITABLE, Batch, Encode, Value, values_of

ROWS_AT_ONCE = (64, 16, 4, 1) if sqlite3.sqlite_version_info >= (3, 33) else (1,)
"""How many rows a statement may change, so that few different ones have to be prepared.

SQLite before 3.33 can't update rows from a list of values.
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
        for kind, values in _by_kind(batches, encode):
            _change(connection, kind, values)
    except NOT_WRITABLE as error:
        raise NotTogether from error


def _by_kind(batches: Sequence[Batch], encode: Encode) -> list[tuple[int, list[Value]]]:
    """Values of rows that can be changed together, in the order in which they must be.

    The kinds take turns in the order of `CHANGES`. A record takes the first turn of its kind that
    is not before the turn of the record before it of the same saga.
    """
    kinds = len(CHANGES)
    last_turns: dict[int, int] = {}
    turns: defaultdict[int, list[Value]] = defaultdict(list)
    for batch in batches:
        at = batch.at
        for record in batch.records:
            kind, values = values_of(record, at, encode)
            turn = last_turns.get(record.saga_id, 0)
            turn += (kind - turn) % kinds
            last_turns[record.saga_id] = turn
            turns[turn] += values
    return [(turn % kinds, turns[turn]) for turn in sorted(turns)]


def _change(connection: sqlite3.Connection, kind: int, values: list[Value]) -> None:
    """Change all rows to which `values` belong; raise `NotTogether` if one may not be changed."""
    width, done = _width(kind), 0
    for rows in ROWS_AT_ONCE:
        while len(values) - done >= rows * width:
            upto = done + rows * width
            if connection.execute(_sql(kind, rows), values[done:upto]).rowcount != rows:
                raise NotTogether
            done = upto


@cache
def _width(kind: int) -> int:
    return CHANGES[kind].row.count("?")


@cache
def _sql(kind: int, rows: int) -> str:
    change = CHANGES[kind]
    return change.sql if rows == 1 else change.many_sql.format(rows=", ".join([change.row] * rows))
