"""Records on their way into the log, in order, through a disk that may fail (FACTS R-44).

A record waits here until its commit succeeded. The backlog has no bound: a bound would lose rows.
Its length is visible while it grows, in `pending_records`, on the bus and in `diag`.

Whatever ids the file's counter reserves are reserved in a second place too, which the next run
reads as well: so no id is used twice if the file is lost. While the file can't be written, its
counter can't be raised; then the second place goes ahead, so that a crash in the middle of an
outage lets no id be used twice either, however many sagas were opened (R-18, R-41).
"""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import msgspec
from returns.result import Failure, Success

from saga_core.engine import LogRecord
from saga_shell.log.errors import LogError, LogErrorKind
from saga_shell.log.options import MAX_SAGA_ID, LogOptions
from saga_shell.log.statements import Batch
from saga_shell.log.store import SagaLog

logger = logging.getLogger(__name__)

CHUNK_RECORDS = 1_000
"""A long backlog goes in by transactions of about so many records."""

DEGRADED_BUSY_TIMEOUT_MS = 100
"""How long a commit waits for a lock while the log is degraded: sagas must not wait with it."""

_CONNECTION_STAYS: frozenset[LogErrorKind] = frozenset({"locked", "full"})

Announce = Callable[[str], None]
"""Told one line when the log is degraded, and an empty one when it works again."""

Reserve = Callable[[int], Success[None] | Failure[str]]
"""Lets no later run give out an id below the one given; the failure says why that can't be."""


Regain = Callable[[], Success[None] | Failure[str]]
"""Makes sure that the data directory is still ours; the failure is one line."""


class Backlog:
    """Owns the log. `take` may be called from any thread; all else only from the log's own."""

    def __init__(
        self,
        log: SagaLog,
        options: LogOptions,
        announce: Announce,
        reserve: Reserve | None = None,
        regain: Regain = lambda: Success(None),
    ) -> None:
        self.refused = 0
        self._reserve = reserve
        self._regain = regain
        self._reserved = 0
        self._repeated = 0
        self._log = log
        self._options = options
        self._announce = announce
        self._waiting: deque[Batch] = deque()
        self._taken = 0
        self._settled = 0
        self._degraded = False
        self._connected = True
        self._said = ""

    @property
    def path(self) -> Path:
        """Where the log is."""
        return self._log.path

    @property
    def pending_records(self) -> int:
        """Records that are not in the file yet."""
        return self._taken - self._settled

    def take(self, records: Sequence[LogRecord]) -> None:
        """Put `records` at the end, with the present time; nothing is written yet."""
        self._taken += len(records)
        self._waiting.append(self._log.batch(records))

    def flush(self) -> Success[None] | Failure[str]:
        """Write all that waits, oldest first; what could not be written goes on waiting."""
        while self._waiting:
            chunk = self._oldest()
            match self._write(chunk):
                case Success(refusals):
                    self._repeat_bound()
                    self._settle(chunk, refusals)
                case Failure(error):
                    return self._degrade(chunk, error)
        return self._recover()

    @property
    def ids_below(self) -> int:
        """Ids below this are never given out again, whatever becomes of this process."""
        return max(self._reserved, self._log.ids_below)

    def begin(self) -> None:
        """Say what there is to say of a log just opened, and reserve its ids elsewhere as well."""
        if self._log.notice is not None:
            logger.warning("%s", self._log.notice)
        self._repeat_bound()

    def _repeat_bound(self) -> None:
        """Reserve in the second place what the file has reserved; one line if that can't be."""
        bound = self._log.ids_below
        if self._reserve is None or bound == self._repeated:
            return
        self._repeated = bound
        match self._reserve(max(bound, self._reserved)):
            case Failure(why):
                logger.warning(
                    "saga ids would be used twice if saga log %s were lost: %s", self.path, why
                )
            case Success():
                self._reserved = max(bound, self._reserved)

    def secure_ids(self, highest: int) -> Success[None] | Failure[str]:
        """Let no later run use an id up to `highest`; one line if that can't be promised."""
        if highest < self.ids_below:
            return Success(None)
        match self._reserve_ahead(highest + 1):
            case Failure(why):
                return Failure(
                    f"saga ids from {self.ids_below} on could be used twice, because neither "
                    f"saga log {self.path} nor the lock file can be written ({why}): "
                    "make the disk writable and start the launcher again"
                )
            case Success() as secured:
                return secured

    def _keep_ids(self) -> None:
        """The file may be gone, and its counter with it: have one elsewhere, or a new file."""
        if isinstance(self._reserve_ahead(self._log.unused_id), Failure) and not self._connected:
            self._connect()

    def _reserve_ahead(self, unused: int) -> Success[None] | Failure[str]:
        if self._reserve is None:
            return Failure("there is no second place for them")
        bound = min(unused + self._options.id_block, MAX_SAGA_ID)
        reserved = self._reserve(bound)
        if isinstance(reserved, Success):
            self._reserved = bound
        return reserved

    @property
    def checkpoint_is_due(self) -> bool:
        """Whether a long commit has left its checkpoint for later."""
        return self._log.checkpoint_is_due

    def checkpoint(self) -> None:
        """Make up for that. A failure is said in one line; later commits copy what this did not."""
        match self._log.checkpoint():
            case Failure(error):
                logger.warning("%s (the rows are safe in its -wal)", error.message)
            case Success():
                pass

    def vacuum(self, cutoff: datetime) -> Success[int] | Failure[str]:
        """Remove some of the sagas that ended before `cutoff`; return how many."""
        match self._log.vacuum_older_than(cutoff):
            case Success(removed):
                return Success(removed)
            case Failure(error):
                return Failure(error.message)

    def finish(self) -> Success[None] | Failure[str]:
        """Write what waits and close. The failure says how many records are lost."""
        match self.flush():
            case Failure(error):
                self._log.abandon()
                return Failure(
                    f"{self.pending_records} record(s) of the saga log are lost: {error}"
                )
            case Success() as flushed:
                self._close()
                return flushed

    def _close(self) -> None:
        """No row depends on the counter's last value: without it, ids jump at the next start."""
        match self._log.close():
            case Failure(error):
                logger.warning("saga ids will jump at the next start: %s", error.message)
            case Success():
                self._give_back()

    def _give_back(self) -> None:
        """The second place needs no more than the file: what was reserved and not used."""
        if self._reserve is None:
            return
        match self._reserve(self._log.unused_id):
            case Failure(why):
                logger.warning("saga ids will jump at the next start: %s", why)
            case Success():
                pass

    def _oldest(self) -> list[Batch]:
        """Whole batches from the front; `take` may append meanwhile."""
        chunk: list[Batch] = []
        records = 0
        for index in range(len(self._waiting)):
            batch = self._waiting[index]
            records += len(batch.records)
            if chunk and records > CHUNK_RECORDS:
                break
            chunk.append(batch)
        return chunk

    def _write(self, chunk: list[Batch]) -> Success[tuple[str, ...]] | Failure[LogError]:
        match self._connect():
            case Failure() as refused:
                return refused
            case Success(log):
                return log.commit(chunk)

    def _connect(self) -> Success[SagaLog] | Failure[LogError]:
        """Open the file anew if it has to be, and if no other launcher has its directory now."""
        if self._connected:
            return Success(self._log)
        regained = self._regain()
        if isinstance(regained, Failure):
            return Failure(self._shut_out(regained.failure()))
        self._said = ""
        options = msgspec.structs.replace(self._options, busy_timeout_ms=self._short_timeout())
        opened = SagaLog.open(self.path, options, id_floor=self._log.unused_id)
        if isinstance(opened, Success):
            self._log, self._connected = opened.unwrap(), True
            self.begin()
        return opened

    def _shut_out(self, line: str) -> LogError:
        """Who looks at the data directory sees its new owner; so our own logs tell of it, once."""
        if line != self._said:
            logger.error("saga log %s stays closed: %s", self.path, line)
            self._said = line
        return LogError("locked", line)

    def _settle(self, chunk: list[Batch], refusals: tuple[str, ...]) -> None:
        for batch in chunk:
            self._waiting.popleft()
            self._settled += len(batch.records)
        self.refused += len(refusals)
        for refusal in refusals:
            logger.error(
                "saga log %s refused a record, its row stays as it was: %s", self.path, refusal
            )

    def _degrade(self, chunk: list[Batch], error: LogError) -> Failure[str]:
        for batch in chunk:
            batch.attempted = True
        if self._connected and error.kind in _CONNECTION_STAYS:
            self._log.wait_for_locks(self._short_timeout())
        elif self._connected:
            self._log.abandon()
            self._connected = False
        if not self._degraded:
            self._keep_ids()
        self._degraded = True
        self._announce(f"{error.message}; {self.pending_records} record(s) wait in memory")
        return Failure(error.message)

    def _recover(self) -> Success[None]:
        if self._degraded:
            self._log.wait_for_locks(self._options.busy_timeout_ms)
            self._degraded = False
            self._announce("")
        return Success(None)

    def _short_timeout(self) -> int:
        return min(DEGRADED_BUSY_TIMEOUT_MS, self._options.busy_timeout_ms)
