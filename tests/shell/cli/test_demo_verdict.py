"""The demo's judge finds what is broken, so that its exit code means something."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from saga_core.engine import BusEvent, SagaCompleted, SagaFailed, SagaStarted
from saga_shell.cli.demo.rows import SagaLine
from saga_shell.cli.demo.stage import Stage
from saga_shell.cli.demo.verdict import judge
from saga_shell.cli.demo.view import line_of, totals_line

GOOD_RUN = (
    SagaStarted(1, "s", 1),
    SagaCompleted(1, 2),
    SagaStarted(2, "s", 3),
    SagaFailed(2, "r", 4),
)


def row(saga_id: int, state: str, reason: str = "", pending: int = 0) -> SagaLine:
    """One row of the log."""
    return SagaLine(saga_id, "s", state, 1, 0.5, "", reason, pending)


GOOD_LOG = (row(1, "completed"), row(2, "failed", "r"))


def test_a_good_demo_is_not_blamed() -> None:
    """Bus and log agree, nothing pends, all panes are gone: no complaint; the sums are right."""
    totals = judge([GOOD_RUN], GOOD_LOG, panes_started=3, panes_alive=0)
    assert totals.broken == ()
    assert totals_line(totals) == (
        "2 sagas started = 1 completed + 1 failed + 0 recovered; 3 panes started = 3 gone"
    )


@pytest.mark.parametrize(
    ("run", "log", "complaint"),
    [
        (GOOD_RUN[1:], GOOD_LOG, "versions on the bus"),
        ((SagaStarted(1, "s", 1), SagaStarted(1, "s", 2)), GOOD_LOG, "saga 1 started twice"),
        ((*GOOD_RUN, SagaFailed(2, "r", 5)), GOOD_LOG, "saga 2 ended twice"),
        (GOOD_RUN, (GOOD_LOG[0], row(2, "completed")), "saga 2: the bus tells"),
        (GOOD_RUN, (GOOD_LOG[0],), "saga 2: the bus tells"),
        (GOOD_RUN[:3], GOOD_LOG, "saga 2: the bus tells None"),
        (GOOD_RUN, (GOOD_LOG[0], row(2, "running")), "saga 2 is still running"),
        (GOOD_RUN, (GOOD_LOG[0], row(2, "failed", "r", 1)), "saga 2 ended with a pending step"),
    ],
)
def test_each_broken_promise_is_named(
    run: Sequence[BusEvent], log: Sequence[SagaLine], complaint: str
) -> None:
    """Every promise that the demo is judged by can be found broken."""
    assert complaint in " ".join(judge([run], log, 0, 0).broken)


def test_panes_that_outlive_their_host_are_named() -> None:
    """A pane that still runs at the end breaks a promise."""
    totals = judge([GOOD_RUN], GOOD_LOG, panes_started=3, panes_alive=1)
    assert totals.broken == ("1 panes outlived their host",)
    assert totals.panes_gone == 2


def test_a_saga_in_words() -> None:
    """A running saga tells what it waits for, an ended one how it ended."""
    waiting = SagaLine(7, "s", "running", 2, 0.5, "host: reap_panes", "", 1)
    assert line_of(waiting) == "  saga 7 s: running, step 2 waits for host: reap_panes"
    assert (
        line_of(row(2, "failed", "saga timeout")) == "  saga 2 s: failed after 0.5 s: saga timeout"
    )


def test_a_pane_counts_once_its_line_is_whole(tmp_path: Path) -> None:
    """FACTS R-21: a host that is killed may leave half a line in its journal, which tells nothing.

    The journal is also looked at while it is written.
    """
    stage = Stage(tmp_path)
    assert stage.panes_started() == 0
    line = '{"event":"pane_started","pid":1,"label":"main","host":2}\n'
    (tmp_path / "panes.jsonl").write_text(line + line[:20])
    assert stage.panes_started() == 1
    asyncio.run(stage.close())
