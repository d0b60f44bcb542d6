"""Each strictness rule of FACTS 2.2 and of DESIGN 7, Lines, by name, with its verdict."""

import pytest
from returns.result import Failure, Success

from saga_core.agentmux.commands import (
    DrainPoolIfLast,
    Goodbye,
    Ping,
    ReapPanes,
    ReportHostCounts,
    ReportPanesReaped,
    ReportWindowClosed,
    SpawnPoolWindow,
    WireCommand,
)
from saga_core.agentmux.events import EventList, HostShouldQuit
from saga_core.agentmux.vocabulary import U32_MAX, U64_MAX
from saga_core.agentmux.wire import decode_command, decode_event, encode

ACCEPTED: dict[str, tuple[bytes, WireCommand]] = {
    "a missing saga id is 0, spawn": (b'{"cmd":"spawn_pool_window"}', SpawnPoolWindow(0)),
    "a missing saga id is 0, reap": (b'{"cmd":"reap_panes","label":"a"}', ReapPanes("a", 0)),
    "a missing saga id is 0, drain": (
        b'{"cmd":"drain_pool_if_last","label":"a"}',
        DrainPoolIfLast("a", 0),
    ),
    "a missing optional id is none": (
        b'{"cmd":"report_panes_reaped","label":"a"}',
        ReportPanesReaped("a", None),
    ),
    "a null optional id is none": (
        b'{"cmd":"report_panes_reaped","label":"a","saga_id":null}',
        ReportPanesReaped("a", None),
    ),
    "an unknown key": (b'{"cmd":"ping","nonce":9,"more":[1,{"a":null}]}', Ping(9)),
    "an unknown key twice": (b'{"cmd":"ping","nonce":9,"more":1,"more":2}', Ping(9)),
    "an unknown key with a known key twice": (
        b'{"cmd":"ping","nonce":9,"more":{"nonce":1,"nonce":2,"cmd":1,"cmd":2}}',
        Ping(9),
    ),
    "a key of another command twice": (b'{"cmd":"ping","nonce":9,"label":1,"label":2}', Ping(9)),
    "a command without fields takes extra keys": (b'{"cmd":"goodbye","nonce":9}', Goodbye()),
    "the tag in the middle": (
        b'{"windows":1,"cmd":"report_host_counts","pool":2}',
        ReportHostCounts(1, 2),
    ),
    "the tag last": (b'{"nonce":9,"cmd":"ping"}', Ping(9)),
    "blanks around and between": (b' \t\r\n{ "cmd" :\t"ping" , "nonce" : 9 } \t\r', Ping(9)),
    "the carriage return of a line end": (b'{"cmd":"ping","nonce":9}\r', Ping(9)),
    "the largest 64 bit number": (b'{"cmd":"ping","nonce":18446744073709551615}', Ping(U64_MAX)),
    "the largest 32 bit number": (
        b'{"cmd":"report_host_counts","windows":4294967295,"pool":0}',
        ReportHostCounts(U32_MAX, 0),
    ),
    "odd numbers in an unknown key": (
        b'{"cmd":"ping","nonce":9,"more":[-0,-0.0,1e3,18446744073709551616,-5,1e-400]}',
        Ping(9),
    ),
    "an escaped surrogate pair": (
        rb'{"cmd":"report_window_closed","label":"\ud83d\uDE00"}',
        ReportWindowClosed("\N{GRINNING FACE}"),
    ),
    "the last surrogate pair, in capitals": (
        rb'{"cmd":"report_window_closed","label":"\uDBFF\uDFFF"}',
        ReportWindowClosed("\U0010ffff"),
    ),
    "a raw character beyond the first plane": (
        '{"cmd":"report_window_closed","label":"\N{GRINNING FACE}"}'.encode(),
        ReportWindowClosed("\N{GRINNING FACE}"),
    ),
    "an escaped backslash before what looks like a surrogate": (
        rb'{"cmd":"report_window_closed","label":"\\ud800"}',
        ReportWindowClosed("\\ud800"),
    ),
    "every escape there is": (
        rb'{"cmd":"report_window_closed","label":"\"\\\/\b\f\n\r\t\u0000\u00e9\ud7ff\ue000"}',
        ReportWindowClosed('"\\/\b\f\n\r\t\0é\ud7ff\ue000'),
    ),
    "DEL and U+2028 raw": (
        '{"cmd":"report_window_closed","label":"\x7f\u2028"}'.encode(),
        ReportWindowClosed("\x7f\u2028"),
    ),
    "an escaped tag": (rb'{"c\u006dd":"p\u0069ng","nonce":9}', Ping(9)),
    "twenty digits and more in a text": (
        b'{"cmd":"report_window_closed","label":":99999999999999999999"}',
        ReportWindowClosed(":99999999999999999999"),
    ),
}

REFUSED: dict[str, tuple[bytes, str]] = {
    "an explicit null for a default, spawn": (
        b'{"cmd":"spawn_pool_window","saga_id":null}',
        "spawn_pool_window: Expected `int`, got `null` - at `$.saga_id`",
    ),
    "a null text": (b'{"cmd":"report_window_closed","label":null}', "got `null`"),
    "a missing field": (b'{"cmd":"ping"}', "ping: Object missing required field `nonce`"),
    "a known key twice": (b'{"cmd":"ping","nonce":9,"nonce":9}', "key `nonce` stands there twice"),
    "a known key twice, escaped": (rb'{"cmd":"ping","nonce":9,"\u006eonce":9}', "twice"),
    "the tag twice": (b'{"cmd":"ping","nonce":9,"cmd":"ping"}', "key `cmd` stands there twice"),
    "an optional key twice": (
        b'{"cmd":"report_panes_reaped","label":"a","saga_id":null,"saga_id":1}',
        "key `saga_id` stands there twice",
    ),
    "a key of a rectangle twice": (
        (
            b'{"cmd":"report_hwnd_position_changed","hwnd":1,'
            b'"rect":{"left":0,"left":0,"top":0,"right":1,"bottom":1}}'
        ),
        "key `left` stands there twice",
    ),
    "a key of a rectangle in a list twice": (
        (
            b'{"cmd":"report_monitor_topology_changed",'
            b'"rects":[{"left":0,"top":0,"right":1,"bottom":1,"bottom":1}]}'
        ),
        "key `bottom` stands there twice",
    ),
    "no tag": (b'{"nonce":9}', "no command is named in `cmd`"),
    "a tag that is no text": (b'{"cmd":null,"nonce":9}', "no command is named in `cmd`"),
    "a tag that is a list": (b'{"cmd":["ping"],"nonce":9}', "no command is named in `cmd`"),
    "an event's tag": (b'{"event":"pong","nonce":9,"version":1}', "no command is named in `cmd`"),
    "an unknown tag": (b'{"cmd":"pong","nonce":9}', "unknown command 'pong'"),
    "a tag in another case": (b'{"cmd":"Ping","nonce":9}', "unknown command 'Ping'"),
    "a tag of srv": (b'{"cmd":"create_workspace"}', "unknown command 'create_workspace'"),
    "an enumeration's value in another case": (
        b'{"cmd":"report_window_opened","label":"a","kind":"FullInstance"}',
        "Invalid enum value 'FullInstance'",
    ),
    "a byte order mark": (b'\xef\xbb\xbf{"cmd":"goodbye"}', "not JSON at character 1"),
    "NaN": (b'{"cmd":"ping","nonce":9,"more":NaN}', "NaN is not JSON"),
    "Infinity": (b'{"cmd":"ping","nonce":9,"more":Infinity}', "Infinity is not JSON"),
    "minus Infinity": (b'{"cmd":"ping","nonce":9,"more":-Infinity}', "-Infinity is not JSON"),
    "a raw control character": (b'{"cmd":"report_window_closed","label":"\x1f"}', "not JSON"),
    "a raw tab in a text": (b'{"cmd":"report_window_closed","label":"\t"}', "not JSON"),
    "the first half of a pair": (
        rb'{"cmd":"report_window_closed","label":"\ud800"}',
        "an escape is half of a surrogate pair",
    ),
    "the second half of a pair": (
        rb'{"cmd":"report_window_closed","label":"\udc00"}',
        "an escape is half of a surrogate pair",
    ),
    "both halves in the wrong order": (
        rb'{"cmd":"report_window_closed","label":"\udc00\ud800"}',
        "an escape is half of a surrogate pair",
    ),
    "half of a pair before another escape": (
        rb'{"cmd":"report_window_closed","label":"\ud800\n"}',
        "an escape is half of a surrogate pair",
    ),
    "half of a pair in an unknown key": (
        rb'{"cmd":"ping","nonce":9,"\uDBFF":1}',
        "an escape is half of a surrogate pair",
    ),
    "half of a pair in a value that a later one hides": (
        rb'{"cmd":"ping","nonce":9,"more":["\ud800"],"more":1}',
        "an escape is half of a surrogate pair",
    ),
    "an encoded surrogate": (b'{"cmd":"ping","nonce":9,"more":"\xed\xa0\x80"}', "byte 33 is not"),
    "an overlong encoding": (b'{"cmd":"ping","nonce":9,"more":"\xc0\x80"}', "byte 33 is not UTF-8"),
    "a byte that is not UTF-8": (b'{"cmd":"report_window_closed","label":"\xff"}', "not UTF-8"),
    "trailing garbage": (b'{"cmd":"ping","nonce":9}x', "not JSON at character 25"),
    "a second object": (b'{"cmd":"goodbye"}{"cmd":"goodbye"}', "not JSON at character 18"),
    "a trailing comma": (b'{"cmd":"ping","nonce":9,}', "not JSON"),
    "half a line": (b'{"cmd":"ping","non', "not JSON"),
    "a bad escape": (rb'{"cmd":"report_window_closed","label":"\x41"}', "not JSON"),
    "a number out of range in an unknown key": (
        b'{"cmd":"ping","nonce":9,"more":1e400}',
        "a number is out of range",
    ),
    "more digits than Python converts": (
        b'{"cmd":"ping","nonce":' + b"9" * 5000 + b"}",
        "a number is out of range",
    ),
    "an array": (b'["ping",3]', "not an object"),
    "a bare text": (b'"goodbye"', "not an object"),
    "a bare text of brackets": (b'"' + b"[" * 200 + b'"', "not an object"),
    "nothing": (b"", "not JSON at character 1"),
    "only blanks": (b" \t\r", "not JSON at character 4"),
    "an enumeration's value as an object": (
        b'{"cmd":"report_window_opened","label":"a","kind":{"full_instance":null}}',
        "report_window_opened: ",
    ),
}


@pytest.mark.parametrize(("line", "command"), ACCEPTED.values(), ids=ACCEPTED.keys())
def test_a_line_that_the_rules_allow_is_read(line: bytes, command: WireCommand) -> None:
    """FACTS 2.2: what is odd but allowed means what its plain form means."""
    assert decode_command(line) == Success(command)


@pytest.mark.parametrize(("line", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_a_line_that_breaks_a_rule_is_refused_with_its_reason(line: bytes, reason: str) -> None:
    """FACTS 2.2: what breaks a rule is a failure that names the rule, in one short sentence."""
    told = decode_command(line).failure()
    assert reason in told
    assert "\n" not in told


@pytest.mark.parametrize(
    ("opening", "closing"),
    [("[" * 126, "]" * 126), ('{"a":' * 126, "}" * 126), ('[{"a":' * 63, "}]" * 63)],
)
def test_nesting_is_allowed_up_to_128_levels(opening: str, closing: str) -> None:
    """DESIGN 7, Lines: 128 levels are read, objects and arrays alike; one more is refused."""
    assert decode_command(nested(f"{opening}[]{closing}")) == Success(Ping(9))
    too_deep = Failure("nested deeper than 128 levels")
    assert decode_command(nested(f"{opening}[[]]{closing}")) == too_deep


def nested(value: str) -> bytes:
    """A command with `value` in a key that nobody knows."""
    return f'{{"cmd":"ping","nonce":9,"more":{value}}}'.encode()


@pytest.mark.parametrize("text", ["[" * 999, "{" * 999, r"\"[{" * 99, r"[\\" + "[" * 200])
def test_brackets_in_a_text_are_no_nesting(text: str) -> None:
    """DESIGN 7, Lines: what stands in a text or beside each other does not nest."""
    assert decode_command(nested(f'"{text}"')) == Success(Ping(9))
    assert decode_command(nested("[" + "[]," * 999 + "{}]")) == Success(Ping(9))


def test_nested_event_lists_keep_the_limit_too() -> None:
    """DESIGN 7, Lines: a line that is all of known keys gets no further than 128 levels either."""
    deepest = EventList((), 1)
    for _ in range(63):
        deepest = EventList((deepest,), 1)
    line = encode(deepest)
    assert decode_event(line) == Success(deepest)
    one_more = b'{"event":"event_list","events":[' + line + b'],"version":1}'
    assert decode_event(one_more) == Failure("nested deeper than 128 levels")


def test_a_repeated_key_inside_a_listed_event_is_refused() -> None:
    """FACTS 2.2: the rule about known keys holds for each event of a replay as well."""
    line = (
        '{"event":"event_list","events":[{"event":"host_should_quit","version":23%s}],"version":1}'
    )
    quit_list = EventList((HostShouldQuit(23),), 1)
    assert decode_event((line % "").encode()) == Success(quit_list)
    assert decode_event((line % ',"more":1,"more":2').encode()) == Success(quit_list)
    for key in ("event", "version"):
        told = decode_event((line % f',"{key}":1,"{key}":2').encode()).failure()
        assert told.startswith("event_list: ")


@pytest.mark.parametrize(
    "line", ['{"cmd":"%s"}', '{"cmd":"register","pid":1,"version":"","kind":"%s"}']
)
def test_a_reason_stays_short_whatever_it_quotes(line: str) -> None:
    """FACTS 2.7: the reason goes into an error event, so a huge tag or value is cut in it."""
    told = decode_command((line % ("é" * 100_000)).encode()).failure()
    assert len(told) == 200
    assert told.endswith("é…")
