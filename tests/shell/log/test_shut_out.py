"""The data directory went, and another launcher has it now (FACTS R-49)."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from returns.result import Failure, Success

from saga_core.engine import SagaOpened
from saga_shell.log import LogOptions, SagaLog
from saga_shell.log.backlog import Backlog


def test_a_directory_that_another_launcher_took(
    path: Path,
    options: LogOptions,
    query: Callable[..., list[tuple[Any, ...]]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """FACTS R-49: the log stays as it is, and says why, until the other launcher has ended."""
    answers: list[Success[None] | Failure[str]] = [Failure("another runs on it")] * 2
    answers.append(Success(None))
    notes: list[str] = []
    log = SagaLog.open(path, options).unwrap()
    backlog = Backlog(log, options, notes.append, regain=lambda: answers.pop(0))
    shutil.rmtree(path.parent)
    backlog.take([SagaOpened(1, "n", "null")])
    assert "moved, replaced" in backlog.flush().failure()
    backlog.take([SagaOpened(2, "n", "null")])
    assert backlog.flush() == Failure("another runs on it")
    assert notes[-1] == "another runs on it; 2 record(s) wait in memory"
    assert not path.exists()
    assert backlog.flush() == Success(None)
    assert query("SELECT saga_id FROM launcher_saga") == [(1,), (2,)]
    assert answers == []
    (entry,) = caplog.records
    assert entry.getMessage() == f"saga log {path} stays closed: another runs on it"
    backlog.finish()
