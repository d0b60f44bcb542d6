"""What holds for every message and every line, not only for those of the tables."""

import json
from typing import TypeVar, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from returns.result import Failure, Success
from tests.core.agentmux.wire_strategies import messages
from tests.core.agentmux.wire_tables import (
    COMMAND_ROWS,
    EVENT_FRAME_ROW,
    EVENT_ROWS,
    FRAME_ROWS,
    OWN_EVENT_ROWS,
)

from saga_core.agentmux import wire
from saga_core.agentmux.commands import HOST_COMMANDS, WIRE_COMMANDS, ReportWindowClosed
from saga_core.agentmux.events import WIRE_EVENTS
from saga_core.agentmux.strict_json import parse_strictly
from saga_core.agentmux.wire import (
    decode_command,
    decode_event,
    decode_host_line,
    encode,
    encode_host_frame,
)
from saga_core.engine import BusEvent, Command, tag_of

M = TypeVar("M", bound=Command | BusEvent)
BLANKS = st.text(" \t\r\n", max_size=2)
HOSTS = sorted(HOST_COMMANDS, key=lambda member: member.__name__)
LINES = [
    line.encode()
    for _, line in (*COMMAND_ROWS, *EVENT_ROWS, *OWN_EVENT_ROWS, *FRAME_ROWS, EVENT_FRAME_ROW)
]
VALUES = [
    *("null", "true", "[]", "{}", "[1]", '{"a":1,"a":2}', '""', '"main"', '"host"', '"command"'),
    *("0", "7", "-0", "-1", "5.0", "1e3", "05", "1e400", "9" * 20, "9" * 400, "NaN", "-Infinity"),
    *("4294967296", "2147483648", "18446744073709551615", "18446744073709551616"),
    *(r'"\ud800"', r'"\ud83d\ude00"', r'"\u00e9"', r'"\x"', '"\x1f"', '"\x7f"', "[" * 200),
]
KEYS = ["cmd", "event", "kind", "label", "saga_id", "version", "left", "more", r"\u006eonce"]


@st.composite
def respelt_lines(draw: st.DrawFn) -> bytes:
    """A row of the tables: keys in another order, some lost, some said again or made up."""
    row = json.loads(draw(st.sampled_from(LINES)))
    pairs = [(key, json.dumps(value)) for key, value in row.items()]
    lost = draw(st.sets(st.sampled_from(pairs), max_size=1))
    added = draw(st.lists(st.tuples(st.sampled_from(KEYS), st.sampled_from(VALUES)), max_size=2))
    kept = [pair for pair in pairs if pair not in lost]
    spelt = draw(st.permutations(kept + added) | st.just(kept + added))
    blank = draw(BLANKS)
    inner = ",".join(f'{blank}"{key}":{blank}{value}' for key, value in spelt)
    return f"{blank}{{{inner}}}{blank}".encode()


@st.composite
def damaged_lines(draw: st.DrawFn) -> bytes:
    """A row of the tables with a few places overwritten."""
    line = draw(st.sampled_from(LINES))
    patch = st.binary(max_size=4) | st.sampled_from(VALUES).map(str.encode)
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(line)))
        end = draw(st.integers(start, min(start + 12, len(line))))
        line = line[:start] + draw(patch) + line[end:]
    return line


ANY_LINE = respelt_lines() | damaged_lines() | st.binary(max_size=200) | st.text().map(str.encode)


def strictly(line: bytes, family: wire._Family[M]) -> Success[M] | Failure[str]:
    """The verdict of the way that takes a line apart, whether or not it had to be gone."""
    source = parse_strictly(line)
    return source if isinstance(source, Failure) else wire._built(source.unwrap(), family)


@pytest.mark.parametrize("member", WIRE_COMMANDS, ids=lambda member: member.__name__)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_any_command_comes_back_as_it_was(member: type[Command], data: st.DataObject) -> None:
    """FACTS 2.2: encode, then decode, is the identity for commands, on both ways of reading."""
    command = cast("Command", data.draw(messages(member)))
    line = encode(command)
    assert decode_command(line) == Success(command)
    assert strictly(line, wire._COMMANDS) == Success(command)
    assert json.loads(line)["cmd"] == tag_of(command)


@pytest.mark.parametrize("member", WIRE_EVENTS, ids=lambda member: member.__name__)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_any_event_comes_back_as_it_was(member: type[BusEvent], data: st.DataObject) -> None:
    """FACTS 2.2: encode, then decode, is the identity for events, on both ways, for hosts too."""
    event = cast("BusEvent", data.draw(messages(member)))
    line = encode(event)
    assert decode_event(line) == Success(event)
    assert strictly(line, wire._EVENTS) == Success(event)
    assert decode_host_line(line) == Success(event)


@pytest.mark.parametrize("member", HOSTS, ids=lambda member: member.__name__)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_any_frame_comes_back_as_it_was(member: type[Command], data: st.DataObject) -> None:
    """FACTS 2.3: a host reads from a frame the very command that the launcher put into it."""
    command = cast("Command", data.draw(messages(member)))
    line = encode_host_frame(command)
    assert decode_host_line(line) == Success(command)
    assert decode_host_line(line + b" ") == Success(command)
    assert decode_host_line(line.replace(b",", b", ", 1)) == Success(command)


@settings(max_examples=300, deadline=None)
@given(ANY_LINE)
def test_no_bytes_make_the_codec_raise(line: bytes) -> None:
    """FACTS 2.2: random bytes and damaged lines are read or refused, and a refusal can be told."""
    for outcome in (decode_command(line), decode_event(line), decode_host_line(line)):
        match outcome:
            case Success(message):
                assert isinstance(message, Command | BusEvent)
            case Failure(reason):
                assert 0 < len(reason.encode()) < 1000


HOSTILE = {
    "arrays without end": b"[" * 100_000,
    "objects without end": b'{"a":' * 100_000,
    "a deep known key": b'{"event":"event_list","events":[' * 10_000,
    "a deep unknown key": b'{"cmd":"ping","nonce":9,"more":'
    + b"[" * 100_000
    + b"]" * 100_000
    + b"}",
    "quotes without end": b'"' + b'\\"' * 100_000,
    "backslashes": b'{"cmd":"' + b"\\" * 100_001,
    "digits": b'{"cmd":"ping","nonce":' + b"9" * 100_000 + b"}",
    "a fraction of many digits": b'{"cmd":"ping","nonce":0.' + b"9" * 100_000 + b"}",
    "a huge exponent": b'{"cmd":"ping","nonce":1e' + b"9" * 100_000 + b"}",
    "half pairs": b'{"cmd":"' + rb"\ud800" * 50_000 + b'"}',
    "one key very often": b"{" + b'"cmd":"ping",' * 50_000 + b'"nonce":9}',
    "closing brackets": b"]}" * 100_000,
    "only zero bytes": b"\0" * 100_000,
}


@pytest.mark.parametrize("line", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_line_made_to_exhaust_the_reader_is_refused(line: bytes) -> None:
    """DESIGN 7, Lines: no stack, digit limit or quadratic search is reached by any bytes."""
    for outcome in (decode_command(line), decode_event(line), decode_host_line(line)):
        assert isinstance(outcome, Failure)


@settings(max_examples=400, deadline=None)
@given(ANY_LINE)
def test_both_ways_of_reading_agree(line: bytes) -> None:
    """FACTS 2.2: what the fast way takes, the strict way takes too, and for the same message."""
    assert_agreement(line, wire._COMMANDS)
    assert_agreement(line, wire._EVENTS)


def assert_agreement(line: bytes, family: wire._Family[M]) -> None:
    """The fast way has no opinion on `line`, or the strict way's."""
    message = wire._canonical(line.strip(b" \t\r\n"), family)
    assert message is None or strictly(line, family) == Success(message)


@settings(max_examples=150, deadline=None)
@given(respelt_lines())
def test_what_is_read_can_be_written_and_read_again(line: bytes) -> None:
    """FACTS 2.2: however a line is spelt, its message has one line of its own."""
    match decode_host_line(line):
        case Success(message) if isinstance(message, Command):
            assert decode_command(encode(message)) == Success(message)
        case Success(message):
            assert decode_event(encode(message)) == Success(message)
        case Failure():
            pass


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_texts_are_escaped_as_the_original_does(text: str) -> None:
    """FACTS 2.2: short escapes, lower-case hex for the rest below U+0020, all else raw."""
    escaped = json.dumps(text, ensure_ascii=False)
    line = f'{{"cmd":"report_window_closed","label":{escaped}}}'
    assert encode(ReportWindowClosed(text)) == line.encode()
