"""The replay ring: which events a late subscriber gets, and whether it is told of a gap."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saga_shell.launcher.ring import RING_EVENTS, Ring


def filled(count: int, capacity: int) -> Ring:
    """A ring that heard of versions 1 to `count`."""
    ring = Ring(capacity)
    for version in range(1, count + 1):
        ring.append(version, b"%d" % version)
    return ring


@pytest.mark.parametrize(
    ("since", "lines", "truncated"),
    [
        (0, [b"8", b"9", b"10"], True),
        (6, [b"8", b"9", b"10"], True),
        (7, [b"8", b"9", b"10"], False),
        (8, [b"9", b"10"], False),
        (9, [b"10"], False),
        (10, [], False),
        (11, [], False),
        (2**63, [], False),
        (2**64 - 1, [], False),
    ],
)
def test_since_is_exclusive_and_a_gap_is_told(
    since: int, lines: list[bytes], truncated: bool
) -> None:
    """FACTS F-13, R-60: versions above `since`, up to 2^64-1; truncated if some are gone."""
    assert filled(10, 3).since(since) == (lines, truncated)


def test_an_empty_ring_is_never_truncated() -> None:
    """FACTS 6.4: at the start nothing is missing, whatever is asked for."""
    assert Ring().since(0) == ([], False)
    assert Ring().since(2**64 - 1) == ([], False)


def test_the_ring_holds_4096_events() -> None:
    """FACTS 1.2: the 4097th event pushes the first one out."""
    assert RING_EVENTS == 4096
    assert filled(4096, RING_EVENTS).since(0)[1] is False
    lines, truncated = filled(4097, RING_EVENTS).since(0)
    assert (len(lines), lines[0], truncated) == (4096, b"2", True)


@given(count=st.integers(0, 40), capacity=st.integers(1, 10), since=st.integers(0, 50))
def test_the_ring_is_the_end_of_the_bus(count: int, capacity: int, since: int) -> None:
    """FACTS R-55: what it gives and what it says is gone make up all versions above `since`."""
    lines, truncated = filled(count, capacity).since(since)
    wanted = list(range(since + 1, count + 1))
    assert [int(line) for line in lines] == wanted[-capacity:]
    assert truncated == (len(wanted) > capacity)


@pytest.mark.parametrize(
    ("most_bytes", "kept", "left"), [(40, 4, 6), (39, 3, 7), (10, 1, 9), (9, 0, 10)]
)
def test_long_events_leave_earlier(most_bytes: int, kept: int, left: int) -> None:
    """RELIABILITY 11: what the ring holds is bounded in bytes too; a replay says what is gone."""
    ring = Ring(100, most_bytes)
    for version in range(1, 11):
        ring.append(version, b"%010d" % version)
    lines, truncated = ring.since(0)
    assert [int(line) for line in lines] == list(range(11 - kept, 11))
    assert (truncated, ring.left_for_bytes) == (True, left)
    assert ring.since(10) == ([], False)
