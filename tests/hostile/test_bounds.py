"""Every bound can be set, is met without harm to others, and shows in `diag bounds`."""

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.e2e.outside import PATIENCE_SECONDS, Peer, Place, wait_until
from tests.e2e.test_exchanges import answer_to, host, subscriber
from tests.files import whole_lines

LONG = "x" * 10_000
NARROW = str(Path(__file__).parent / "narrow_launcher.py")


class Scene(NamedTuple):
    """A launcher's place, a subscriber that reads all, and a host."""

    place: Place
    tool: Peer
    peer: Peer


def bounds(place: Place) -> dict[str, Any]:
    """What `diag bounds` says."""
    command = [sys.executable, "-m", "saga_shell", "diag", "bounds", "--json"]
    told = subprocess.run(
        [*command, "--data-dir", str(place.data_dir)],
        capture_output=True,
        check=True,
        timeout=PATIENCE_SECONDS,
    )
    report: dict[str, Any] = json.loads(told.stdout)
    return report


def times_met(place: Place, name: str) -> int:
    """How often the launcher met that bound."""
    (times,) = [bound["times"] for bound in bounds(place)["bounds"] if bound["name"] == name]
    return int(times)


def deaf_peer(scene: Scene) -> None:
    """A subscriber that never reads."""
    deaf = scene.place.connect()
    deaf.say(cmd="register", kind="tool", pid=66, version="1")
    scene.tool.until(event="process_spawned", pid=66)


def say_a_long_line(scene: Scene) -> None:
    """One line over the bound."""
    shouting = scene.place.connect()
    shouting.say_bytes(b"x" * 5_000)
    shouting.until(event="error", fatal=True)
    shouting.until_end()


def let_much_wait(scene: Scene) -> None:
    """More than a peer that doesn't read may have waiting."""
    deaf_peer(scene)
    for number in range(200):
        if scene.tool.has_heard(event="process_exited", pid=66):
            break
        scene.peer.say(cmd="report_pool_window_added", label=f"{number}{LONG}", saga_id=None)
        for reader in (scene.tool, scene.peer):
            reader.until(event="pool_window_added")
    assert scene.tool.has_heard(event="process_exited", pid=66)


def let_a_write_wait(scene: Scene) -> None:
    """Fill the socket of a peer that doesn't read, and wait."""
    deaf_peer(scene)
    for number in range(50):
        scene.peer.say(cmd="report_pool_window_added", label=f"{number}{LONG}", saga_id=None)
        for reader in (scene.tool, scene.peer):
            reader.until(event="pool_window_added")
    scene.tool.until(event="process_exited", pid=66)


def connect_often(scene: Scene) -> None:
    """More connections than there may be."""
    crowd = [scene.place.connect() for _ in range(8)]
    crowd[-1].until_end()
    for one in crowd:
        one.close()
    wait_until(lambda: is_welcome(scene.place), "a free place")


def is_welcome(place: Place) -> bool:
    """Whether a peer that comes now is served."""
    peer = place.connect()
    with suppress(BrokenPipeError):  # who is turned away may find that out while it speaks
        peer.say(cmd="ping", nonce=1)
        peer.finish()
    peer.until_end()
    return bool(peer.heard)


def let_commands_wait(scene: Scene) -> None:
    """More commands for a host that is gone than may wait for it."""
    for number in range(4):
        scene.peer.say(cmd="report_pool_window_promoted", label=f"w{number}")
    scene.peer.say(cmd="goodbye")
    scene.tool.until(event="saga_failed", reason="host pipe backpressure overflow")


def flood(scene: Scene) -> None:
    """More events at once than may wait."""
    scene.peer.say_bytes(b'{"cmd":"ping","nonce":1}\n' * 3_000)
    scene.peer.say(cmd="ping", nonce=2)
    scene.peer.until(event="pong", nonce=2)


def ask_too_late(scene: Scene) -> None:
    """Ask for events that have left the ring."""
    for number in range(10):
        scene.peer.say(cmd="report_pool_window_added", label=f"w{number}", saga_id=None)
    scene.tool.until(event="pool_window_added", label="w9")
    scene.tool.say(cmd="get_events", since=0)
    assert scene.tool.until(event="event_list")["truncated"] is True


def fill_the_event_log(scene: Scene) -> None:
    """More on the bus than the event log's file may hold."""
    scene.peer.say(cmd="report_pool_window_added", label=LONG, saga_id=None)
    log = scene.place.data_dir / "launcher-events.log"
    wait_until(lambda: any(LONG.encode() in line for line in whole_lines(log)), "the first line")
    scene.peer.say(cmd="report_pool_window_added", label="w", saga_id=None)
    scene.tool.until(event="pool_window_added", label="w")
    old = scene.place.data_dir / "launcher-events.log.old"
    wait_until(old.exists, "the rotation")


MEETINGS: list[tuple[str, str, Callable[[Scene], None]]] = [
    ("line-bytes", "4000", say_a_long_line),
    ("queue-bytes", "100000", let_much_wait),
    ("queue-lines", "5", let_much_wait),
    ("write-seconds", "0.3", let_a_write_wait),
    ("connections", "4", connect_often),
    ("buffered-commands", "2", let_commands_wait),
    ("waiting-events", "20", flood),
    ("waiting-bytes", "300", flood),
    ("ring-events", "4", ask_too_late),
    ("ring-bytes", "400", ask_too_late),
    ("event-log-bytes", "8000", fill_the_event_log),
]


@pytest.mark.parametrize(("name", "value", "meet"), MEETINGS)
def test_a_bound_that_is_met_harms_nobody_else_and_is_counted(
    place: Place, name: str, value: str, meet: Callable[[Scene], None]
) -> None:
    """RELIABILITY 11: each bound is an option; meeting it shows in `diag bounds`; sagas go on."""
    running = place.launch("--bound", f"{name}={value}")
    tool, peer = subscriber(place, pid=1), host(place)
    meet(Scene(place, tool, peer))
    peer = host(place, pid=4243)
    peer.say(cmd="report_pool_window_promoted", label="after")
    frame = peer.until(kind="command")
    peer.say(**answer_to(frame))
    tool.until(event="saga_completed", saga_id=frame["saga_id"])
    wait_until(lambda: times_met(place, name) > 0, f"a count of {name}")
    assert running.terminate() == 0
    assert times_met(place, name) > 0
    assert bounds(place)["live"] is False
    assert "Traceback" not in running.stderr()


def test_thousands_of_connections_are_turned_away_one_by_one(place: Place) -> None:
    """RELIABILITY 11: fewer open files than peers: it lives on and says what it can't serve."""
    place.program = (sys.executable, NARROW)
    running = place.launch()
    tool, peer = subscriber(place, pid=1), host(place)
    crowd = [socket.socket(socket.AF_UNIX) for _ in range(2_000)]
    for one in crowd:
        one.connect(str(place.socket))
    tool.say(cmd="ping", nonce=1)
    tool.until(event="pong")
    wait_until(lambda: times_met(place, "connections") > 1_700, "the count of those turned away")
    for one in crowd:
        one.close()
    peer.say(cmd="report_pool_window_promoted", label="after")
    frame = peer.until(kind="command")
    peer.say(**answer_to(frame))
    tool.until(event="saga_completed")
    wait_until(lambda: is_welcome(place), "a free place")
    place.connect().register("renderer", 9)
    assert running.terminate() == 0
    assert "the system lets us open 256 files: at most 192 peers at a time" in running.stderr()
