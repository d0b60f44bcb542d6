"""Every wrong variant of the reducer dies by the promise that it breaks, in the fewest moves."""

from collections.abc import Callable

import pytest
from tests.core.check import link_mutants, mutants
from tests.core.check.running import BOTH, FEW, SMALL, run

from saga_core.check import COMPLETES, CONTRACTS, ENDS, FAULTS

KILLS: dict[Callable[[pytest.MonkeyPatch], None], tuple[str, int]] = {
    link_mutants.cap_off_by_one: ("I7", 2),
    link_mutants.purge_forgotten: ("I2", 2),
    mutants.claim_ignored: ("I6", 2),
    mutants.emit_before_log: ("I3", 2),
    mutants.pending_step_forgotten: ("I4", 2),
    mutants.outcome_forgotten: ("bracket", 2),
    link_mutants.stale_expiry_accepted: (CONTRACTS, 2),
    link_mutants.stay_reused: ("timers", 3),
    link_mutants.expiry_not_armed: ("timers", 3),
    link_mutants.older_end_disconnects: ("dispatch", 4),
    link_mutants.redelivery_forgotten: ("dispatch", 3),
    link_mutants.drained_backwards: ("I7", 3),
    link_mutants.returned_to_the_back: ("I7", 5),
    link_mutants.sent_to_an_older_one: ("dispatch", 2),
    link_mutants.buffer_kept_after_drain: ("I7", 2),
    link_mutants.overflow_is_silent: ("I7", 2),
    link_mutants.redelivery_not_marked: ("dispatch", 4),
    link_mutants.failed_send_ignored: (COMPLETES, 4),
    mutants.deadline_ignored: (ENDS, 2),
    mutants.deadline_not_armed: ("I6", 1),
    mutants.row_after_announcement: ("I3", 1),
    mutants.foreign_answer_taken: (COMPLETES, 6),
    mutants.any_saga_fails: (CONTRACTS, 2),
    mutants.ids_used_again: ("I9", 2),
    mutants.steps_left_pending: ("I4", 2),
    mutants.recovery_is_silent: ("I1", 2),
    mutants.version_skipped: ("I5", 1),
    mutants.recovery_forgets_to_start_afresh: ("recovery", 2),
    link_mutants.redelivery_goes_nowhere: ("I7", 4),
    mutants.step_row_forgotten: ("I6", 1),
    mutants.bracket_not_opened: ("I1", 1),
    link_mutants.sent_over_an_older_one: ("dispatch", 3),
    link_mutants.sent_over_every_connection: ("dispatch", 3),
    link_mutants.end_not_noticed: ("dispatch", 3),
    link_mutants.drop_fails_the_saga: ("dispatch", 4),
    mutants.late_answer_stops: (CONTRACTS, 2),
    mutants.late_answer_cancels: (CONTRACTS, 2),
    mutants.outage_forgets_a_version: ("I5", 1),
    link_mutants.sent_before_it_is_open: ("dispatch", 1),
}

_SEEN_LATE = {
    link_mutants.drained_backwards,
    link_mutants.failed_send_ignored,
    mutants.deadline_ignored,
    mutants.foreign_answer_taken,
    link_mutants.drop_fails_the_saga,
    mutants.late_answer_stops,
    mutants.late_answer_cancels,
}
"""Those that a few faults are enough to meet, and the whole scope meets late or otherwise."""


def faults_for(mutant: Callable[[pytest.MonkeyPatch], None]) -> frozenset[str]:
    """The faults that a mutant is met with."""
    return SMALL if mutant in _SEEN_LATE else frozenset(FAULTS)


every_mutant = pytest.mark.parametrize("mutant", KILLS, ids=lambda mutant: str(mutant.__name__))


@every_mutant
def test_each_mutant_dies(
    mutant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """DESIGN 4: a reducer with this fault breaks this promise, in a run of this length."""
    promise, length = KILLS[mutant]
    mutant(monkeypatch)
    report = run(BOTH, faults=faults_for(mutant))
    found = report.counterexample
    assert report.verdict == "violated"
    assert not report.complete
    assert found is not None
    assert (found.promise, len(found.moves)) == (promise, length)
    assert report.properties[promise] == "violated"
    assert found.shortest == (promise not in {ENDS, COMPLETES, CONTRACTS})
    assert (found.repeats is not None) == (promise in {ENDS, COMPLETES})


@every_mutant
def test_the_reductions_change_no_verdict(
    mutant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """DESIGN 4: with and without the reductions the same promise breaks, in as many moves."""
    mutant(monkeypatch)
    faults = FEW if mutant in _SEEN_LATE else SMALL
    if mutant is mutants.outage_forgets_a_version:
        faults = frozenset({"log"})
    reduced = run(BOTH, faults=faults).counterexample
    plain = run(BOTH, faults=faults, reductions=frozenset()).counterexample
    assert reduced is not None
    assert plain is not None
    assert reduced.promise == plain.promise
    if reduced.shortest:
        assert len(reduced.moves) == len(plain.moves)
