"""What can't be performed is refused in one line, and odd plays do no harm."""

from pathlib import Path

import pytest
from tests.core.check.shop import SHOP
from tests.shell.rehearsal.plays import performed, play_of, went_well

from saga_core.agentmux.commands import ReportPanesReaped
from saga_core.agentmux.events import WindowClosed
from saga_core.check import Played
from saga_core.check.agentmux import SCENARIO
from saga_core.engine import (
    CommandReceived,
    ConnectionClosed,
    Event,
    LineRejected,
    RecoveryRequested,
    SagaDeadline,
    SendFailed,
    TimerFired,
)
from saga_shell.rehearsal import rehearse, unplayable

CLOSED = Played("trigger", (WindowClosed("main", 0),))
STARTS = Played("start", (RecoveryRequested(1),))


def test_another_application_is_for_the_reducer_alone(tmp_path: Path) -> None:
    """DESIGN 6: one line that says why."""
    refused = rehearse(SHOP.application, [CLOSED], tmp_path).failure()
    assert refused == "the shell runs AgentMux, not Shop: this run is for the reducer alone"


@pytest.mark.parametrize(
    ("play", "problem"),
    [
        ([STARTS], "move 1 (start) can't happen to a process that already runs"),
        (
            [CLOSED._replace(died=1), CLOSED],
            "move 2 (trigger) can't happen to a process that is dead",
        ),
        (
            [Played("crash", ()), Played("start", (*STARTS.events, *CLOSED.events))],
            "move 2 (start) can't happen to a process that is dead",
        ),
    ],
)
def test_what_is_no_run_is_refused(play: list[Played], problem: str, tmp_path: Path) -> None:
    """DESIGN 6: one line that names the move."""
    assert rehearse(SCENARIO.application, play, tmp_path).failure() == problem
    assert list(tmp_path.iterdir()) == []


def test_a_play_may_start_as_often_as_it_dies() -> None:
    """A process that died in its start is dead, too."""
    dies = STARTS._replace(died=0)
    assert unplayable([Played("crash", ()), dies, dies, STARTS, CLOSED]) is None


def test_an_empty_play_starts_and_ends(tmp_path: Path) -> None:
    """A launcher that nothing happens to."""
    found = performed([], tmp_path)
    assert went_well(found)
    assert (found.moves, found.events, found.processes, found.bus) == (0, 1, 1, ())


@pytest.mark.parametrize(
    "event",
    [
        ConnectionClosed(9),
        CommandReceived(9, ReportPanesReaped("main", 1)),
        LineRejected(9, "no command"),
        SendFailed(9, ReportPanesReaped("main", 1)),
        TimerFired(SagaDeadline(1)),
        WindowClosed("main", 0),
    ],
    ids=lambda event: type(event).__name__,
)
def test_events_of_what_never_was_are_played_as_they_are(event: Event, tmp_path: Path) -> None:
    """FACTS F-15: connections that never opened and sagas that never were, as the core has them."""
    assert went_well(performed([Played("odd", (event,))], tmp_path))


def test_a_death_that_leaves_a_process_dead_ends_the_play(tmp_path: Path) -> None:
    """FACTS R-40: the row that is left says that it runs: nobody recovered it yet."""
    found = performed([CLOSED._replace(died=3)], tmp_path)
    assert went_well(found)
    assert [row.saga.state for row in found.rows] == ["running"]


def test_a_log_that_fails_to_the_end_keeps_what_it_had(tmp_path: Path) -> None:
    """FACTS R-44: what the disk never took is not in the file, and that is no divergence."""
    trigger, fails = play_of("a failing log")[:2]
    found = performed([trigger, fails, trigger], tmp_path)
    assert went_well(found)
    assert found.rows == ()


def test_a_log_may_fail_while_nothing_is_written(tmp_path: Path) -> None:
    """FACTS R-44: the notice comes by itself then; what opens next waits, and goes in later."""
    trigger, fails, _, _, _, _, heals, _ = play_of("a failing log")
    connect = play_of("a saga completes")[0]
    found = performed([connect, fails, trigger, heals], tmp_path)
    assert went_well(found)
    assert [row.saga.state for row in found.rows] == ["running"]


def test_a_process_may_die_over_the_notice_of_an_outage(tmp_path: Path) -> None:
    """FACTS R-44: a failing log is told of, or not, and the next process knows nothing of it."""
    trigger, fails = play_of("a failing log")[:2]
    for died in (0, 1, 2):
        play = [trigger, fails._replace(died=died), STARTS, trigger]
        assert went_well(performed(play, tmp_path / str(died)))
