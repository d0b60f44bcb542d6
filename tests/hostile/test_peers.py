"""Peers that lie, flood, dawdle or pretend: it costs them, and nobody else."""

import socket
import sys
from pathlib import Path

import pytest
from tests.e2e.outside import PATIENCE_SECONDS, Message, Peer, Place, Running, wait_until
from tests.e2e.test_exchanges import answer_to, brackets, host, subscriber
from tests.hostile.test_bounds import times_met

REPORTS: list[Message] = [
    {"cmd": "report_window_opened", "label": "w", "kind": "full_instance", "parent_label": None},
    {"cmd": "report_window_closed", "label": "main"},
    {"cmd": "report_pool_window_added", "label": "w", "saga_id": None},
    {"cmd": "report_pool_window_removed", "label": "p"},
    {"cmd": "report_pool_window_promoted", "label": "p"},
    {"cmd": "report_panes_reaped", "label": "main", "saga_id": 1},
    {"cmd": "report_pool_drain_decision", "label": "main", "was_last": True, "saga_id": 1},
    {"cmd": "report_saga_action_failed", "saga_id": 1, "reason": "because I say so"},
    {"cmd": "report_host_counts", "windows": 9, "pool": 9},
]
FLOOD = 30_000
MEMORY_OF_A_FLOOD = 48 << 20
"""What a flood may leave behind in ring, queues and caches; the flood itself is far more."""

IDLE_HOST = ("--host-cmd", f"{sys.executable} -c 'import time; time.sleep(1000)'")


def memory_of(running: Running) -> int:
    """The most memory that the launcher ever held, in bytes."""
    status = Path(f"/proc/{running.process.pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


def files_of(running: Running) -> int:
    """The descriptors that the launcher holds."""
    return len(list(Path(f"/proc/{running.process.pid}/fd").iterdir()))


def run_saga(peer: Peer, tool: Peer, label: str) -> None:
    """One whole saga, heard by a subscriber."""
    peer.say(cmd="report_pool_window_promoted", label=label)
    frame = peer.until(kind="command")
    peer.say(**answer_to(frame))
    tool.until(event="saga_completed", saga_id=frame["saga_id"])


@pytest.mark.parametrize("kind", ["renderer", "tool", "srv"])
def test_nobody_but_a_host_reports(place: Place, kind: str) -> None:
    """FACTS F-05: each report of another kind is a private error; saga, mirror and bus stay."""
    place.launch()
    tool, peer = subscriber(place), host(place)
    peer.say(cmd="report_window_opened", label="main", kind="full_instance", parent_label=None)
    peer.say(cmd="report_pool_window_promoted", label="p")
    saga_id = peer.until(kind="command")["saga_id"]
    liar = place.connect()
    liar.register(kind, 99)
    before = tool.snapshot()
    for report in REPORTS:
        liar.say(**{**report, "saga_id": saga_id} if "saga_id" in report else report)
        error = liar.until(event="error")
        assert (error["code"], error["fatal"], error["version"]) == ("invalid_command", False, 0)
    assert tool.snapshot() == before
    peer.say(cmd="report_pool_window_added", label="", saga_id=saga_id)
    tool.until(event="saga_completed", saga_id=saga_id)


def test_a_host_that_registers_twice_stays_one_host(place: Place) -> None:
    """FACTS 2.7: on the same connection: a private error, not fatal; its sagas go on."""
    place.launch()
    tool, peer = subscriber(place), host(place)
    peer.say(cmd="report_pool_window_promoted", label="p")
    frame = peer.until(kind="command")
    for pid in (4242, 4243):
        peer.say(cmd="register", kind="host", pid=pid, version="1")
        error = peer.until(event="error")
        assert (error["code"], error["fatal"], error["version"]) == ("already_registered", False, 0)
    peer.say(**answer_to(frame))
    tool.until(event="saga_completed", saga_id=frame["saga_id"])
    spawned = [m for m in tool.heard if m["event"] == "process_spawned" and m["kind"] == "host"]
    assert len(spawned) == 1


def test_an_impostor_can_t_take_the_supervised_host_s_place(place: Place) -> None:
    """FACTS R-53: same user, right words, wrong process: fatal, closed; no command reaches it."""
    running = place.start(*IDLE_HOST).wait_until_listening()
    tool = subscriber(place)
    for pid in (running.process.pid, 1, 4242):
        impostor = place.connect()
        impostor.say_bytes(
            b'{"cmd":"register","kind":"host","pid":%d,"version":"1"}\n'
            b'{"cmd":"report_pool_window_promoted","label":"p"}\n' % pid
        )
        error = impostor.until(event="error")
        assert (error["code"], error["fatal"]) == ("invalid_command", True)
        impostor.until_end()
        assert not impostor.has_heard(event="registered")
        assert not impostor.has_heard(kind="command")
    assert brackets(tool.events()) == {}
    assert running.terminate() == 0


def test_answers_with_other_peers_ids_end_nobody_s_saga(place: Place) -> None:
    """FACTS F-19: an older host answers all ids there are, wrongly; what waits for more goes on."""
    place.launch()
    tool, older, peer = subscriber(place), host(place, pid=100), host(place, pid=101)
    for label in ("a", "b", "c"):
        peer.say(cmd="report_window_opened", label=label, kind="full_instance", parent_label=None)
    for label in ("a", "b"):
        peer.say(cmd="report_window_closed", label=label)
    frames = [peer.until(kind="command", cmd="reap_panes") for _ in range(2)]
    for saga_id in range(20):
        older.say(cmd="report_panes_reaped", label="somebody else's", saga_id=saga_id)
        older.say(cmd="report_pool_window_added", label="", saga_id=saga_id)
        older.say(
            cmd="report_pool_drain_decision", label="a", was_last=True, saga_id=saga_id + 10_000
        )
    tool.until(event="pool_drained", saga_id=10_019)
    assert not tool.has_heard(event="saga_completed")
    for frame in frames:
        peer.say(**answer_to(frame))
        drain = peer.until(kind="command", cmd="drain_pool_if_last", saga_id=frame["saga_id"])
        peer.say(**answer_to(drain))
        tool.until(event="saga_completed", saga_id=frame["saga_id"])


@pytest.mark.parametrize("length", [10, 20_000])
def test_a_flood_of_reports_costs_bounded_memory_and_no_saga(place: Place, length: int) -> None:
    """RELIABILITY 9: another host reports without pause; all is told in order, and sagas go on."""
    running = place.launch("--bound", f"write-seconds={PATIENCE_SECONDS:g}")
    tool, flooding, peer = subscriber(place), host(place, pid=100), host(place, pid=101)
    run_saga(peer, tool, "before")
    before = memory_of(running)
    count = FLOOD if length < 1_000 else FLOOD // 100
    lines = [
        b'{"cmd":"report_pool_window_removed","label":"%d%b"}\n' % (number, b"x" * length)
        if number % 2
        else b'{"cmd":"report_pool_window_added","label":"%d%b","saga_id":null}\n'
        % (number + 1, b"x" * length)
        for number in range(count)
    ]
    for first in range(0, count, 500):
        flooding.say_bytes(b"".join(lines[first : first + 500]))
        flooding.say(cmd="ping", nonce=first)
        run_saga(peer, tool, f"during {first}")
        flooding.until(event="pong", nonce=first)
    versions = [m["version"] for m in tool.heard if "version" in m and m["event"] != "registered"]
    assert versions == list(range(versions[0], versions[0] + len(versions)))
    assert sum(m["event"] == "pool_window_removed" for m in tool.heard) == count // 2
    assert memory_of(running) - before < MEMORY_OF_A_FLOOD
    assert running.terminate() == 0


def test_slow_writers_and_half_open_connections_cost_nobody_else(place: Place) -> None:
    """RELIABILITY 9: silent, half a line, half closed: sagas go on; all is given back then."""
    running = place.launch()
    tool, peer = subscriber(place), host(place)
    run_saga(peer, tool, "before")
    before = files_of(running)
    crowd = [socket.socket(socket.AF_UNIX) for _ in range(600)]
    for number, one in enumerate(crowd):
        one.connect(str(place.socket))
        if number % 3 == 1:
            one.sendall(b'{"cmd":"ping",' + b" " * 5_000)
        elif number % 3 == 2:
            one.shutdown(socket.SHUT_WR)
    dawdling = subscriber(place, pid=55)
    for byte in b'{"cmd":"ping","nonce":7}\n':
        dawdling.say_bytes(bytes([byte]))
        run_saga(peer, tool, "during")
    dawdling.until(event="pong", nonce=7)
    dawdling.close()
    for one in crowd:
        one.close()
    wait_until(lambda: files_of(running) == before, "the return of all descriptors")
    wait_until(lambda: times_met(place, "connections") == 0, "the counts")
    run_saga(peer, tool, "after")
    assert running.terminate() == 0
