"""Every saga that the tests drive through every point of its life.

A new saga gets in with one `Case`: a run that opens it, and the event that starts it. How its
peers answer stands in the run's `answer_to`.
"""

from collections.abc import Callable, Iterator
from typing import Any

from msgspec import Struct
from tests.core.agentmux.launcher import Launcher
from tests.core.agentmux.reporter import ReporterLauncher
from tests.core.engine.order_app import Placed
from tests.core.engine.store import Store
from tests.core.harness import PeeredRun, sent

from saga_core.agentmux.events import PoolWindowPromoted, WindowClosed
from saga_core.engine import Event


class Case(Struct, frozen=True):
    """One saga: what it runs in, what starts it, and how many commands its peers get."""

    name: str
    world: Callable[[], PeeredRun[Any]]
    trigger: Event
    commands: int

    def __str__(self) -> str:
        """The name that a test report shows."""
        return self.name


CASES = (
    Case("pool_respawn", Launcher, PoolWindowPromoted("w", 0), commands=1),
    Case("window_cleanup, drained", Launcher, WindowClosed("main", 0), commands=2),
    Case("window_cleanup, not last", lambda: Launcher(was_last=False), WindowClosed("b", 0), 2),
    Case("a saga that reports to the launcher", ReporterLauncher, PoolWindowPromoted("w", 0), 1),
    Case("fulfil", Store, Placed("book"), commands=3),
)


def script_of(case: Case) -> tuple[Event, ...]:
    """What comes in, from the trigger on, when everything goes well."""
    run = case.world()
    run.join_peers()
    script = [case.trigger]
    waiting = sent(run.give(case.trigger))
    while waiting:
        script.append(run.answer_to(waiting.pop(0)))
        waiting += sent(run.give(script[-1]))
    assert list(run.endings().values()) == ["completed"]
    assert len(script) == case.commands + 1
    return tuple(script)


def points_of(case: Case) -> Iterator[tuple[PeeredRun[Any], tuple[Event, ...]]]:
    """A run at each point at which the saga is in flight, and what would come in next."""
    script = script_of(case)
    for done in range(1, len(script)):
        run = case.world()
        run.join_peers()
        run.give(*script[:done])
        assert run.in_flight == [1]
        yield run, script[done:]
