"""How a saga log is opened: everything that the launcher decides about it."""

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Literal

from msgspec import Struct

from saga_shell.log.statements import Encode

Synchronous = Literal["full", "normal"]
"""What a commit survives: power loss, or a crash of the process only."""

BUSY_TIMEOUT_MS = 5_000
"""How long a commit waits for a lock that another process holds (FACTS 4.1)."""

ID_BLOCK = 10_000
"""Saga ids reserved at a time; the durable counter is ahead by more than half of it.

A crash leaves out the rest of a block; an outage of the disk may use it up (`backlog`).
"""

MAX_SAGA_ID = 2**63 - 1
"""The largest integer that SQLite holds."""


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


class LogOptions(Struct, frozen=True):
    """`encode` gives the wire bytes of a message; `clock` an aware time in UTC.

    `connection_class` is what SQLite connections are made of.
    """

    encode: Encode
    synchronous: Synchronous = "full"
    clock: Callable[[], datetime] = utc_now
    busy_timeout_ms: int = BUSY_TIMEOUT_MS
    id_block: int = ID_BLOCK
    connection_class: type[sqlite3.Connection] = sqlite3.Connection


def days_before(moment: datetime, days: float) -> datetime:
    """`days` earlier; the beginning of the calendar if that is not enough."""
    try:
        return moment - timedelta(days=days)
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)


def stamp(moment: datetime) -> str:
    """RFC 3339 in UTC with `+00:00`: texts that compare as the times do (FACTS 4.1)."""
    return moment.astimezone(UTC).isoformat()
