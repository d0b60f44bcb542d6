"""The bus: one encoding, one order, for the ring, the disk and every subscriber."""

import json

from saga_core.agentmux.events import PoolWindowRemoved
from saga_shell.launcher.bus import Bus
from saga_shell.launcher.ring import Ring

Sent = list[tuple[int, bytes]]


def bus_with(capacity: int = 10) -> tuple[Bus, Sent, list[bytes]]:
    """A bus, what it sent, and what it recorded."""
    sent: Sent = []
    recorded: list[bytes] = []
    bus = Bus(lambda number, line: sent.append((number, line)), recorded.append, Ring(capacity))
    return bus, sent, recorded


def event(version: int) -> PoolWindowRemoved:
    """An event with that version."""
    return PoolWindowRemoved("w", version)


def line(version: int) -> bytes:
    """That event on the wire."""
    return b'{"event":"pool_window_removed","label":"w","version":%d}' % version


def test_ring_disk_and_subscribers_get_the_same_lines_in_one_order() -> None:
    """FACTS R-56: bus order, ring order and the order on disk are the order of versions."""
    bus, sent, recorded = bus_with()
    bus.subscribe(7)
    bus.subscribe(3)
    for version in (1, 2, 3):
        bus.publish(event(version))
    lines = [line(version) for version in (1, 2, 3)]
    assert recorded == lines
    assert [text for number, text in sent if number == 7] == lines
    assert [text for number, text in sent if number == 3] == lines
    assert json.loads(bus.replay(0, 3)) == {
        "event": "event_list",
        "events": [json.loads(text) for text in lines],
        "version": 3,
    }


def test_a_subscriber_hears_from_its_subscription_to_its_end() -> None:
    """FACTS R-50: nothing before it, nothing after it; ending twice is harmless."""
    bus, sent, _ = bus_with()
    bus.publish(event(1))
    bus.subscribe(1)
    bus.subscribe(1)
    bus.publish(event(2))
    bus.unsubscribe(1)
    bus.unsubscribe(1)
    bus.publish(event(3))
    assert sent == [(1, line(2))]
    assert bus.subscribers == 0


def test_a_replay_tells_of_its_gap() -> None:
    """FACTS R-60: the private event list ends with `truncated` exactly if something is missing."""
    bus, _, _ = bus_with(capacity=2)
    for version in (1, 2, 3):
        bus.publish(event(version))
    assert bus.replay(0, 3).endswith(b'"version":3,"truncated":true}')
    assert bus.replay(1, 3).endswith(b'"version":3}')
    assert bus.replay(2**64 - 1, 3) == b'{"event":"event_list","events":[],"version":3}'
