"""Log lines of a start-up: kept back until it is over.

A start-up that fails is one line for the user. What else it would have said (that an old log was
moved, say) is true of the next attempt again.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from saga_shell.reporting import reporting


class _Held(logging.Handler):
    """Keeps records until they are handed over."""

    def __init__(self) -> None:
        super().__init__()
        self._records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one more."""
        self._records.append(record)

    def hand_over(self) -> None:
        """Hand them to whoever listens now."""
        for record in self._records:
            logging.getLogger(record.name).handle(record)
        self._records.clear()


@contextmanager
def reporting_once_started(program: str) -> Iterator[Callable[[], None]]:
    """Yields what says that the start-up is over: from then on standard error gets log lines.

    It gets those of the start-up first. An exception, which is a bug, brings them out too.
    """
    root, held = logging.getLogger(), _Held()
    before = root.level
    with ExitStack() as stack:
        stack.callback(root.setLevel, before)
        stack.callback(root.removeHandler, held)
        root.setLevel(logging.INFO)
        root.addHandler(held)

        def started() -> None:
            if held in root.handlers:
                root.removeHandler(held)
                stack.enter_context(reporting(program))
                held.hand_over()

        try:
            yield started
        except Exception:
            started()
            raise
