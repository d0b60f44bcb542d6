"""Cutting a stream into lines."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saga_shell.ipc.lines import LineSplitter

STREAM_BYTES = st.lists(st.sampled_from([b"a", b"{}", b" ", b"\t", b"\r", b"\n", b"\r\n"])).map(
    b"".join
)


def lines_of(pieces: list[bytes], limit: int = 1_000) -> tuple[list[bytes], bool]:
    """The lines of a whole stream, and whether it had to be given up."""
    splitter = LineSplitter(limit)
    lines = [line for piece in pieces for line in splitter.feed(piece)]
    return lines + splitter.end(), splitter.too_long


@given(stream=STREAM_BYTES, cuts=st.lists(st.integers(0, 40)))
def test_the_lines_do_not_depend_on_how_the_stream_was_cut(stream: bytes, cuts: list[int]) -> None:
    """FACTS 2.1: LF or CRLF ends a line, blank ones are skipped, the last needs no end at all."""
    bounds = [0, *sorted(cuts), len(stream)]
    pieces = [stream[a:b] for a, b in pairwise(bounds)]
    expected = [line.removesuffix(b"\r") for line in stream.split(b"\n")]
    assert lines_of(pieces) == ([line for line in expected if line.strip()], False)


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_the_limit_is_in_bytes_without_the_end_of_the_line(end: bytes) -> None:
    """FACTS R-62: a line of exactly the limit passes, one byte more does not, whatever its end."""
    assert lines_of([b"x" * 10 + end], limit=10) == ([b"x" * 10], False)
    assert lines_of([b"x" * 11 + end], limit=10) == ([], True)


def test_a_line_that_is_too_long_already_needs_no_end_to_be_found_out() -> None:
    """FACTS R-62: the bound holds while the line still comes, so memory stays bounded."""
    splitter = LineSplitter(10)
    assert splitter.feed(b"ok\n" + b"x" * 10) == [b"ok"]
    assert not splitter.too_long
    assert splitter.feed(b"x") == []
    assert splitter.too_long


def test_a_carriage_return_at_the_limit_may_be_half_of_the_end() -> None:
    """FACTS R-62: limit bytes, CR, and only then LF: that is a line of the limit."""
    splitter = LineSplitter(4)
    assert splitter.feed(b"abcd\r") == []
    assert not splitter.too_long
    assert splitter.feed(b"\n") == [b"abcd"]


def test_nothing_is_read_after_a_line_that_is_too_long() -> None:
    """FACTS R-62: what comes before the long line counts, what comes behind it does not."""
    assert lines_of([b"one\n" + b"x" * 11 + b"\ntwo\n", b"three\n"], limit=10) == ([b"one"], True)
