"""Random lives of whole runs, for the launcher and for the shop alike.

What can happen in a state is weighed, so that runs get far: peers mostly answer, now and then a
socket ends or a timer fires. `Run` holds every step to all promises; what is asserted here is what
only a whole life can show.
"""

from collections.abc import Callable
from typing import ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from tests.core.harness import of
from tests.core.life import Life, launcher_life, shop_life

from saga_core.engine import SagaStarted, ShutdownRequested
from saga_core.engine.ordered import sorted_keys


class Machine(RuleBasedStateMachine):
    """One life; a subclass says of what."""

    life: ClassVar[Callable[[], Life]]

    def __init__(self) -> None:
        super().__init__()
        self.it = type(self).life()

    @rule(data=st.data())
    def something_happens(self, data: st.DataObject) -> None:
        """One move, the likelier ones more often."""
        self.it.go_on(lambda these: data.draw(st.sampled_from(these)))

    @invariant()
    def log_and_bus_agree(self) -> None:
        """FACTS R-01: what is in flight, what the rows say and what the bus told are one story."""
        run = self.it.run
        rows = run.rows.sagas
        running = [saga_id for saga_id, row in rows.items() if row.state == "running"]
        assert sorted(running) == sorted_keys(run.state.sagas)
        ends = {saga_id: rows[saga_id].reason or "completed" for saga_id in run.rows.ended}
        assert run.endings() == ends
        assert [event.saga_id for event in of(SagaStarted, run.bus)] == list(rows)

    def teardown(self) -> None:
        """DESIGN 4, liveness: a shutdown ends what is left, and nothing stays armed."""
        run = self.it.run
        run.give(ShutdownRequested("SIGTERM"))
        assert run.in_flight == []
        assert run.timers == set()
        assert len(run.endings()) == len(run.rows.sagas)


class LauncherMachine(Machine):
    """Lives of the launcher."""

    life = staticmethod(launcher_life)


class ShopMachine(Machine):
    """Lives of the shop."""

    life = staticmethod(shop_life)


@pytest.mark.parametrize("machine", [LauncherMachine, ShopMachine])
def test_no_life_breaks_a_promise(machine: type[Machine]) -> None:
    """DESIGN 4, FACTS F-19, F-29, F-38, R-01: whatever happens, in whatever order, all holds."""
    few = settings(max_examples=30, stateful_step_count=40, deadline=None)
    run_state_machine_as_test(machine, settings=few)
