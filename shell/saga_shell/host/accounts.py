"""What the host did, in numbers, and which panes it started: for whoever has to check it.

Both files are appended to and hold one JSON object a line. The journal is written as things happen,
because a host that is killed can't tell its end: whoever reads it afterwards looks whether each
`pane_started` has its `pane_gone`, or at least no living process.
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from returns.result import Failure, Success

Say = Callable[[str], None]


@dataclass
class Counters:
    """What is counted while the host lives."""

    panes_started: int = 0
    panes_gone: int = 0
    commands: int = 0
    duplicates: int = 0
    faults_met: int = 0
    actions: int = 0
    actions_refused: int = 0
    lines_ignored: int = 0
    journal_lines_lost: int = 0


class Journal:
    """Tells of every pane that starts and goes, in a file if one was named."""

    def __init__(self, file: int | None, counters: Counters, say: Say) -> None:
        self._file = file
        self._counters = counters
        self._say = say

    def pane_started(self, pid: int, label: str) -> None:
        """Process `pid` runs the pane of window `label`."""
        self._counters.panes_started += 1
        self._append({"event": "pane_started", "pid": pid, "label": label, "host": os.getpid()})

    def pane_gone(self, pid: int, label: str) -> None:
        """No process of that pane is left."""
        self._counters.panes_gone += 1
        self._append({"event": "pane_gone", "pid": pid, "label": label, "host": os.getpid()})

    def _append(self, entry: Mapping[str, object]) -> None:
        # Written on the loop on purpose: one short line into the page cache, which has to be there
        # before anything else can happen to the pane.
        if self._file is None:
            return
        try:
            os.write(self._file, _line(entry))
        except OSError as error:
            self._counters.journal_lines_lost += 1
            self._say(f"cannot write the pane journal: {error.strerror}; one line is lost")


def open_journal(path: Path) -> Success[int] | Failure[str]:
    """A descriptor that appends to `path`."""
    try:
        return Success(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600))
    except OSError as error:
        return Failure(f"cannot open the pane journal {path}: {error.strerror}")


def append_stats(path: Path, counters: Counters, exit_code: int, log_lines_lost: int) -> str | None:
    """Append one line of totals to `path`; what went wrong, if something did."""
    totals = {
        "pid": os.getpid(),
        **asdict(counters),
        "log_lines_lost": log_lines_lost,
        "exit_code": exit_code,
    }
    try:
        with path.open("ab") as file:
            file.write(_line(totals))
    except OSError as error:
        return f"cannot write the totals to {path}: {error.strerror}"
    return None


def _line(entry: Mapping[str, object]) -> bytes:
    return json.dumps(entry, separators=(",", ":")).encode() + b"\n"
