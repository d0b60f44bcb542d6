"""A shell that does something else than the reducer says is noticed, where it does so."""

from pathlib import Path

import pytest
from tests.core.check.mutants import recovery_is_silent, version_skipped
from tests.shell.rehearsal import wrong_shells as wrong
from tests.shell.rehearsal.plays import REPLAYED, performed, play_of, went_well

from saga_core.check.agentmux import SCENARIO
from saga_shell.rehearsal import rehearse

ANSWERED = "a saga completes"
COMING = "connections come and go"
OUTAGE = "a failing log"
DEATHS = "deaths"

NOTICED: dict[wrong.Wrong, tuple[str, int, str]] = {
    wrong.emit_forgotten: (ANSWERED, 0, "became [] on the bus"),
    wrong.dispatch_forgotten: (ANSWERED, 1, "became [] on the bus and [] to peers"),
    wrong.reply_forgotten: (ANSWERED, 0, "became [] on the bus and [] to peers"),
    wrong.replay_forgotten: ("replay", 2, "became [] on the bus and [] to peers"),
    wrong.subscription_forgotten: (ANSWERED, 0, "became [ProcessSpawned("),
    wrong.timer_not_armed: (OUTAGE, 0, "the timers are not as the reducer wants them"),
    wrong.timer_not_cancelled: (ANSWERED, 3, "the timers are not as the reducer wants them"),
    wrong.sent_twice: (ANSWERED, 1, "became [] on the bus and [(1, ReapPanes("),
    wrong.told_to_another: (ANSWERED, 0, "to peers"),
    wrong.armed_for_too_long: (OUTAGE, 0, "the timers are not as the reducer wants them"),
    wrong.hears_on_after_its_end: (COMING, 4, "to peers"),
    wrong.illegible: (ANSWERED, 0, "Illegible("),
    wrong.ring_forgets_one: ("replay", 2, "EventList("),
    wrong.told_before_it_is_durable: (ANSWERED, 1, "came before its rows were durable"),
    wrong.an_event_is_lost: (COMING, 4, "ConnectionClosed(connection=2) never came"),
    wrong.effects_backwards: (ANSWERED, 0, "was next"),
    wrong.state_forgotten: (ANSWERED, 0, "came in another state than the last one led to"),
    wrong.another_reducer: (ANSWERED, -1, "what the reducer did not say"),
    wrong.decides_for_itself: (ANSWERED, 1, "CloseConnection("),
    wrong.does_less_than_it_says: (ANSWERED, 0, "the shell never did"),
    wrong.outage_is_silent: (OUTAGE, 1, "never came"),
    wrong.never_well_again: (OUTAGE, 6, "never came"),
    wrong.retries_are_forgotten: (OUTAGE, 4, "the start found () open"),
    wrong.commits_nothing: (ANSWERED, 3, "the file does not say what the reducer wanted"),
    wrong.commits_less: (ANSWERED, 3, "the file does not say what the reducer wanted"),
    wrong.commits_twice: (ANSWERED, 1, "the saga log refused"),
    wrong.open_sagas_overlooked: (DEATHS, 4, "the start found () open"),
    wrong.ended_sagas_overlooked: (DEATHS, 8, "the start found () ended"),
    wrong.ids_from_the_start: (DEATHS, 4, "saga 1 would come next"),
    wrong.opens_no_second_time: (DEATHS, 1, "the process did not start: the log is not to my"),
    wrong.fires_at_once: (OUTAGE, 1, "came, though nothing was next"),
    wrong.never_fires: ("everything a peer says", 7, "never came"),
    wrong.ends_with_a_bug: (OUTAGE, 0, "the process ended by itself: ZeroDivisionError"),
    wrong.waits_for_ever: (ANSWERED, 1, "the shell never did"),
    wrong.rows_of_steps_forgotten: (OUTAGE, 0, "was next"),
}


@pytest.mark.parametrize("patched", NOTICED, ids=wrong.name_of)
def test_a_wrong_shell_is_noticed(
    patched: wrong.Wrong, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """DESIGN 1: what was checked is what runs: the first difference is named, with its move."""
    name, move, sentence = NOTICED[patched]
    play = REPLAYED if name == "replay" else play_of(name)
    assert went_well(performed(play, tmp_path / "right"))
    patched(monkeypatch)
    found = performed(play, tmp_path / "wrong").divergence
    assert found is not None
    kind = play[move].kind if move >= 0 else "start"
    assert (found.move, found.kind) == (move, kind), found
    assert sentence in found.sentence, found


def test_events_that_overtake_are_noticed_in_a_hurry(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """FACTS R-56: a fault that only shows when several events wait."""
    play = play_of(ANSWERED)
    wrong.last_come_first_served(monkeypatch)
    assert went_well(performed(play[1:2], tmp_path / "one by one"))
    found = performed(play, tmp_path / "in a hurry", hurried=True).divergence
    assert found is not None
    assert "came, though ConnectionOpened(connection=1" in found.sentence


def test_a_promise_that_breaks_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """DESIGN 4: the shell does what a wrong reducer says, and every step is judged."""
    version_skipped(monkeypatch)
    found = performed(play_of(ANSWERED)[:1], tmp_path)
    assert found.divergence is None
    assert found.broken is not None
    assert (found.broken.move, found.broken.kind, found.broken.promise) == (0, "connect", "I5")


def test_without_judgement_only_the_shell_is_looked_at(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """DESIGN 4: a play that was judged already can be performed for a third of the price."""
    play = play_of(DEATHS)
    recovery_is_silent(monkeypatch)
    judged = rehearse(SCENARIO.application, play, tmp_path / "judged").unwrap()
    plain = rehearse(SCENARIO.application, play, tmp_path / "plain", judged=False).unwrap()
    assert judged.broken is not None
    assert plain.broken is None
    assert plain.moves > judged.moves
