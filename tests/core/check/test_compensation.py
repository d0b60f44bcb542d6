"""Sagas that compensate: what they are promised, and what becomes of one that hangs in it."""

from tests.core.check.returns import FORGETFUL, RETURNS
from tests.core.check.running import run

from saga_core.check import COMPLETES, ENDS, SETTLES, Report, replay

ORDER = (("order", 1),)


def stuck() -> Report:
    """The check of the saga that hangs as it compensates."""
    return run(ORDER, FORGETFUL)


def test_a_saga_that_compensates_keeps_every_promise() -> None:
    """DESIGN 4, liveness: it completes if nobody refuses, and ends by itself whoever does."""
    report = run((("order", 2),), RETURNS)
    assert (report.verdict, report.complete) == ("holds", True)
    assert report.properties[COMPLETES] == report.properties[SETTLES] == "holds"


def test_one_that_hangs_as_it_compensates_is_found() -> None:
    """DESIGN 4, liveness: that its deadline would end it in the end is not enough."""
    report = stuck()
    found = report.counterexample
    assert report.verdict == "violated"
    assert found is not None
    assert (found.promise, found.sentence) == (SETTLES, "saga 1 stays in flight for ever")
    assert report.properties[ENDS] == report.properties[COMPLETES] == "holds"
    assert {"failure", "answer"} <= {cue.move for cue in found.capsule.moves}


def test_such_a_run_replays() -> None:
    """DESIGN 4: its capsule breaks with the saga that hangs, and not with the mended one."""
    found = stuck().counterexample
    assert found is not None
    broken, mended = replay(found.capsule, FORGETFUL), replay(found.capsule, RETURNS)
    assert (broken.verdict, broken.promise) == ("breaks", SETTLES)
    assert mended.verdict == "holds"


def test_without_refusals_nobody_promises_an_end_after_one() -> None:
    """DESIGN 4: a promise about a fault that can't happen is none."""
    report = run(ORDER, RETURNS, faults=frozenset({"deadline", "disconnect"}))
    assert SETTLES not in report.properties
