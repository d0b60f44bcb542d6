"""A peer written from the tables drives the real launcher: bus, rows and diag tell one story."""

import random
from collections.abc import Iterable

import pytest
from tests.e2e.outside import Message, Peer, Place

ORGANIC_CLOSE = (
    {"cmd": "report_window_closed", "label": "main"},
    {"cmd": "report_panes_reaped", "label": "main", "saga_id": None},
    {"cmd": "report_pool_drain_decision", "label": "main", "was_last": True, "saga_id": None},
)


def host(place: Place, pid: int = 4242) -> Peer:
    """A registered host."""
    peer = place.connect()
    peer.register("host", pid)
    return peer


def subscriber(place: Place, pid: int = 7) -> Peer:
    """A registered tool, which hears the bus from here on."""
    peer = place.connect()
    peer.register("tool", pid)
    return peer


def brackets(messages: Iterable[Message]) -> dict[int, list[str]]:
    """By saga: what the bus told of it, in order."""
    told: dict[int, list[str]] = {}
    for message in messages:
        if message.get("event") in {"saga_started", "saga_completed", "saga_failed"}:
            told.setdefault(message["saga_id"], []).append(message["event"])
    return told


def test_promote_and_refill(place: Place) -> None:
    """FACTS 2.10: a promote is refilled by its saga; log, bus and frame agree on the command."""
    place.launch()
    tool, peer = subscriber(place), host(place)
    peer.say(cmd="report_pool_window_added", label="window-pool-a", saga_id=None)
    peer.say(cmd="report_pool_window_removed", label="window-pool-a")
    peer.say(cmd="report_pool_window_promoted", label="window-pool-a")
    frame = peer.until(kind="command")
    assert frame == {"kind": "command", "cmd": "spawn_pool_window", "saga_id": frame["saga_id"]}
    peer.say(cmd="report_window_opened", label="window-pool-a", kind="full_instance")
    peer.say(cmd="report_pool_window_added", label="", saga_id=frame["saga_id"])
    tool.until(event="saga_completed", saga_id=frame["saga_id"])
    peer.say(cmd="report_pool_window_added", label="window-pool-b", saga_id=None)
    tool.until(event="pool_window_added", label="window-pool-b")
    assert tool.snapshot()["pool"] == ["window-pool-b"]
    command = f'{{"cmd":"spawn_pool_window","saga_id":{frame["saga_id"]}}}'
    assert place.rows("select state, target, cmd_json from launcher_saga_step") == [
        ("succeeded", "host", command)
    ]


def test_close_of_the_last_window(place: Place) -> None:
    """FACTS 2.10: organic reports are told and ignored; the saga waits for its own answers."""
    place.launch()
    tool, peer = subscriber(place), host(place)
    peer.say(cmd="report_window_opened", label="main", kind="full_instance", parent_label=None)
    for report in ORGANIC_CLOSE:
        peer.say(**report)
    saga_id = peer.until(kind="command", cmd="reap_panes", label="main")["saga_id"]
    peer.say(cmd="report_panes_reaped", label="main", saga_id=saga_id)
    peer.until(kind="command", cmd="drain_pool_if_last", label="main", saga_id=saga_id)
    peer.say(cmd="report_pool_drain_decision", label="main", was_last=True, saga_id=saga_id)
    tool.until(event="saga_completed", saga_id=saga_id)
    told = [message["event"] for message in tool.heard]
    assert told[told.index("window_closed") :] == [
        "window_closed",
        "window_instance_released",
        "hwnd_drift_detected",
        "host_should_quit",
        "saga_started",
        "panes_reaped",
        "pool_drained",
        "panes_reaped",
        "pool_drained",
        "saga_completed",
    ]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_fifty_sagas_at_once(place: Place, seed: int) -> None:
    """RELIABILITY 1: 50 sagas, answered in any order and twice: one bracket each, one story."""
    chance = random.Random(seed)
    place.launch()
    tool, peer = subscriber(place), host(place)
    for number in range(50):
        if number % 2:
            peer.say(cmd="report_pool_window_promoted", label=f"w{number}")
        else:
            peer.say(cmd="report_window_opened", label=f"w{number}", kind="full_instance")
            peer.say(cmd="report_window_closed", label=f"w{number}")
    open_frames = [peer.until(kind="command") for _ in range(50)]
    ended = 0
    while ended < 50:
        frame = open_frames.pop(chance.randrange(len(open_frames)))
        answer = answer_to(frame)
        peer.say(**answer)
        peer.say(**answer)
        if frame["cmd"] == "reap_panes":
            drain = peer.until(cmd="drain_pool_if_last", saga_id=frame["saga_id"])
            open_frames.append(drain)
        else:
            ended += 1
            tool.until(event="saga_completed", saga_id=frame["saga_id"])
    assert all(told == ["saga_started", "saga_completed"] for told in brackets(tool.heard).values())
    assert len(brackets(tool.heard)) == 50
    versions = [message["version"] for message in tool.heard if message["event"] != "registered"]
    assert versions == list(range(versions[0], versions[0] + len(versions)))
    diag = place.diag()["sagas"]
    assert {saga["saga_id"]: saga["state"] for saga in diag} == dict.fromkeys(
        brackets(tool.heard), "completed"
    )
    assert place.rows("select distinct state from launcher_saga_step") == [("succeeded",)]


def answer_to(frame: Message) -> Message:
    """What a good host says."""
    saga_id = frame["saga_id"]
    match frame["cmd"]:
        case "spawn_pool_window":
            return {"cmd": "report_pool_window_added", "label": "", "saga_id": saga_id}
        case "reap_panes":
            return {"cmd": "report_panes_reaped", "label": frame["label"], "saga_id": saga_id}
        case _:
            return {
                "cmd": "report_pool_drain_decision",
                "label": frame["label"],
                "was_last": False,
                "saga_id": saga_id,
            }


def test_every_subscriber_hears_the_same(place: Place) -> None:
    """FACTS R-56: bus order, ring order and version order are the same for everybody."""
    place.launch()
    tools, peer = [subscriber(place, pid) for pid in (7, 8, 9)], host(place)
    for number in range(200):
        peer.say(cmd="report_pool_window_added", label=f"w{number}", saga_id=None)
    for tool in tools:
        tool.until(event="pool_window_added", label="w199")
    first = {m["version"]: m for m in tools[0].heard if m["event"] != "registered"}
    for tool in tools[1:]:
        heard = [m for m in tool.heard if m["event"] != "registered"]
        assert heard == [first[m["version"]] for m in heard]
        assert [m["version"] for m in heard] == sorted(m["version"] for m in heard)
    assert tools[0].events(since=0) == list(first.values())
