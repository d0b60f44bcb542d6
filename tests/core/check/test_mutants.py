"""Every wrong variant of the reducer dies by the promise that it breaks, in the fewest moves."""

from collections.abc import Callable
from typing import Any

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
from tests.core.check.running import BOTH, FEW, POOL, SMALL, THREE, run, scenario_of

from saga_core.agentmux import PoolRespawn, WindowCleanup
from saga_core.check import (
    AGENTMUX,
    ALIKE,
    COMPLETES,
    CONTRACTS,
    ENDS,
    FAULTS,
    REDUCTIONS,
    Report,
)

Mutant = Callable[[pytest.MonkeyPatch], None]
Sagas = tuple[tuple[str, int], ...]

KILLS: dict[Mutant, tuple[str, int]] = {
    link_mutants.cap_off_by_one: ("I7", 2),
    link_mutants.purge_forgotten: ("I2", 2),
    mutants.claim_ignored: ("I6", 2),
    mutants.emit_before_log: ("I3", 2),
    mutants.pending_step_forgotten: ("I4", 2),
    mutants.outcome_forgotten: ("bracket", 2),
    link_mutants.stale_expiry_accepted: (CONTRACTS, 2),
    link_mutants.stay_reused: ("timers", 3),
    link_mutants.expiry_not_armed: ("timers", 3),
    link_mutants.older_end_disconnects: ("dispatch", 3),
    link_mutants.redelivery_forgotten: ("dispatch", 3),
    link_mutants.drained_backwards: ("I7", 3),
    link_mutants.returned_to_the_back: ("I7", 4),
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
    link_mutants.redelivery_goes_nowhere: ("dispatch", 4),
    mutants.step_row_forgotten: ("I6", 1),
    mutants.bracket_not_opened: ("I1", 1),
    link_mutants.sent_over_an_older_one: ("dispatch", 3),
    link_mutants.sent_over_every_connection: ("I7", 3),
    link_mutants.end_not_noticed: ("dispatch", 2),
    link_mutants.drop_fails_the_saga: ("I7", 3),
    mutants.late_answer_stops: (CONTRACTS, 2),
    mutants.late_answer_cancels: (CONTRACTS, 2),
    mutants.outage_forgets_a_version: ("I5", 1),
    link_mutants.sent_before_it_is_open: ("dispatch", 1),
    link_mutants.buffered_though_connected: ("I7", 2),
    link_mutants.late_failure_ends_the_newest: (CONTRACTS, 3),
    link_mutants.returned_waits_for_the_next: ("I7", 4),
    link_mutants.drop_names_nobody: ("I7", 2),
    link_mutants.failed_send_is_terminal: ("I8", 3),
    link_mutants.failed_send_keeps_its_connection: ("dispatch", 3),
    link_mutants.first_outage_never_expires: ("timers", 1),
    rule_mutants.entered_after_its_start: (COMPLETES, 5),
    rule_mutants.expiry_beside_the_claim: ("I3", 2),
    rule_mutants.sent_after_the_deadline: ("I2", 2),
    rule_mutants.step_succeeds_under_a_failed_saga: ("I4", 2),
    rule_mutants.answer_succeeds_what_it_fails: ("I4", 3),
    rule_mutants.own_commands_go_nowhere: (COMPLETES, 5),
    rule_mutants.late_answer_recorded: (CONTRACTS, 2),
    rule_mutants.shutdown_takes_only_the_first: ("I4", 2),
    rule_mutants.saga_row_forgotten: ("I3", 1),
    rule_mutants.deadline_not_cancelled: ("I6", 2),
    rule_mutants.two_pass_on_one_id: ("I9", 2),
    rule_mutants.ended_sagas_recovered: ("I1", 3),
    rule_mutants.private_answer_takes_a_version: (CONTRACTS, 1),
    rule_mutants.private_reply_takes_a_version: ("I5", 1),
    rule_mutants.own_id_not_asked_for: ("I8", 4),
    rule_mutants.wrong_step_recovered: ("I4", 2),
    rule_mutants.zero_fails_aloud: (CONTRACTS, 1),
    rule_mutants.id_not_put_in: ("I2", 2),
    rule_mutants.shutdown_in_reverse: ("order", 4),
    rule_mutants.end_not_announced: ("I1", 3),
    rule_mutants.reaped_panes_not_noticed: (COMPLETES, 8),
    story_mutants.expiry_ignored: ("timers", 2),
    story_mutants.shutdown_ends_nobody: ("shutdown", 2),
    story_mutants.cancelled_twice: ("timers", 2),
    story_mutants.number_given_twice: ("timers", 1),
    story_mutants.never_counted_as_sent: ("dispatch", 2),
    story_mutants.place_in_the_order_forgotten: ("I7", 2),
    story_mutants.input_is_no_json: ("rows", 1),
    story_mutants.row_names_nobody: ("rows", 1),
    story_mutants.cancelled_before_its_row: ("order", 2),
    story_mutants.reason_of_two_lines: ("rows", 3),
    story_mutants.announced_under_another_name: ("rows", 1),
    story_mutants.remembered_under_another_name: ("rows", 2),
    story_mutants.remembered_for_another_reason: ("bracket", 2),
    story_mutants.report_ignored: ("failure", 3),
    story_mutants.outage_forgotten: ("log", 1),
    story_mutants.outage_not_told: ("log", 1),
    story_mutants.shutdown_forgotten: ("shutdown", 1),
    story_mutants.id_not_taken: ("I9", 1),
    stray_mutants.one_deadline_ends_all: ("I8", 4),
    stray_mutants.one_deadline_ends_the_oldest: ("I8", 4),
    stray_mutants.one_failure_ends_all: ("I8", 4),
    stray_mutants.one_expiry_empties_the_buffer: ("I8", 3),
    stray_mutants.an_outage_ends_all: ("I8", 2),
    stray_mutants.a_disconnect_ends_all: ("I8", 3),
    stray_mutants.overflow_takes_two: ("I7", 3),
    twin_mutants.outage_spares_all_but_one: ("shutdown", 5),
    twin_mutants.outage_returns_the_newest_first: ("I7", 5),
    twin_mutants.three_return_by_id: ("I7", 6),
    twin_mutants.returned_in_one_pass: ("I7", 8),
    twin_mutants.late_answer_completes_again: (CONTRACTS, 2),
    quiet_mutants.deadline_armed_at_each_step: ("I6", 3),
    quiet_mutants.newest_dropped: ("I7", 2),
    quiet_mutants.all_that_wait_dropped: ("I7", 3),
    quiet_mutants.cap_of_one_less: ("I7", 1),
    quiet_mutants.older_one_becomes_the_newest: ("dispatch", 3),
    quiet_mutants.older_end_not_noticed: ("dispatch", 3),
    quiet_mutants.older_ends_noticed_of_one_peer: ("dispatch", 3),
    quiet_mutants.newest_ends_and_is_older: ("dispatch", 2),
    quiet_mutants.older_ones_end_with_the_newest: ("dispatch", 3),
    quiet_mutants.newest_given_up_with_an_older: ("dispatch", 3),
    quiet_mutants.newest_is_an_older_one_too: ("dispatch", 1),
    quiet_mutants.sent_again_over_a_second: ("dispatch", 3),
    quiet_mutants.unanswered_of_all_connections: ("dispatch", 4),
    quiet_mutants.hung_up_and_kept: ("dispatch", 3),
    quiet_mutants.deadline_of_a_stay: ("timers", 1),
    quiet_mutants.stay_of_a_saga: ("timers", 1),
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

_NEEDS: dict[Mutant, frozenset[str]] = {
    mutants.outage_forgets_a_version: frozenset({"log"}),
    rule_mutants.expiry_beside_the_claim: frozenset({"expiry"}),
    rule_mutants.shutdown_takes_only_the_first: frozenset({"shutdown"}),
    rule_mutants.shutdown_in_reverse: frozenset({"shutdown"}),
    story_mutants.expiry_ignored: frozenset({"expiry"}),
    story_mutants.shutdown_ends_nobody: frozenset({"shutdown"}),
    story_mutants.report_ignored: frozenset({"failure"}),
    story_mutants.outage_forgotten: frozenset({"log"}),
    story_mutants.outage_not_told: frozenset({"log"}),
    story_mutants.shutdown_forgotten: frozenset({"shutdown"}),
    stray_mutants.one_failure_ends_all: frozenset({"failure"}),
    stray_mutants.one_expiry_empties_the_buffer: frozenset({"expiry"}),
    stray_mutants.an_outage_ends_all: frozenset({"log"}),
    twin_mutants.outage_spares_all_but_one: frozenset({"deadline", "log", "shutdown"}),
    twin_mutants.outage_returns_the_newest_first: SMALL | {"log"},
}
"""Those that a few faults don't meet, and one that does."""

_ORDERS = "tests.core.check.odd:ORDERS"
_TWO_PEERS = "tests.core.check.shop:TWO_PEERS"

_ELSEWHERE: dict[Mutant, tuple[str, Sagas]] = {
    rule_mutants.own_id_not_asked_for: (AGENTMUX, ((PoolRespawn.NAME, 2),)),
    rule_mutants.entered_after_its_start: (_ORDERS, (("is done", 1),)),
    rule_mutants.answer_succeeds_what_it_fails: (_ORDERS, (("gives up later", 1),)),
    story_mutants.reason_of_two_lines: (_ORDERS, (("gives up later", 1),)),
    rule_mutants.own_commands_go_nowhere: (_ORDERS, (("acts on itself", 1),)),
    stray_mutants.overflow_takes_two: (AGENTMUX, ((PoolRespawn.NAME, 3),)),
    twin_mutants.three_return_by_id: (AGENTMUX, THREE),
    twin_mutants.returned_in_one_pass: (AGENTMUX, (*POOL, (WindowCleanup.NAME, 2))),
    quiet_mutants.all_that_wait_dropped: (AGENTMUX, ((PoolRespawn.NAME, 3),)),
    quiet_mutants.older_ends_noticed_of_one_peer: (_TWO_PEERS, (("send", 1),)),
}
"""Those that AgentMux's sagas, one of each, don't meet: in which application, and with which."""


_CAPS: dict[Mutant, int] = {
    stray_mutants.one_expiry_empties_the_buffer: 2,
    stray_mutants.overflow_takes_two: 2,
    quiet_mutants.all_that_wait_dropped: 2,
}
"""Those that need a buffer with room for more than one."""


def application_of(mutant: Mutant) -> str:
    """Whose sagas a mutant is met with: AgentMux's, or those of `module:name`."""
    return _ELSEWHERE.get(mutant, (AGENTMUX, BOTH))[0]


def checked(mutant: Mutant) -> Report:
    """The check that meets a mutant, which is in place already."""
    return _checked(mutant, SMALL if mutant in _SEEN_LATE else frozenset(FAULTS))


def _checked(mutant: Mutant, faults: frozenset[str], **scope: Any) -> Report:
    application, sagas = _ELSEWHERE.get(mutant, (AGENTMUX, BOTH))
    scope = {"buffer_cap": _CAPS.get(mutant, 1)} | scope
    return run(sagas, scenario_of(application), faults=faults, **scope)


every_mutant = pytest.mark.parametrize("mutant", KILLS, ids=lambda mutant: str(mutant.__name__))


@every_mutant
def test_each_mutant_dies(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN 4: a reducer with this fault breaks this promise, in a run of this length."""
    promise, length = KILLS[mutant]
    mutant(monkeypatch)
    report = checked(mutant)
    found = report.counterexample
    assert report.verdict == "violated"
    assert not report.complete
    assert found is not None
    assert (found.promise, len(found.moves)) == (promise, length)
    assert report.properties[promise] == "violated"
    assert found.shortest == (found.repeats is None and promise != CONTRACTS)
    assert (found.repeats is not None) == (promise in {ENDS, COMPLETES})


@every_mutant
def test_the_reductions_change_no_verdict(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN 4: with and without the reductions the same promise breaks, in as many moves."""
    mutant(monkeypatch)
    faults = _NEEDS.get(mutant, FEW if mutant in _SEEN_LATE else SMALL)
    reduced = _checked(mutant, faults).counterexample
    plain = _checked(mutant, faults, reductions=frozenset()).counterexample
    assert reduced is not None
    assert plain is not None
    assert reduced.promise == plain.promise
    if reduced.shortest:
        assert len(reduced.moves) == len(plain.moves)


@every_mutant
def test_interchangeable_sagas_change_no_verdict(
    mutant: Mutant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DESIGN 4: where no buffer overflows, what breaks does not hang on the order of issue."""
    mutant(monkeypatch)
    faults = _NEEDS.get(mutant, FEW if mutant in _SEEN_LATE else SMALL)
    alike, plain = (
        _checked(mutant, faults, buffer_cap=2, reductions=reductions)
        for reductions in (REDUCTIONS, REDUCTIONS - {ALIKE})
    )
    assert alike.verdict == plain.verdict
    assert alike.counterexample == plain.counterexample
