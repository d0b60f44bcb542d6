"""A capsule is a text that stands on its own: what is wrong with one is said in one line."""

import msgspec
import pytest
from msgspec.structs import replace
from returns.result import Failure

from saga_core.check import FAULTS, Capsule, capsule_of, text_of
from saga_core.check.runs.capsule import FORMAT, KINDS, Bounds, Cue, scope_of

CAPSULE = Capsule(
    FORMAT,
    "shop.checks:SCENARIO",
    Bounds({"send": 2}, 1, 2, ("crash", "lost")),
    "I7",
    "the command of saga 1 vanished from its buffer",
    (
        Cue("connect", peer="warehouse", connection=1),
        Cue("trigger", saga="send", dies_after=3),
        Cue("start"),
        Cue("answer", saga_id=1, peer="warehouse", connection=1, command={"cmd": "do"}),
    ),
)


def refused(text: str) -> str:
    """Why a text is no capsule, which is one line."""
    match capsule_of(text):
        case Failure(problem):
            assert "\n" not in problem
            return str(problem)
        case other:
            raise AssertionError(f"{other} was read")


def test_a_capsule_reads_as_it_was_written() -> None:
    """DESIGN 4: nothing of a run is lost in its text, which has one move a line."""
    text = text_of(CAPSULE)
    assert capsule_of(text).unwrap() == CAPSULE
    assert '  {"move": "trigger", "saga": "send", "dies_after": 3},\n' in text
    assert msgspec.json.decode(text)["moves"][2] == {"move": "start"}


def test_a_run_without_moves_reads_too() -> None:
    """DESIGN 4: what is broken before anything happened has a capsule as well."""
    empty = replace(CAPSULE, moves=(), repeats=0)
    assert capsule_of(text_of(empty)).unwrap() == empty


def test_a_capsule_is_played_with_nothing_merged() -> None:
    """DESIGN 4: the scope is the one that it was found in, without the reductions."""
    scope = scope_of(CAPSULE)
    assert scope.sagas == (("send", 2),)
    assert (scope.buffer_cap, scope.connections) == (1, 2)
    assert scope.faults == {"crash", "lost"}
    assert scope.reductions == frozenset()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"moves": (Cue("dance"),)}, "unknown kind of move 'dance' at `$.moves[0]`"),
        ({"moves": (Cue("connect"),)}, "a move 'connect' needs peer, connection at `$.moves[0]`"),
        ({"moves": (Cue("start", dies_in=0),)}, "`dies_in` counts from 1"),
        ({"moves": (Cue("start", dies_after=-1),)}, "`dies_after` from 0"),
        ({"moves": (Cue("foreign event", event="x"),)}, "unknown foreign event 'x'"),
        ({"moves": (Cue("foreign event", event="answer"),)}, "needs peer, connection, command"),
        ({"repeats": 5}, "there is no move 5 to go round from at `$.repeats`"),
        ({"scope": Bounds({"send": 0}, 1, 2, ())}, "a count is too small at `$.scope`"),
        ({"scope": Bounds({}, -1, 2, ())}, "a count is too small at `$.scope`"),
        ({"scope": Bounds({}, 1, 0, ())}, "a count is too small at `$.scope`"),
        ({"scope": Bounds({}, 1, 2, ("rain",))}, "unknown fault 'rain' at `$.scope.faults`"),
        ({"format": "saga-capsule-9"}, "its format is 'saga-capsule-9', and only"),
    ],
)
def test_what_makes_no_sense_is_refused(change: dict[str, object], problem: str) -> None:
    """DESIGN 6: one line says what is wrong, where, and what to do."""
    told = refused(text_of(replace(CAPSULE, **change)))
    assert problem in told
    assert told.endswith("mend it, or have `check --capsule` write it anew")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "Input data was truncated"),
        ("[]", "Expected `object`, got `array`"),
        ("{}", "Object missing required field `format`"),
        (text_of(CAPSULE).replace('"connection": 1', '"connection": "1"', 1), "`$.moves[0].conn"),
        (text_of(CAPSULE).replace('"promise"', '"promises"'), "promises"),
        (text_of(CAPSULE).replace('"cmd": "do"', '"cmd": ' + "[" * 100_000), "recursion depth"),
    ],
)
def test_what_is_no_capsule_is_refused(text: str, problem: str) -> None:
    """DESIGN 6: a damaged file is told by the place of its first fault."""
    assert problem in refused(text)


def test_every_fault_has_its_move() -> None:
    """DESIGN 4: whatever can go wrong can be told in a capsule."""
    assert FAULTS.keys() <= KINDS.keys() | {"crash"}
