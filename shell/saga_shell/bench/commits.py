"""Counting transactions from the outside, in SQLite's own file.

Under `synchronous=FULL` SQLite calls fdatasync on the `-wal` once for each transaction, after its
last frame, which is the one that says how large the database is now. Those frames are what is
counted. A checkpoint (one per 1,000 pages) calls it twice more and starts the `-wal` anew; so a
count is only made where none came in between.
"""

import struct
from pathlib import Path

from msgspec import Struct

from saga_shell.bench.failure import BenchFailed

_HEADER = struct.Struct(">8I")
_FRAME = struct.Struct(">6I")


class Wal(Struct, frozen=True):
    """`commits` since the `-wal` was begun anew, which `salts` tell from another beginning."""

    salts: tuple[int, int]
    commits: int


def wal_of(database: Path) -> Wal:
    """What the `-wal` of `database` says now."""
    data = database.with_name(f"{database.name}-wal").read_bytes()
    if len(data) < _HEADER.size:
        return Wal((0, 0), 0)
    _, _, page_size, _, *salts, _, _ = _HEADER.unpack_from(data)
    commits = 0
    for at in range(_HEADER.size, len(data) - page_size, _FRAME.size + page_size):
        _, pages_now, *frame_salts, _, _ = _FRAME.unpack_from(data, at)
        if frame_salts != salts:
            break
        commits += pages_now > 0
    return Wal((salts[0], salts[1]), commits)


def between(before: Wal, after: Wal) -> int:
    """How many transactions were committed from one look to the next."""
    if before.salts != after.salts:
        raise BenchFailed("a checkpoint came in between, so commits can't be counted")
    return after.commits - before.commits
