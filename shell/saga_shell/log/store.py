"""The durable saga log: one SQLite file, one connection, used by one thread (FACTS 4).

Nothing here waits in memory: a commit is in the file or it failed. `LogWriter` does the waiting.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import msgspec
from returns.result import Failure, Success

from saga_core.engine import LogRecord, SagaOpened
from saga_shell.log.errors import (
    LogError,
    attempt,
    damaged,
    inaccessible,
    left_without_wal,
    orphaned,
)
from saga_shell.log.files import (
    NO_REGULAR_FILE,
    Files,
    close_untouched,
    has_wal,
    is_orphaned,
    is_special,
)
from saga_shell.log.history import OUTCOMES_READ, LogStart, last_outcomes, unresolved_sagas
from saga_shell.log.options import MAX_SAGA_ID, LogOptions, stamp
from saga_shell.log.schema import COUNTER_TABLE, SAGA_TABLE, create_missing, survey
from saga_shell.log.soundness import close_seal, fault_in, read_edges, write_seal
from saga_shell.log.statements import Batch, apply
from saga_shell.log.together import NotTogether, apply_together

VACUUM_CHUNK = 500
"""Sagas removed in one transaction, so that a large vacuum doesn't hold up commits."""

LONG_COMMIT_RECORDS = 10_000
"""A commit of more, as that of a start after a crash, leaves its checkpoint for later."""

CHECKPOINT_PAGES = 1_000
"""What the `-wal` may hold before a commit copies it into the file (SQLite's default)."""


class SagaLog:
    """An open log. `next_saga_id` lies above every id that was shown before it was opened.

    Ids are reserved in blocks (FACTS R-41): the counter in the file is always ahead of the ids in
    use, so that ids whose rows could not be written are not used again either (R-18). What lies
    beyond the block while the file can't be written is the backlog's to secure.

    `checkpoint_is_due` after a long commit: it is durable in the `-wal`, and whoever waits for it
    need not wait until it is copied into the file as well. `checkpoint` does that.

    `notice` says in one line if rows may have been lost before the log was opened.
    """

    def __init__(
        self, connection: sqlite3.Connection, path: Path, options: LogOptions, next_saga_id: int
    ) -> None:
        self.path = path
        self.next_saga_id = next_saga_id
        self.checkpoint_is_due = False
        self.notice: str | None = None
        self._connection = connection
        self._options = options
        self._unused_id = next_saga_id
        self._bound = next_saga_id + options.id_block
        self._files = Files(path)

    @classmethod
    def open(
        cls, path: Path, options: LogOptions, *, id_floor: int = 1
    ) -> Success["SagaLog"] | Failure[LogError]:
        """Open or create the log, adopt a file without a version, reserve the first block of ids.

        Ids start at `id_floor` or above, whatever the file says.
        """

        def work() -> Success["SagaLog"] | Failure[LogError]:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if is_special(path):
                return Failure(inaccessible(path, NO_REGULAR_FILE))
            if is_orphaned(path):
                return Failure(orphaned(path))
            with_wal = has_wal(path)
            connection = _connect(path, options)
            try:
                opened = cls._prepare(connection, path, options, id_floor, with_wal=with_wal)
            except BaseException:
                close_untouched(connection, path)
                raise
            if isinstance(opened, Failure):
                close_untouched(connection, path)
            return opened

        return attempt(path, work)

    @classmethod
    def _prepare(
        cls,
        connection: sqlite3.Connection,
        path: Path,
        options: LogOptions,
        id_floor: int,
        *,
        with_wal: bool,
    ) -> Success["SagaLog"] | Failure[LogError]:
        surveyed = survey(connection, path)
        if isinstance(surveyed, Failure):
            return surveyed
        found = surveyed.unwrap()
        tables = found.tables
        fault = fault_in(connection, path, tables)
        if fault is not None:
            return Failure(damaged(path, fault))
        read_edges(connection, tables)
        next_saga_id = max(_lowest_free_id(connection, tables), id_floor)
        if next_saga_id > MAX_SAGA_ID - options.id_block:
            return Failure(damaged(path, "its saga ids are used up"))
        _set_pragmas(connection, options)
        with _transaction(connection):
            create_missing(connection)
            _reserve_ids(connection, next_saga_id + options.id_block)
        log = cls(connection, path, options, next_saga_id)
        if found.in_wal_mode and not with_wal and not found.is_original:
            log.notice = left_without_wal(path)
        return Success(log)

    def batch(self, records: Sequence[LogRecord]) -> Batch:
        """`records` with the present time."""
        return Batch(stamp(self._options.clock()), tuple(records))

    def commit(self, batches: Sequence[Batch]) -> Success[tuple[str, ...]] | Failure[LogError]:
        """Write `batches` in order, in one transaction: all of it is in the file, or it failed.

        Returns one line for each record that the rows didn't allow (FACTS R-37).
        """
        return attempt(self.path, lambda: self._commit(batches))

    def _commit(self, batches: Sequence[Batch]) -> Success[tuple[str, ...]] | Failure[LogError]:
        self._unused_id = max(self._unused_id, _highest_opened(batches) + 1)
        fault = self._fault()
        if fault is not None:
            return Failure(fault)
        bound = self._needed_bound()
        if sum(len(batch.records) for batch in batches) > LONG_COMMIT_RECORDS:
            self._connection.execute("PRAGMA wal_autocheckpoint = 0")
            self.checkpoint_is_due = True
        refusals = self._write(batches, bound)
        self._files.grew()
        self._bound = bound
        return Success(refusals)

    def _write(self, batches: Sequence[Batch], bound: int) -> tuple[str, ...]:
        """All records together if that is possible, or else one by one."""
        if not any(batch.attempted for batch in batches):
            with suppress(NotTogether), self._reserving(bound):
                apply_together(self._connection, batches, self._options.encode)
                return ()
        with self._reserving(bound):
            return self._apply(batches)

    @contextmanager
    def _reserving(self, bound: int) -> Iterator[None]:
        """A transaction that raises the counter to `bound` first, if it is not there yet."""
        with _transaction(self._connection):
            if bound > self._bound:
                _reserve_ids(self._connection, bound)
            yield

    def _apply(self, batches: Sequence[Batch]) -> tuple[str, ...]:
        applied = (
            apply(self._connection, batch, record, self._options.encode)
            for batch in batches
            for record in batch.records
        )
        return tuple(refusal for refusal in applied if refusal is not None)

    def checkpoint(self) -> Success[None] | Failure[LogError]:
        """Copy the `-wal` into the file. A failure loses nothing: the next commit tries again."""

        def work() -> Success[None] | Failure[LogError]:
            self.checkpoint_is_due = False
            fault = self._fault()
            if fault is not None:
                return Failure(fault)
            self._connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            return Success(None)

        return attempt(self.path, work)

    def start(self, limit: int = OUTCOMES_READ) -> Success[LogStart] | Failure[LogError]:
        """What the launcher must know before anything else runs; at most `limit` outcomes."""
        return attempt(self.path, lambda: Success(self._start(limit)))

    def _start(self, limit: int) -> LogStart:
        unresolved = unresolved_sagas(self._connection)
        return LogStart(self.next_saga_id, unresolved, last_outcomes(self._connection, limit))

    def vacuum_older_than(self, cutoff: datetime) -> Success[int] | Failure[LogError]:
        """Remove sagas that ended before `cutoff`, with their steps; return how many.

        One call removes at most `VACUUM_CHUNK`. A saga that has not ended stays, however old.
        """
        return attempt(self.path, lambda: self._vacuum(stamp(cutoff)))

    def _vacuum(self, cutoff: str) -> Success[int] | Failure[LogError]:
        fault = self._fault()
        if fault is not None:
            return Failure(fault)
        with _transaction(self._connection):
            removed = self._connection.execute(
                "DELETE FROM launcher_saga WHERE saga_id IN"
                " (SELECT saga_id FROM launcher_saga"
                " WHERE state NOT IN ('running', 'compensating')"
                " AND coalesce(ended_at, started_at) < :cutoff AND ended_at < :cutoff"
                " ORDER BY coalesce(ended_at, started_at), saga_id LIMIT :limit)",
                {"cutoff": cutoff, "limit": VACUUM_CHUNK},
            ).rowcount
        self._files.grew()
        return Success(removed)

    def wait_for_locks(self, milliseconds: int) -> Success[None] | Failure[LogError]:
        """From now on wait this long for a lock that another process holds."""

        def work() -> Success[None]:
            self._connection.execute(f"PRAGMA busy_timeout = {milliseconds:d}")
            return Success(None)

        return attempt(self.path, work)

    def close(self) -> Success[None] | Failure[LogError]:
        """Close once all records are in the file: the ids of the next run go on without a gap."""
        settled = attempt(self.path, self._settle)
        at_rest = not self._files.is_cut and self._come_to_rest()
        self.abandon()
        match settled:
            case Failure() as failed:
                return failed
            case Success(moment):
                if at_rest:
                    close_seal(self.path, moment)
                return Success(None)

    def _settle(self) -> Success[int] | Failure[LogError]:
        """Write the counter and the seal; return the seal's moment."""
        fault = self._fault()
        if fault is not None:
            return Failure(fault)
        with _transaction(self._connection):
            self._connection.execute(
                "UPDATE launcher_saga_counter SET next_saga_id = ?", (self._unused_id,)
            )
            return Success(write_seal(self._connection))

    def _come_to_rest(self) -> bool:
        """Make one whole file of the log, unless somebody reads it: then its `-wal` stays.

        So a file in WAL mode without its `-wal` tells that somebody left the `-wal` behind.
        """
        with suppress(sqlite3.Error):
            self._connection.execute("PRAGMA busy_timeout = 0")
            (mode,) = self._connection.execute("PRAGMA journal_mode = DELETE").fetchone()
            return str(mode) == "delete"
        return False

    def abandon(self) -> None:
        """Close and leave the file as it is: the next run leaves out the rest of the block."""
        with suppress(sqlite3.Error):
            if self._files.is_cut:
                close_untouched(self._connection, self.path)
            self._connection.close()

    @property
    def ids_below(self) -> int:
        """Ids below this are in the file's counter: no later run that reads it gives them out."""
        return self._bound

    @property
    def unused_id(self) -> int:
        """Above every id that this log was ever asked to write."""
        return self._unused_id

    def _needed_bound(self) -> int:
        """Where the reserved ids must end: raised before those in use come near."""
        block = self._options.id_block
        if self._unused_id <= self._bound - block // 2:
            return self._bound
        return min(self._unused_id + block, MAX_SAGA_ID)

    def _fault(self) -> LogError | None:
        """Why nothing may be written or copied: our files are gone, or not whole any more."""
        fault = self._files.fault(self._is_rewound)
        return None if fault is None else inaccessible(self.path, fault)

    def _is_rewound(self) -> bool:
        """Whether SQLite expects nothing in the `-wal`."""
        with suppress(sqlite3.Error):
            row = self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            return msgspec.convert(row, tuple[int, int, int])[1] == 0
        return False


def _connect(path: Path, options: LogOptions) -> sqlite3.Connection:
    return sqlite3.connect(
        path,
        timeout=options.busy_timeout_ms / 1000,
        isolation_level=None,
        factory=options.connection_class,
    )


def _set_pragmas(connection: sqlite3.Connection, options: LogOptions) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {options.synchronous}")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA foreign_keys = ON")


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.rollback()
        raise


def _lowest_free_id(connection: sqlite3.Connection, tables: frozenset[str]) -> int:
    """Above the counter and above every row (FACTS F-34); a read error is never a 1 (F-35)."""
    queries = (query for table, query in _HIGHEST.items() if table in tables)
    rows = (connection.execute(query).fetchone() for query in queries)
    return max((1 + msgspec.convert(row, tuple[int])[0] for row in rows), default=1)


_HIGHEST = {
    SAGA_TABLE: "SELECT coalesce(max(saga_id), 0) FROM launcher_saga",
    COUNTER_TABLE: "SELECT coalesce(max(next_saga_id) - 1, 0) FROM launcher_saga_counter",
}
"""The highest id that is taken, by table."""


def _reserve_ids(connection: sqlite3.Connection, bound: int) -> None:
    connection.execute(
        "INSERT INTO launcher_saga_counter (singleton, next_saga_id) VALUES (1, ?)"
        " ON CONFLICT (singleton) DO UPDATE"
        " SET next_saga_id = max(next_saga_id, excluded.next_saga_id)",
        (bound,),
    )


def _highest_opened(batches: Sequence[Batch]) -> int:
    """The highest id of a saga that one of `batches` opens, or 0."""
    return max((highest_opened(batch.records) for batch in batches), default=0)


def highest_opened(records: Sequence[LogRecord]) -> int:
    """The highest id of a saga that one of `records` opens, or 0."""
    highest = 0
    for record in records:
        if type(record) is SagaOpened and record.saga_id > highest:
            highest = record.saga_id
    return highest
