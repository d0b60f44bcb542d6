"""The launcher ends with SIGKILL at random moments under load, again and again on the same data.

`SAGA_KILLS` says how often in all; a nightly run takes 500 or more. A failure names its seed.
"""

import os
import random
import time
from collections import Counter

import pytest
from tests.crash.load import Load, finished
from tests.crash.verdict import brackets, judge_next
from tests.e2e.outside import Place

KILLS = int(os.environ.get("SAGA_KILLS", "40"))
"""How many kills, the host's and those of both included."""

SEEDS = (1, 2)
LOAD_SECONDS = 0.6
START_SECONDS = 0.4
EARLY_ONE_IN = 5
"""The last kill of so many comes while the launcher still starts and recovers."""


class Kills:
    """One data directory and what was seen of it, over all its launchers."""

    def __init__(self, place: Place, seed: int) -> None:
        self.seen: Counter[str] = Counter()
        self._place = place
        self._chance = random.Random(seed)
        self._recovered: frozenset[int] = frozenset()
        self._highest = 0

    def under_load(self, *, late: bool) -> None:
        """Load a launcher, kill it at some moment, judge it by the next one.

        Late: not before it has done something, however slow the machine is.
        """
        running = self._place.launch()
        load = Load(self._place)
        if late:
            load.wait_until_one_completed()
        time.sleep(self._chance.uniform(0, LOAD_SECONDS))
        running.kill()
        load.join()
        self._judge(load)

    def at_the_start(self) -> None:
        """Kill a launcher before it listens, or right after."""
        running = self._place.start("--no-host")
        time.sleep(self._chance.uniform(0, START_SECONDS))
        running.kill()
        self.seen["killed at the start"] += 1

    def one(self, number: int) -> None:
        """The kill of that number: chance must not say which kind it is, or a run can miss one."""
        if (number + 1) % EARLY_ONE_IN:
            self.under_load(late=number == 0)
        else:
            self.at_the_start()

    def _judge(self, load: Load) -> None:
        running = self._place.launch()
        known = judge_next(self._place, load.tool, self._recovered)
        started = brackets(load.tool.heard, "saga_started").keys()
        assert all(saga_id > self._highest for saga_id in started), "an id was used twice"
        highest = "select coalesce(max(saga_id), 0) from launcher_saga"
        ((self._highest,),) = self._place.rows(highest)
        self.seen += Counter(finished(load.tool).values())
        self.seen["recovered"] += len(known - self._recovered)
        self._recovered = known
        running.kill()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.timeout(60 + 10 * KILLS)
def test_random_kills_under_load_lose_nothing(place: Place, seed: int) -> None:
    """DESIGN 4: rows, bus and ids tell one story, whenever the launcher dies, and however often."""
    kills = Kills(place, seed)
    for number in range(KILLS // 2 // len(SEEDS)):
        try:
            kills.one(number)
        except AssertionError as broken:
            raise AssertionError(f"seed {seed}, kill {number}: {broken}") from broken
    assert kills.seen["saga_completed"]
    assert kills.seen["recovered"]
    assert kills.seen["killed at the start"]
