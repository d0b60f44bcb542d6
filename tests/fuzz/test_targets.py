"""The fuzzed functions under Hypothesis, on their seeds, and on whatever once broke them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.agentmux.launcher import Launcher
from tests.fuzz.seeds import CONVERSATION, LINES, SEEDS
from tests.fuzz.targets import TARGETS, converse, decode, split

FOUND = sorted((Path(__file__).parent / "found").glob("*"))

spoilt = st.builds(
    lambda line, at, piece: line[: at % len(line)] + piece + line[at % len(line) :],
    st.sampled_from(LINES),
    st.integers(0, 1_000),
    st.binary(max_size=4),
)
"""A line of the tables with some bytes put in."""

said = st.builds(lambda who, line: bytes([who]) + line, st.integers(0, 255), spoilt)


@pytest.mark.parametrize("target", TARGETS.values(), ids=list(TARGETS))
def test_seeds_and_finds_break_nothing(target: Callable[[bytes], None]) -> None:
    """RELIABILITY 8: what the fuzzer starts from, and what it once found, breaks nothing."""
    for data in (*SEEDS, *(path.read_bytes() for path in FOUND)):
        target(data)


@given(st.one_of(st.binary(max_size=300), spoilt))
def test_no_bytes_make_a_decoder_raise(data: bytes) -> None:
    """RELIABILITY 8, FACTS 2.2: a message or a short reason, whatever comes."""
    decode(data)


@given(st.lists(st.one_of(st.sampled_from([b"\n", b"\r", b"\r\n", b" "]), spoilt)).map(b"".join))
def test_no_cut_changes_the_lines(data: bytes) -> None:
    """FACTS 2.1: lines don't depend on how the stream comes in."""
    split(data)


@settings(max_examples=60)
@given(st.lists(said, max_size=30).map(b"\n".join))
def test_no_conversation_breaks_a_promise(data: bytes) -> None:
    """DESIGN 4, I1 to I9: right and wrong lines, in any order, from anybody."""
    converse(CONVERSATION + b"\n" + data)


def test_the_seed_runs_both_sagas(monkeypatch: pytest.MonkeyPatch) -> None:
    """The conversation that the fuzzer starts from opens a saga of each kind and ends both."""
    runs: list[Launcher] = []

    class Kept(Launcher):
        """Remembers that it was made."""

        def __init__(self) -> None:
            super().__init__()
            runs.append(self)

    monkeypatch.setattr("tests.fuzz.targets.Launcher", Kept)
    converse(CONVERSATION)
    assert runs[0].endings() == {1: "completed", 2: "completed"}
