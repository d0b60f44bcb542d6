"""Nothing is written that a peer could not read (FACTS R-36)."""

from typing import Any, cast

import pytest
from returns.result import Success

from saga_core.agentmux.commands import (
    Ping,
    ReapPanes,
    ReportHostCounts,
    ReportMonitorTopologyChanged,
    ReportWindowClosed,
    ReportWindowOpened,
    SpawnPoolWindow,
)
from saga_core.agentmux.events import EventList, ProcessExited
from saga_core.agentmux.vocabulary import U64_MAX, Rect, WindowKind
from saga_core.agentmux.wire import (
    decode_command,
    decode_event,
    encode,
    encode_host_frame,
    reads_back,
    try_encode,
)
from saga_core.engine import U64, BusEvent, Command


class CreateTab(Command, frozen=True, tag="create_tab"):
    """A command of another program's, such as srv's."""

    name: str
    saga_id: U64 = 0


def event_lists_inside_each_other(levels: int) -> EventList:
    """An empty event list that stands in `levels` others."""
    inner = EventList((), 1)
    for _ in range(levels):
        inner = EventList((inner,), 1)
    return inner


def tuple_with_itself() -> tuple[Rect, ...]:
    """A value without end."""
    endless: list[object] = []
    endless.append(endless)
    return cast("tuple[Rect, ...]", endless)


UNREADABLE: dict[str, tuple[Command | BusEvent, str]] = {
    "half of a surrogate pair": (ReportWindowClosed("\udcff"), "surrogates not allowed"),
    "one more than 64 bits": (SpawnPoolWindow(U64_MAX + 1), "got `float` - at `$.saga_id`"),
    "far more than 64 bits": (SpawnPoolWindow(10**5000), "spawn_pool_window: "),
    "a negative number": (Ping(-1), "ping: Expected `int` >= 0 - at `$.nonce`"),
    "one more than 32 bits": (ReportHostCounts(2**32, 0), "at `$.windows`"),
    "one more than signed 32 bits": (ProcessExited(1, 2**31, 1), "at `$.code`"),
    "a truth value for a number": (Ping(True), "got `bool` - at `$.nonce`"),
    "a text for a number": (Ping(cast("int", "9")), "got `str` - at `$.nonce`"),
    "a word that the enumeration lacks": (
        ReportWindowOpened("a", cast("WindowKind", "tab")),
        "Invalid enum value 'tab' - at `$.kind`",
    ),
    "none where nothing is optional": (ReportWindowClosed(cast("str", None)), "got `null`"),
    "a value that JSON lacks": (ReportWindowClosed(cast("str", object())), "type object"),
    "a value without end": (ReportMonitorTopologyChanged(tuple_with_itself()), "recursion"),
    "a rectangle outside of its numbers": (
        ReportMonitorTopologyChanged((Rect(0, 0, 1, -(2**31) - 1),)),
        "at `$.rects[0].bottom`",
    ),
    "129 levels": (event_lists_inside_each_other(64), "nested deeper than 128 levels"),
    "another program's, against its own type": (CreateTab("a", -1), "create_tab: Expected `int`"),
}


@pytest.mark.parametrize(("message", "reason"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_no_peer_could_read_is_refused_with_its_reason(
    message: Command | BusEvent, reason: str
) -> None:
    """FACTS R-36: such a message is a failure of its own, told in words, not a broken pipe."""
    assert reason in try_encode(message).failure()


def test_a_frame_that_is_no_text_is_not_written() -> None:
    """FACTS R-36: what is no Unicode can't become a line at all."""
    with pytest.raises(ValueError, match="surrogates not allowed"):
        encode_host_frame(ReportWindowClosed("\ud800"))


@pytest.mark.parametrize(
    "message",
    [
        SpawnPoolWindow(U64_MAX),
        ReportWindowClosed(":99999999999999999999"),
        ReportWindowClosed('\0\x1f"\\\x7f\u2028\ue000\N{GRINNING FACE}'),
    ],
)
def test_odd_but_right_values_are_written(message: Command) -> None:
    """FACTS 2.2: the last number of 64 bits, long digits in a text and every escape go through."""
    assert try_encode(message) == Success(encode(message))
    assert decode_command(encode(message)) == Success(message)


@pytest.mark.parametrize("label", [b"x", 7, ("a",)])
def test_a_message_that_reads_back_as_another_is_refused(label: Any) -> None:
    """FACTS R-36: what a peer would get is this very message, or it is not sent."""
    message = ReapPanes(label)
    assert not reads_back(message)
    assert try_encode(message).failure().startswith("reap_panes: ")


def test_128_levels_are_written() -> None:
    """DESIGN 7, Lines: the deepest line that a peer may read may also be written."""
    deepest = event_lists_inside_each_other(63)
    assert decode_event(encode(deepest)) == Success(deepest)


def test_a_command_of_another_program_is_written_though_not_read() -> None:
    """DESIGN 7: commands for srv go out by their own type; from a client their tag is unknown."""
    line = b'{"cmd":"create_tab","name":"a","saga_id":7}'
    assert try_encode(CreateTab("a", 7)) == Success(line)
    assert decode_command(line).failure() == "unknown command 'create_tab'"
