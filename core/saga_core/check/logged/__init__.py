"""Is a recorded log a path of the graph? The records, replayed through the production reducer."""

from saga_core.check.logged.checking import Impossible, LogReport, LogVerdict, check_log
from saga_core.check.logged.said import Dated, LoggedSaga, Said

__all__ = [
    "Dated",
    "Impossible",
    "LogReport",
    "LogVerdict",
    "LoggedSaga",
    "Said",
    "check_log",
]
