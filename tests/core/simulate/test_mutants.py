"""Wrong reducers die in a simulation, by a promise that says what is wrong; the right one lives."""

from collections.abc import Callable

import pytest
from tests.core.check import (
    link_mutants,
    mutants,
    quiet_mutants,
    rule_mutants,
    story_mutants,
    stray_mutants,
    twin_mutants,
)
from tests.core.check.mutants import AnyTurn
from tests.core.check.test_mutants import KILLS

from saga_core.check import COMPLETES, CONTRACTS
from saga_core.check.agentmux import SCENARIO
from saga_core.engine import BusEvent, progress, reducer
from saga_core.engine.endings import fail
from saga_core.engine.ordered import sorted_keys
from saga_core.simulate import Plan, Simulation, simulate

SEEDS = range(1, 7)
STEPS = 3_000

OTHERWISE: dict[Callable[[pytest.MonkeyPatch], None], set[str]] = {
    mutants.foreign_answer_taken: {COMPLETES},
    mutants.any_saga_fails: {"failure"},
    mutants.late_answer_stops: {"I8"},
    mutants.late_answer_cancels: {"I8"},
    link_mutants.stale_expiry_accepted: {"I8"},
    link_mutants.sent_over_every_connection: {"dispatch"},
    link_mutants.sent_before_it_is_open: {"dispatch", "I3"},
    link_mutants.redelivery_goes_nowhere: {"I7"},
    rule_mutants.late_answer_recorded: {"I8"},
    rule_mutants.private_answer_takes_a_version: {"I5"},
    stray_mutants.one_deadline_ends_all: {"order"},
    twin_mutants.late_answer_completes_again: {"I8"},
    stray_mutants.one_failure_ends_all: {"order"},
}
"""Those that break another promise first than in the checker, which has contracts of its own."""


UNSEEN = frozenset(
    {
        rule_mutants.entered_after_its_start,
        rule_mutants.answer_succeeds_what_it_fails,
        rule_mutants.own_commands_go_nowhere,
        story_mutants.reason_of_two_lines,
        link_mutants.late_failure_ends_the_newest,
        quiet_mutants.older_ends_noticed_of_one_peer,
        rule_mutants.zero_fails_aloud,
    }
)
"""Those that are left to the checker: they need other sagas or peers, or break what it alone looks
at in each step. The kill table (`tests/mutants`) says the same of mutants that a machine made."""

MET = [mutant for mutant in KILLS if mutant not in UNSEEN]


def first_failure() -> Simulation | None:
    """What the first seed that fails did."""
    runs = (simulate(SCENARIO, Plan(seed, STEPS)) for seed in SEEDS)
    return next((run for run in runs if run.broken is not None), None)


@pytest.mark.parametrize("mutant", MET, ids=lambda mutant: str(mutant.__name__))
def test_each_mutant_dies(
    mutant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """DESIGN 4: some of a few seeds meets each wrong reducer, and names the promise it breaks."""
    mutant(monkeypatch)
    found = first_failure()
    assert found is not None
    assert found.broken is not None
    assert found.broken.invariant in OTHERWISE.get(mutant, {KILLS[mutant][0]})
    assert found.broken.invariant != CONTRACTS


def test_the_right_reducer_lives() -> None:
    """DESIGN 4: the same seeds break nothing in the reducer that runs in production."""
    assert first_failure() is None


def test_a_late_answer_that_ends_another_saga_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """FACTS F-38, I8: an answer for an ended saga decides nothing about those in flight."""

    def answer(turn: AnyTurn, saga_id: int, event: BusEvent) -> None:
        in_flight = sorted_keys(turn.sagas)
        if saga_id in in_flight:
            progress.answer(turn, saga_id, event)
        elif in_flight:
            fail(turn, in_flight[0], "somebody answered")

    monkeypatch.setattr(reducer, "answer", answer)
    found = first_failure()
    assert found is not None
    assert found.broken is not None
    assert found.broken.invariant == "I8"
