"""Processes that die in mid-saga: what the next one gets, and what subscribers can tell."""

import pytest
from tests.e2e.outside import Peer, Place
from tests.e2e.test_exchanges import answer_to, brackets, host, subscriber


def promote(peer: Peer, label: str) -> None:
    """Trigger one pool_respawn saga."""
    peer.say(cmd="report_pool_window_promoted", label=label)


def test_unanswered_command_reaches_the_next_host(place: Place) -> None:
    """FACTS R-17: a host dies with the command read and unanswered; the next one gets it again."""
    running = place.launch()
    tool, first = subscriber(place), host(place, pid=100)
    promote(first, "a")
    frame = first.until(kind="command")
    first.close()
    tool.until(event="process_exited", pid=100)
    second = host(place, pid=101)
    assert second.until(kind="command") == frame
    second.say(**answer_to(frame))
    tool.until(event="saga_completed", saga_id=frame["saga_id"])
    assert brackets(tool.heard) == {frame["saga_id"]: ["saga_started", "saga_completed"]}
    assert running.terminate() == 0
    assert "spawn_pool_window to host is sent again" in running.stderr()


def test_late_end_of_the_old_host_leaves_the_new_one(place: Place) -> None:
    """FACTS R-24: the old connection ends after the new host registered; the new one stays."""
    place.launch()
    tool, first = subscriber(place), host(place, pid=100)
    second = host(place, pid=101)
    first.close()
    tool.until(event="process_exited", pid=100)
    promote(second, "a")
    frame = second.until(kind="command")
    second.say(**answer_to(frame))
    tool.until(event="saga_completed", saga_id=frame["saga_id"])


def test_a_dead_host_takes_its_windows_along(place: Place) -> None:
    """FACTS R-58: windows and pool leave the mirror with events; no cleanup saga starts."""
    place.launch()
    tool, peer = subscriber(place), host(place)
    peer.say(cmd="report_window_opened", label="main", kind="full_instance", parent_label=None)
    peer.say(cmd="report_pool_window_added", label="p1", saga_id=None)
    tool.until(event="pool_window_added")
    peer.close()
    tool.until(event="pool_window_removed", label="p1")
    told = [message["event"] for message in tool.heard]
    assert told[-4:] == [
        "process_exited",
        "window_closed",
        "window_instance_released",
        "pool_window_removed",
    ]
    assert tool.snapshot()["sagas"] == []
    assert tool.snapshot()["windows"] == []


@pytest.mark.parametrize("synchronous", ["full", "normal"])
def test_a_killed_launcher_is_recovered(place: Place, synchronous: str) -> None:
    """FACTS R-38 to R-41: SIGKILL in mid-saga; rows, ids and every bracket are settled at start."""
    running = place.launch("--synchronous", synchronous)
    tool, peer = subscriber(place), host(place)
    promote(peer, "a")
    done = peer.until(kind="command")
    peer.say(**answer_to(done))
    for label in ("b", "c"):
        promote(peer, label)
    lost = [peer.until(kind="command")["saga_id"] for _ in range(2)]
    tool.until(event="saga_started", saga_id=lost[-1])
    running.kill()
    held = brackets(tool.heard)

    place.launch()
    again = subscriber(place)
    replayed = brackets(again.events())
    reason = "launcher restarted while saga in state 'running'"
    assert [m["reason"] for m in again.events() if m["event"] == "saga_failed"] == [reason] * 2
    assert replayed == {saga_id: ["saga_failed"] for saga_id in lost}
    outcomes = {saga["saga_id"]: saga["state"] for saga in again.snapshot()["sagas"]}
    assert outcomes == {done["saga_id"]: "completed"} | dict.fromkeys(lost, "failed_compensation")
    assert held.keys() <= outcomes.keys(), "a subscriber can close every bracket that it held"
    assert (
        place.rows(
            "select s.state, t.state, t.failure_reason from launcher_saga s"
            " join launcher_saga_step t using (saga_id) order by saga_id"
        )
        == [("completed", "succeeded", None)] + [("failed_compensation", "failed", reason)] * 2
    )
    next_host = host(place)
    promote(next_host, "d")
    assert next_host.until(kind="command")["saga_id"] > max(held)


def test_a_clean_end_fails_what_is_in_flight(place: Place) -> None:
    """FACTS R-16: SIGTERM fails every saga, on the bus and in the log, and then exits 0."""
    running = place.launch()
    tool, peer = subscriber(place), host(place)
    promote(peer, "a")
    saga_id = peer.until(kind="command")["saga_id"]
    assert running.terminate() == 0
    failed = tool.until(event="saga_failed", saga_id=saga_id)
    assert failed["reason"] == "launcher shutting down"
    assert place.rows("select state, failure_reason from launcher_saga") == [
        ("failed", "launcher shutting down")
    ]
    assert not place.socket.exists()
    assert "Traceback" not in running.stderr()


def test_a_trigger_in_the_first_breath_is_not_lost(place: Place) -> None:
    """FACTS F-14: register and trigger in one write, right after the launcher listens."""
    place.launch()
    peer = place.connect()
    peer.say_bytes(
        b'{"cmd":"register","kind":"host","pid":1,"version":"1"}\n'
        b'{"cmd":"report_pool_window_promoted","label":"a"}\n'
    )
    frame = peer.until(kind="command")
    peer.say(**answer_to(frame))
    peer.until(event="saga_completed", saga_id=frame["saga_id"])


def test_a_half_closed_old_host_spoils_nothing(place: Place) -> None:
    """FACTS F-22: while the old connection dies, the new host gets whole lines, each once."""
    place.launch()
    first = host(place, pid=100)
    first.finish()
    second = host(place, pid=101)
    for number in range(20):
        second.say(cmd="report_pool_window_added", label=f"w{number}", saga_id=None)
    second.until(event="pool_window_added", label="w19")
    versions = [message["version"] for message in second.heard if message["event"] != "registered"]
    assert versions == list(range(versions[0], versions[0] + len(versions)))


def test_a_command_between_two_hosts_is_delivered_once(place: Place) -> None:
    """FACTS F-24: a trigger, the end of its host and a new host at once: one delivery, not none."""
    place.launch()
    tool, first = subscriber(place), host(place, pid=100)
    promote(first, "a")
    first.close()
    second = host(place, pid=101)
    frame = second.until(kind="command")
    second.say(**answer_to(frame))
    tool.until(event="saga_completed", saga_id=frame["saga_id"])
    second.say(cmd="ping", nonce=1)
    second.until(event="pong")
    assert [message for message in second.heard if "kind" in message and "cmd" in message] == [
        frame
    ]


def test_a_new_run_starts_fresh(place: Place) -> None:
    """FACTS R-64: versions start at 1 again and the mirror is empty; only the log goes on."""
    running = place.launch()
    peer = host(place)
    peer.say(cmd="report_window_opened", label="main", kind="full_instance", parent_label=None)
    promote(peer, "a")
    lost = peer.until(event="saga_started")["saga_id"]
    running.kill()
    place.launch()
    again = subscriber(place)
    assert [message["version"] for message in again.events()] == [1, 2]
    snapshot = again.snapshot()
    assert (snapshot["windows"], snapshot["lifecycle"]) == ([], "starting")
    assert [saga["saga_id"] for saga in snapshot["sagas"]] == [lost]
