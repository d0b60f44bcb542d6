"""A counterexample that people can read: each move in one line, and what it changed, by lane."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.core.check import link_mutants, mutants
from tests.core.check.running import BOTH, FEW, run

from saga_core.check import Counterexample, Line


def broken_by(
    mutant: Callable[[pytest.MonkeyPatch], None], patch: pytest.MonkeyPatch, **scope: Any
) -> Counterexample:
    """The counterexample that a mutant gives."""
    mutant(patch)
    found = run(BOTH, **scope).counterexample
    assert found is not None
    return found


def test_the_lanes_show_what_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """FACTS R-17: the trace of a forgotten redelivery, move by move."""
    found = broken_by(link_mutants.redelivery_forgotten, monkeypatch)
    assert found.sentence == "saga 1 awaits an answer on connection 1, which ended"
    connect, trigger, disconnect = found.moves
    assert connect == Line(
        move="host connects as connection 1",
        link="host: connection 1",
        bus="process_spawned, lifecycle_phase_changed",
    )
    assert trigger == Line(
        move="pool_respawn_on_promote is triggered",
        registry="+1 pool_respawn_on_promote",
        peers="spawn_pool_window to 1",
        timers="+deadline 1",
        log="1 opened, 1.0 pending",
        bus="saga_started 1",
    )
    assert disconnect.move in {
        "host loses connection 1",
        "a command is known not to have been sent",
    }


def test_a_death_says_when(monkeypatch: pytest.MonkeyPatch) -> None:
    """FACTS R-40: a run that breaks in recovery dies first, and starts again."""
    death, start = broken_by(mutants.steps_left_pending, monkeypatch).moves
    assert death.move.startswith("pool_respawn_on_promote is triggered; the process dies")
    assert (death.registry, death.link) == ("gone", "gone")
    assert death.log == "1 opened, 1.0 pending"
    assert start.move == "the process starts and recovers"
    assert start.log == "1 failed_compensation"


def test_a_foreign_event_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """FACTS F-38: the event that concerns nobody is named, and what it did all the same."""
    last = broken_by(mutants.any_saga_fails, monkeypatch).moves[-1]
    assert last.move.startswith("SagaActionFailed(saga_id=0")
    assert last.registry == "-1"


def test_a_lasso_says_where_it_goes_round(monkeypatch: pytest.MonkeyPatch) -> None:
    """FACTS R-33: what happens for ever stands behind what led there."""
    found = broken_by(link_mutants.failed_send_ignored, monkeypatch, faults=FEW)
    assert found.repeats == len(found.moves)
    assert found.sentence.endswith("stays in flight for ever")
