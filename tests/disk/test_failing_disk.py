"""The saga log can't be written for a while: what goes on, what comes back, what stops."""

import json
import subprocess

import pytest
from tests.disk.ailments import AILMENTS, Ailment, Patient, rows_in_order
from tests.e2e.outside import PATIENCE_SECONDS, Peer, Place, Running, wait_until
from tests.e2e.test_exchanges import answer_to, brackets, host, subscriber

LONG = "x" * 20_000
"""A label that needs new pages in the database."""

every_ailment = pytest.mark.parametrize("ailment", AILMENTS, ids=lambda ailment: ailment.name)


def run_saga(peer: Peer, label: str) -> int:
    """Trigger a two-step saga and answer it; its id."""
    peer.say(cmd="report_window_opened", label=label, kind="full_instance", parent_label=None)
    peer.say(cmd="report_window_closed", label=label)
    saga_id = 0
    for _ in range(2):
        frame = peer.until(kind="command")
        saga_id = frame["saga_id"]
        peer.say(**answer_to(frame))
    peer.until(event="saga_completed", saga_id=saga_id)
    return saga_id


def diag(place: Place, *arguments: str) -> str:
    """What `diag` says beside the live launcher."""
    command = [place.program[0], "-m", "saga_shell", "diag", *arguments]
    told = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS
    )
    return told.stdout or told.stderr


@every_ailment
def test_sagas_go_on_from_memory_and_every_row_comes_back(place: Place, ailment: Ailment) -> None:
    """FACTS R-44: sagas end, bus, log and diag say so; once the disk is well all rows are there."""
    patient = Patient(place)
    tool, peer = subscriber(place), host(place)
    before = run_saga(peer, "before")
    ailment.falls_ill(patient)
    during = [run_saga(peer, f"{number}{LONG}") for number in range(3)]
    degraded = tool.until(event="log_degraded")
    assert ailment.says in degraded["error"]
    # Who leaves so much unread while slow programs run is ended as a peer that doesn't read.
    tool.until(event="saga_completed", saga_id=during[-1])
    if ailment.lasts:
        assert ailment.diag_says in diag(place, "sagas", "--data-dir", str(place.data_dir))
        wrr = json.loads(diag(place, "wrr", *place.where, "--seconds", "0.1", "--json"))
        said = wrr["log_degraded"]  # as it began, or as the last attempt found it
        assert ailment.says in said or ailment.diag_says in said
    ailment.heals(patient)
    tool.until(event="log_recovered")
    after = run_saga(peer, "after")
    expected = [*([before] if ailment.lasts else []), *during, after]
    assert rows_in_order(place) == [(i, "window_cleanup_cascade", "completed") for i in expected]
    assert place.rows("select distinct state from launcher_saga_step") == [("succeeded",)]
    assert place.rows("pragma integrity_check") == [("ok",)]
    assert all(
        story == ["saga_started", "saga_completed"] for story in brackets(tool.heard).values()
    )
    assert patient.running.terminate() == 0
    said = patient.running.stderr()
    assert f"{ailment.says}" in said
    assert "going on from memory" in said
    assert "the saga log works again" in said
    assert "Traceback" not in said


@every_ailment
def test_with_stop_it_ends_with_its_own_code(place: Place, ailment: Ailment) -> None:
    """DESIGN 5, `--on-log-failure stop`: exit 4, one line, and nothing of the batch goes out."""
    patient = Patient(place, "--on-log-failure", "stop")
    tool, peer = subscriber(place), host(place)
    run_saga(peer, "before")
    ailment.falls_ill(patient)
    label = f"then{LONG}"
    peer.say(cmd="report_window_opened", label=label, kind="full_instance", parent_label=None)
    peer.say(cmd="report_window_closed", label=label)
    tool.until_end()
    assert patient.running.process.wait(PATIENCE_SECONDS) == 4
    last = patient.running.stderr().strip().splitlines()[-1]
    assert ailment.says in last
    assert len(brackets(tool.heard)) == 1
    assert not peer.has_heard(kind="command", cmd="reap_panes", label=label)
    assert "Traceback" not in patient.running.stderr()


def test_a_lock_held_for_longer_than_any_deadline_stops_no_saga(place: Place) -> None:
    """FACTS R-43: sagas fail at their deadline and others complete, all of it told, no row lost."""
    patient = Patient(place, "--saga-timeout", "window_cleanup_cascade=1")
    tool, peer = subscriber(place), host(place)
    peer.say(cmd="report_window_opened", label="main", kind="full_instance", parent_label=None)
    patient.lock()
    peer.say(cmd="report_window_opened", label="w", kind="full_instance", parent_label=None)
    peer.say(cmd="report_window_closed", label="w")
    silent = peer.until(kind="command")["saga_id"]
    failed = tool.until(event="saga_failed", saga_id=silent)
    assert failed["reason"] == "saga timeout"
    peer.say(cmd="report_pool_window_promoted", label="during")
    frame = peer.until(kind="command")
    peer.say(**answer_to(frame))
    good = frame["saga_id"]
    tool.until(event="saga_completed", saga_id=good)
    assert not tool.has_heard(event="log_recovered")
    patient.unlock()
    tool.until(event="log_recovered")
    rows = place.rows("select saga_id, state, failure_reason from launcher_saga order by rowid")
    assert rows == [(silent, "failed", "saga timeout"), (good, "completed", None)]
    assert place.rows("select state, failure_reason from launcher_saga_step order by rowid") == [
        ("failed", "saga timeout"),
        ("succeeded", None),
    ]
    assert patient.running.terminate() == 0


def test_a_deleted_directory_is_the_launcher_s_again(place: Place) -> None:
    """FACTS R-48, R-49: once its log is back, so is its lock: others see it and are refused."""
    patient = Patient(place)
    tool, peer = subscriber(place), host(place)
    patient.delete_directory()
    saga_id = run_saga(peer, "after")
    tool.until(event="log_recovered")
    assert is_seen(place)
    second = place.start("--no-host", "--socket", str(place.directory / "t"))
    assert second.process.wait(PATIENCE_SECONDS) == 2
    assert owner(patient.running, place) in second.stderr()
    assert place.rows("select saga_id, state from launcher_saga") == [(saga_id, "completed")]
    assert patient.running.terminate() == 0


def test_a_directory_that_another_launcher_took_is_left_to_it(place: Place) -> None:
    """FACTS R-49: sagas go on from memory, with a line that names the other, until that ends."""
    patient = Patient(place)
    tool, peer = subscriber(place), host(place)
    patient.delete_directory()
    other = place.launch("--socket", str(place.directory / "t"))
    saga_id = run_saga(peer, "during")
    tool.until(event="log_degraded")
    line = f"stays closed: {owner(other, place)}"
    wait_until(lambda: line in patient.running.stderr(), "the line")
    assert place.rows("select * from launcher_saga") == []
    assert other.terminate() == 0
    tool.until(event="log_recovered")
    assert place.rows("select saga_id, state from launcher_saga") == [(saga_id, "completed")]
    assert is_seen(place)
    assert patient.running.terminate() == 0
    assert patient.running.stderr().count(line) == 1


def is_seen(place: Place) -> bool:
    """Whether `diag` says that a launcher lives here."""
    told = diag(place, "sagas", "--data-dir", str(place.data_dir), "--json")
    live: bool = json.loads(told)["live"]
    return live


def owner(running: Running, place: Place) -> str:
    """What is said of the data directory's launcher."""
    return f"another launcher (pid {running.process.pid}) runs on {place.data_dir}"
