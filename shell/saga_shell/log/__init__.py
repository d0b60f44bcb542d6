"""The durable saga log: SQLite on a thread of its own, read-only views, one lock per directory."""

from saga_shell.log.errors import LogError, LogErrorKind
from saga_shell.log.history import OUTCOMES_READ, LogStart
from saga_shell.log.lock import DataLock, Owner, acquire, is_live, owner_of
from saga_shell.log.options import (
    BUSY_TIMEOUT_MS,
    ID_BLOCK,
    LogOptions,
    Synchronous,
    stamp,
    utc_now,
)
from saga_shell.log.paths import LogLocation, current_path, find_log, settle_log
from saga_shell.log.reader import (
    LOWEST_ID,
    Extent,
    SagaLogReader,
    SagaRow,
    SagaRows,
    StepRow,
    open_read_only,
    steps_progressed,
)
from saga_shell.log.schema import SCHEMA_VERSION
from saga_shell.log.store import SagaLog
from saga_shell.log.writer import VACUUM_INTERVAL_SECONDS, LogWriter

__all__ = [
    "BUSY_TIMEOUT_MS",
    "ID_BLOCK",
    "LOWEST_ID",
    "OUTCOMES_READ",
    "SCHEMA_VERSION",
    "VACUUM_INTERVAL_SECONDS",
    "DataLock",
    "Extent",
    "LogError",
    "LogErrorKind",
    "LogLocation",
    "LogOptions",
    "LogStart",
    "LogWriter",
    "Owner",
    "SagaLog",
    "SagaLogReader",
    "SagaRow",
    "SagaRows",
    "StepRow",
    "Synchronous",
    "acquire",
    "current_path",
    "find_log",
    "is_live",
    "open_read_only",
    "owner_of",
    "settle_log",
    "stamp",
    "steps_progressed",
    "utc_now",
]
