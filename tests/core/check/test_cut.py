"""A search that was cut says so, and never that anything holds."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from tests.core.check.link_mutants import purge_forgotten
from tests.core.check.running import BOTH, POOL, run, watch

from saga_core.check import Limits, Progress, Scope, Watch, check, checker
from saga_core.check.agentmux import SCENARIO


@pytest.mark.parametrize(
    ("limits", "cut"),
    [
        (Limits(states=100), "over the limit of 100 states"),
        (Limits(seconds=0.0), "out of time after 0 s"),
    ],
)
def test_limits_leave_it_undetermined(limits: Limits, cut: str) -> None:
    """DESIGN 4: out of time or memory: nothing is said to hold."""
    report = run(BOTH, limits=limits)
    assert (report.verdict, report.complete, report.cut) == ("undetermined", False, cut)
    assert set(report.properties.values()) == {"undetermined"}


def test_the_second_search_can_be_cut_too() -> None:
    """DESIGN 4: the first search holds, the one for liveness was cut: undetermined."""
    report = run(BOTH, faults=frozenset({"deadline"}), limits=Limits(states=200))
    assert report.states < 200
    assert report.properties["I1"] == "holds"
    assert report.properties["completes"] == "undetermined"
    assert report.verdict == "undetermined"


CUTS = [(KeyboardInterrupt, "interrupted"), (MemoryError, "out of memory")]
"""What may be raised anywhere, and how the report calls it."""


@pytest.mark.parametrize(("raised", "cut"), CUTS)
@pytest.mark.parametrize("look", [3, 4, 5])
def test_what_is_raised_leaves_it_undetermined(
    look: int, raised: type[BaseException], cut: str
) -> None:
    """DESIGN 4: a check that is cut reports what it saw so far, in whichever search it was."""
    report = check(SCENARIO, Scope(POOL), Watch(raising_at(look, raised), lambda _: None))
    assert (report.verdict, report.complete, report.cut) == ("undetermined", False, cut)


def raising_at(look: int, raised: type[BaseException]) -> Callable[[], float]:
    """A clock that raises at that look, and on which time stands still."""
    looks = 0

    def clock() -> float:
        nonlocal looks
        looks += 1
        if looks == look:
            raise raised
        return 0.0

    return clock


@pytest.mark.parametrize(("raised", "cut"), CUTS)
def test_what_broke_stays_broken_where_its_telling_is_cut(
    raised: type[BaseException], cut: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DESIGN 4: the promise is violated, though without its run; of the others nothing is said."""

    def tell(*_: object, **__: object) -> None:
        raise raised

    purge_forgotten(monkeypatch)
    monkeypatch.setattr(checker, "tell", tell)
    report = run(POOL)
    assert (report.verdict, report.cut, report.counterexample) == ("violated", cut, None)
    assert report.properties["I2"] == "violated"
    assert report.properties["I1"] == "undetermined"


def test_progress_is_told_each_second() -> None:
    """DESIGN 6: long work shows how far it is."""
    told: list[Progress] = []
    check(SCENARIO, Scope(BOTH), Watch(each_look_takes(0.6), told.append))
    assert len(told) > 1
    first = told[:2]
    assert [p.states for p in first] == sorted(p.states for p in first)
    assert all(later.seconds - earlier.seconds >= 1 for earlier, later in pairwise(first))


def each_look_takes(seconds: float) -> Callable[[], float]:
    """A clock that goes on by so much at every look."""
    now = 0.0

    def look() -> float:
        nonlocal now
        now += seconds
        return now

    return look


def test_a_check_counts_what_it_does() -> None:
    """DESIGN 4: the report tells how often `step` was called, and how deep the search went."""
    report = check(SCENARIO, Scope(POOL), watch())
    assert report.step_calls > report.reducer_states
    assert report.depth > 4
    assert report.seconds > 0
