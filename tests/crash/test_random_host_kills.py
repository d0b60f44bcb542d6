"""The host, or launcher and host at once, end with SIGKILL at random moments under load."""

import random
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from tests.crash.household import Household
from tests.crash.load import finished
from tests.crash.test_random_kills import KILLS
from tests.crash.verdict import assert_rows_are_settled, assert_same_story, brackets, judge_next
from tests.e2e.outside import Message, Peer, Place, Running
from tests.processes import kill

LOAD_SECONDS = 0.6
WORK = "repeat 20 promote;close oldest"
"""What the user does: windows come and go, each refilled and cleaned up by a saga."""

SILENCE = "fault spawn_pool_window:ignore; promote"
"""A user whose saga is not answered: it is in flight whenever its launcher dies."""


@pytest.fixture
def household(place: Place) -> Iterator[Household]:
    """A launcher's directory with a user."""
    household = Household(place)
    yield household
    household.close()


class HostKills:
    """One data directory over all its launchers and hosts."""

    def __init__(self, household: Household, chance: random.Random) -> None:
        self.seen: Counter[str] = Counter()
        self._household = household
        self._place = household.place
        self._chance = chance
        self._recovered: frozenset[int] = frozenset()

    def one_of_each(self, last_work: str) -> None:
        """A launcher whose host dies at some moment, and later both at once, in the last work."""
        running = self._household.start()
        tool = self._place.connect()
        tool.register("tool", 7)
        self._kill_host(tool)
        self._kill_both(running, tool, last_work)

    def _kill_host(self, tool: Peer) -> None:
        first = self._work(tool, WORK)
        panes = self._household.panes()
        kill(first)
        tool.until(event="process_exited", pid=first)
        self._household.wait_until_panes_are_gone(panes)
        next_host(tool, after=first)
        while open_sagas(tool):
            tool.until_one(lambda m: m.get("event") in {"saga_completed", "saga_failed"})

    def _kill_both(self, running: Running, tool: Peer, work: str) -> None:
        host = self._work(tool, work)
        for pid in self._chance.sample([running.process.pid, host], 2):
            kill(pid)
        running.kill()
        tool.until_end()
        self._household.wait_until_panes_are_gone(self._household.panes())
        self._judge(tool)

    def _work(self, tool: Peer, work: str) -> int:
        """Let the user work for a while; the pid of the host that does it."""
        pid = next_host(tool)
        self._household.act(work)
        tool.until(event="saga_started")
        time.sleep(self._chance.uniform(0, LOAD_SECONDS))
        return pid

    def _judge(self, tool: Peer) -> None:
        running = self._place.launch()
        known = judge_next(self._place, tool, self._recovered)
        self.seen += Counter(finished(tool).values())
        self.seen["recovered"] += len(known - self._recovered)
        self._recovered = known
        assert running.terminate() == 0
        assert_rows_are_settled(self._place)
        assert_same_story(self._place, tool)


def next_host(tool: Peer, after: int = 0) -> int:
    """The pid of the host that lives, another one than `after`; waits for it."""
    live = {m["pid"]: m for m in _hosts(tool.events())}
    if not live.keys() - {after}:
        live = {m["pid"]: m for m in [tool.until(event="process_spawned", kind="host")]}
    return int(max(live.keys() - {after}, key=lambda pid: live[pid]["version"]))


def open_sagas(tool: Peer) -> set[int]:
    """The brackets that this subscriber holds."""
    return brackets(tool.heard, "saga_started").keys() - finished(tool).keys()


def _hosts(events: list[Message]) -> list[Message]:
    return [m for m in events if m["event"] == "process_spawned" and m["kind"] == "host"]


@pytest.mark.timeout(60 + 20 * KILLS)
def test_random_kills_of_the_host_and_of_both_lose_nothing(household: Household) -> None:
    """RELIABILITY 4, FACTS R-17, R-21: every saga ends, no pane lives on, rows and bus agree."""
    seed = 1
    kills = HostKills(household, random.Random(seed))
    for number in range(KILLS // 4):
        try:
            kills.one_of_each(WORK if number else SILENCE)
        except AssertionError as broken:
            raise AssertionError(f"seed {seed}, round {number}: {broken}") from broken
    assert kills.seen["saga_completed"]
    assert kills.seen["recovered"]
