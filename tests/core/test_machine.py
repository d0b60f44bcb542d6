"""Random lives of whole runs, for the launcher and for the shop alike.

What can happen in a world is weighed, so that lives get far. `SagaMachine` holds each step to every
promise, and each end to liveness; what is asserted here besides is what only a whole life can show.
"""

from typing import ClassVar

import pytest
from hypothesis import settings
from hypothesis.stateful import invariant, run_state_machine_as_test
from tests.core.lives import FULFILMENT
from tests.core.story import Story

from saga_core.check import Scope
from saga_core.check.agentmux import SCENARIO
from saga_core.check.runs.capsule import Cue
from saga_core.check.runs.stage import Deed, Stage, Taken
from saga_core.engine import Reducer, ShutdownRequested
from saga_core.engine.ordered import sorted_keys
from saga_shell.testing import Life, SagaMachine


class Told(SagaMachine):
    """A life and its story; a subclass says of what."""

    busy: ClassVar[int] = 8

    def began(self, life: Life) -> None:
        """Nothing was told yet."""
        super().began(life)
        self.story = Story()

    def followed(self, taken: Taken) -> None:
        """The move is told."""
        super().followed(taken)
        self.story.follow(taken)

    @invariant()
    def log_and_bus_agree(self) -> None:
        """FACTS R-01: what is in flight, what the rows say and what the bus told are one story."""
        state, faults = self.life.here.state, self.life.stage.scope.faults
        if state is not None:
            self.story.agrees_with(state)
        if not {"crash", "log"} <= faults:
            self.story.agrees_with_itself()
        assert "crash" in faults or self.story.is_complete()

    def ended(self, life: Life) -> None:
        """DESIGN 4, liveness: a shutdown ends what is left, and nothing stays armed."""
        super().ended(life)
        before = life.here.state
        if before is None:
            return
        event = ShutdownRequested("SIGTERM")
        after, effects = Reducer(life.stage.scenario.application).step(before, event)
        self.story.hear(Deed(event, effects))
        assert sorted_keys(after.sagas) == self.story.running == []
        assert self.story.timers == set()
        self.story.agrees_with(after)


class LauncherMachine(Told):
    """Lives of the launcher."""

    scenario = SCENARIO


class ShopMachine(Told):
    """Lives of the shop."""

    scenario = FULFILMENT


@pytest.mark.parametrize("machine", [LauncherMachine, ShopMachine])
def test_no_life_breaks_a_promise(machine: type[Told]) -> None:
    """DESIGN 4, FACTS F-19, F-29, F-38, R-01: whatever happens, in whatever order, all holds."""
    few = settings(max_examples=40, stateful_step_count=40, deadline=None)
    run_state_machine_as_test(machine, settings=few)


def test_a_process_that_dies_over_a_healed_log_has_all_rows_in_it() -> None:
    """FACTS R-44: the rows that waited are durable before the process hears of it."""
    stage = Stage(SCENARIO, Scope((("pool_respawn_on_promote", 1),)))
    here, story = stage.first(), Story()
    for cue in (
        Cue("log"),
        Cue("trigger", saga="pool_respawn_on_promote"),
        Cue("heal", dies_after=0),
    ):
        taken = stage.play(here, cue)
        assert taken is not None
        story.follow(taken)
        here = taken.here
    assert here.state is None
    assert story.running == [row.saga_id for row in here.down.rows] == [1]
