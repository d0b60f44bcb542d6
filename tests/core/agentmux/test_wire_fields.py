"""The rules of FACTS 2.2 about fields, held against every field of every row of the tables."""

import json
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
from returns.result import Failure, Success
from tests.core.agentmux.wire_tables import COMMAND_ROWS, EVENT_ROWS, OWN_EVENT_ROWS

from saga_core.agentmux.wire import decode_command, decode_event
from saga_core.engine import BusEvent, Command, Json

Path = tuple[str | int, ...]
Decode = Callable[[bytes], Success[Command] | Success[BusEvent] | Failure[str]]

ROWS: list[tuple[str, Decode]] = [(line, decode_command) for _, line in COMMAND_ROWS]
ROWS += [(line, decode_event) for _, line in EVENT_ROWS + OWN_EVENT_ROWS]

OPTIONAL = {
    "report_window_opened": {"parent_label"},
    "report_pool_window_added": {"saga_id"},
    "report_panes_reaped": {"saga_id"},
    "report_pool_drain_decision": {"saga_id"},
    "report_hwnd_opened": {"label_hint"},
    "report_startup_stage_end": {"detail"},
    "window_opened": {"parent_label"},
    "pool_window_added": {"saga_id"},
    "panes_reaped": {"saga_id"},
    "pool_drained": {"saga_id"},
    "pool_not_last": {"saga_id"},
    "hwnd_drift_detected": {"label", "hwnd"},
}
"""The fields marked `?` in FACTS 2.5 and 2.6."""

DEFAULTED = {
    "spawn_pool_window": {"saga_id"},
    "reap_panes": {"saga_id"},
    "drain_pool_if_last": {"saga_id"},
    "window_closed": {"crash_detected"},
    "snapshot": {"sagas"},
    "event_list": {"truncated"},
}
"""The fields with another default than none."""

BAD_INTEGERS = (
    *('"5"', "true", "false", "[5]", "{}"),
    *("5.0", "1e3", "1E3", "-0", "-0.0", "5."),
    *("05", "-05", "+5", "0x5", "-"),
    *("18446744073709551616", "-9223372036854775809", "9" * 30, "9" * 5000),
)


def fields(line: str) -> tuple[str, dict[str, Json]]:
    """The tag of a row, and its fields without the tag."""
    (_, tag), *rest = json.loads(line).items()
    return tag, dict(rest)


def integers(value: Json, path: Path = ()) -> Iterator[Path]:
    """The way to every integer in `value`."""
    if isinstance(value, dict | list):
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in inner:
            yield from integers(item, (*path, key))
    elif type(value) is int:
        yield path


def with_literal(value: Json, path: Path, literal: str) -> bytes:
    """`value` as a line, with `literal` as it stands in the place that `path` leads to."""
    root = json.loads(json.dumps(value))
    place = root
    for key, _ in pairwise(path):
        place = place[key]
    place[path[-1]] = "\0"
    return json.dumps(root).replace(json.dumps("\0"), literal).encode()


@pytest.mark.parametrize("literal", BAD_INTEGERS, ids=lambda literal: literal[:32])
def test_no_integer_field_takes_anything_else(literal: str) -> None:
    """FACTS 2.2: integers are strict, in every integer field, nested ones too."""
    for line, decode in ROWS:
        row = json.loads(line)
        for path in integers(row):
            assert isinstance(decode(with_literal(row, path, literal)), Failure), (line, path)


BOUNDS = {
    "pid": (0, 2**32 - 1),
    "launcher_pid": (0, 2**32 - 1),
    "windows": (0, 2**32 - 1),
    "pool": (0, 2**32 - 1),
    "count": (0, 2**32 - 1),
    "host_count": (0, 2**32 - 1),
    "mirror_count": (0, 2**32 - 1),
    "num": (0, 2**32 - 1),
    1: (0, 2**32 - 1),
    "code": (-(2**31), 2**31 - 1),
    "left": (-(2**31), 2**31 - 1),
    "top": (-(2**31), 2**31 - 1),
    "right": (-(2**31), 2**31 - 1),
    "bottom": (-(2**31), 2**31 - 1),
}
"""The first and the last number of each field; the others have 64 bits. 1: an instance number."""


@pytest.mark.parametrize(("line", "decode"), ROWS)
def test_every_integer_field_has_its_width(line: str, decode: Decode) -> None:
    """FACTS 2.4 to 2.6: the first and the last number are read, those next to them are not."""
    row = json.loads(line)
    for path in integers(row):
        first, last = BOUNDS.get(path[-1], (0, 2**64 - 1))
        for number in (first, last):
            assert isinstance(decode(with_literal(row, path, str(number))), Success), path
        for number in (first - 1, last + 1):
            assert isinstance(decode(with_literal(row, path, str(number))), Failure), path


@pytest.mark.parametrize(("line", "decode"), ROWS)
def test_null_and_missing_mean_none_only_where_the_table_says(line: str, decode: Decode) -> None:
    """FACTS 2.2: an optional field may be null or missing, a defaulted one only missing."""
    tag, values = fields(line)
    for key in values:
        without = json.loads(line)
        del without[key]
        missing = decode(json.dumps(without).encode())
        null = decode(json.dumps({**without, key: None}).encode())
        optional, defaulted = (key in table.get(tag, ()) for table in (OPTIONAL, DEFAULTED))
        assert isinstance(null, Success) == optional, key
        assert isinstance(missing, Success) == (optional or defaulted), key
        assert not optional or null == missing, key


@pytest.mark.parametrize(("line", "decode"), ROWS)
def test_a_known_key_never_stands_twice(line: str, decode: Decode) -> None:
    """FACTS 2.2: a repeated field or tag is refused even with the same value; others may repeat."""
    for key, value in json.loads(line).items():
        again = f",{json.dumps(key)}:{json.dumps(value)}"
        assert "twice" in decode(f"{line[:-1]}{again}}}".encode()).failure()
        twice_unknown = f",{json.dumps(key + '_')}:1" * 2
        assert decode(f"{line[:-1]}{twice_unknown}}}".encode()) == decode(line.encode())


@pytest.mark.parametrize(("line", "decode"), ROWS)
def test_keys_stand_in_any_order(line: str, decode: Decode) -> None:
    """FACTS 2.2: the tag may stand anywhere, and so may every other key."""
    pairs = list(json.loads(line).items())
    for turn in range(len(pairs)):
        turned = json.dumps(dict(pairs[turn:] + pairs[:turn])).encode()
        assert decode(turned) == decode(line.encode())
