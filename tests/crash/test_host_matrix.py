"""The real host, or host and launcher at once, end with SIGKILL at every point between two effects.

A run in CI takes one point in `STRIDE`; one with `SAGA_KILLS` at 500 or more takes all.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.crash.household import Household
from tests.crash.load import finished
from tests.crash.stories import DYING, SAGAS
from tests.crash.test_random_host_kills import next_host, open_sagas
from tests.crash.test_random_kills import KILLS
from tests.crash.verdict import assert_rows_are_settled, assert_same_story, brackets, judge_next
from tests.e2e.outside import Peer, Place, Running, wait_until
from tests.processes import is_running

NIGHTLY_KILLS = 500
STRIDE = 1 if KILLS >= NIGHTLY_KILLS else 7
ENDS = ("saga_completed", "saga_failed")


class Scene:
    """A launcher with its host, which has a window to close; the points begin when it is armed."""

    def __init__(self, place: Place, **environment: str) -> None:
        self.place = place
        place.program = (place.program[0], DYING)
        self.armed = place.directory / "armed"
        place.environment |= {"SAGA_ARMED_FILE": str(self.armed), **environment}
        self.household = Household(place)
        self.running: Running = self.household.start()
        self.tool: Peer = place.connect()
        self.tool.register("tool", 7)
        self.host = next_host(self.tool)
        self.household.act("promote")
        self.tool.until(event="saga_completed")

    def trigger(self, saga: str) -> None:
        """Let the user start that saga."""
        self.armed.touch()
        self.household.act("promote" if saga == SAGAS[0] else "close newest")


@contextmanager
def scene(**environment: str) -> Iterator[Scene]:
    """One of its own; all of it ends."""
    with tempfile.TemporaryDirectory(prefix="agmx-") as directory:
        place = Place(Path(directory))
        made = Scene(place, **environment)
        yield made
        made.household.close()
        place.end()


def points_of(saga: str, directory: Path) -> list[str]:
    """Every point from that saga's trigger to its end, each once, in order."""
    passed = directory / "points"
    with scene(SAGA_POINTS_FILE=str(passed)) as it:
        it.trigger(saga)
        it.tool.until(event="saga_completed")
        assert it.running.terminate() == 0
    points = list(dict.fromkeys(passed.read_text().splitlines()))
    first, last = "before commit SagaOpened StepOpened", "after Emit saga_completed"
    return points[points.index(first) : points.index(last) + 1]


def host_dies(it: Scene, saga: str) -> None:
    """The next host gets what was not answered; every saga ends; bus and rows tell the same."""
    it.trigger(saga)
    panes = it.household.panes()
    it.tool.until(event="process_exited", pid=it.host)
    next_host(it.tool, after=it.host)
    while open_sagas(it.tool):
        it.tool.until_one(lambda m: m.get("event") in ENDS)
    it.household.wait_until_panes_are_gone(panes)
    assert it.running.terminate() == 0
    assert_rows_are_settled(it.place)
    assert_same_story(it.place, it.tool)
    assert len(finished(it.tool)) == len(brackets(it.tool.heard, "saga_started"))


def both_die(it: Scene, saga: str) -> None:
    """The next launcher settles what was open, and no pane is left."""
    it.trigger(saga)
    it.tool.until_end()
    it.household.wait_until_panes_are_gone(it.household.panes())
    wait_until(lambda: not is_running(it.host), "the end of the host")
    it.place.program = (it.place.program[0], "-m", "saga_shell")
    it.place.launch()
    judge_next(it.place, it.tool, frozenset())


@pytest.mark.parametrize("saga", SAGAS)
@pytest.mark.timeout(900)
def test_host_and_both_die_at_every_point(saga: str, tmp_path: Path) -> None:
    """RELIABILITY 3, FACTS R-17: whoever dies, wherever: rows, bus and ids tell one story."""
    points = points_of(saga, tmp_path)
    assert {"after Emit saga_started", "after ArmTimer SagaDeadline"} <= set(points)
    for who, play, offset in (("host", host_dies, 0), ("both", both_die, STRIDE // 2)):
        for point in points[offset::STRIDE]:
            with scene(SAGA_CRASH_WHO=who, SAGA_CRASH_AT=point) as it:
                try:
                    play(it, saga)
                except AssertionError as broken:
                    raise AssertionError(f"{who} died {point}: {broken}") from broken
