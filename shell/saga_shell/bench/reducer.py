"""`reducer`: transitions through `step` with many sagas in flight, against bare `PMap`s.

The measured sagas are driven as in production, by the commands of a registered host; the others
were opened by bus events and wait for their answers. `step` is all that is measured.
"""

import gc
import time
from collections.abc import Callable, Iterator
from itertools import cycle

from msgspec import Struct
from pyrsistent import PMap, pmap

from saga_core.agentmux import AgentMux, Mirror
from saga_core.agentmux.commands import (
    Register,
    ReportPanesReaped,
    ReportPoolDrainDecision,
    ReportPoolWindowAdded,
    ReportPoolWindowPromoted,
    ReportWindowClosed,
    ReportWindowOpened,
)
from saga_core.agentmux.events import WindowClosed
from saga_core.engine import (
    UNSTAMPED,
    Command,
    CommandReceived,
    ConnectionOpened,
    Event,
    InFlight,
    Reducer,
    State,
)
from saga_core.engine.ordered import sorted_items
from saga_shell.bench import bare_map
from saga_shell.bench.figures import Goal, Run, at_least, at_most
from saga_shell.bench.place import Place
from saga_shell.bench.sizes import Sizes

HOST = 1
"""The host's connection."""

CHUNK = 20
"""Sagas that are measured before their limit has its turn."""

SHARE_OF_BARE = at_least(0.5)
LONGEST_STEP_MS = at_most(50)
GROWTH = {100_000: at_most(2), 1_000_000: at_most(3)}
"""How much more a transition may cost with so many others than with the fewest."""

TOLD_EVERY = 10_000

Step = Callable[[State[Mirror], Event], State[Mirror]]
Story = Callable[[int], tuple[Command, ...]]


class Stage(Struct, frozen=True):
    """So many others are in flight; to bring them there, no step took longer than this."""

    others: int
    state: State[Mirror]
    longest: float

    def bare(self) -> PMap[int, InFlight]:
        """A bare map that is as large as the registry."""
        return pmap(dict(sorted_items(self.state.sagas)))


def prepare(sizes: Sizes, place: Place) -> Callable[[Place], Run]:
    """Bring the others in flight; the rest is for each run to measure."""
    stages = tuple(_stages(sorted(sizes.others), place))

    def measure(place: Place) -> Run:
        run = Run()
        for stage in stages:
            for name, story in STORIES.items():
                place.tell(f"{name} beside {stage.others:,} others")
                _measure(run, name, story, stage, sizes.steps)
        _compare(run, stages)
        return run

    return measure


def cleanup(saga_id: int) -> tuple[Command, ...]:
    """A window is closed; its panes are reaped; the pool stays."""
    label = f"measured-{saga_id}"
    return (
        ReportWindowClosed(label),
        ReportPanesReaped(label, saga_id),
        ReportPoolDrainDecision(label, False, saga_id),
    )


def respawn(saga_id: int) -> tuple[Command, ...]:
    """A pool window is promoted and replaced."""
    return ReportPoolWindowPromoted("promoted"), ReportPoolWindowAdded("", saga_id)


STORIES: dict[str, Story] = {"cleanup": cleanup, "respawn": respawn}


def with_host() -> State[Mirror]:
    """A state in which a host is registered and one window stays open."""
    state = _REDUCER.initial_state()
    for event in (
        ConnectionOpened(HOST),
        CommandReceived(HOST, Register("host", 1, "bench")),
        _says(ReportWindowOpened("main", "full_instance", None)),
    ):
        state = _REDUCER.step(state, event)[0]
    return state


def beside(
    state: State[Mirror], wanted: int, on_step: Callable[[int, float], None] = lambda *_: None
) -> State[Mirror]:
    """`state` with `wanted` sagas in flight; `on_step` gets their number and the CPU seconds."""
    for in_flight in range(len(state.sagas), wanted):
        event = WindowClosed(f"other-{in_flight}", UNSTAMPED, False)
        begin = time.thread_time()
        state = _REDUCER.step(state, event)[0]
        on_step(in_flight, time.thread_time() - begin)
    return state


def _stages(others: list[int], place: Place) -> Iterator[Stage]:
    state, longest = with_host(), 0.0

    def on_step(in_flight: int, seconds: float) -> None:
        nonlocal longest
        longest = max(longest, seconds)
        if in_flight % TOLD_EVERY == 0:
            place.tell(f"bring {wanted:,} sagas in flight: {in_flight:,}")

    for wanted in others:
        state = beside(state, wanted, on_step)
        yield Stage(wanted, state, longest)


def _measure(run: Run, name: str, story: Story, stage: Stage, sagas: int) -> None:
    """Sagas and their limit take turns, so that both see the same machine."""
    large, small = _touches(story, stage)
    flight = stage.state.sagas[1]
    registry, mirror = stage.bare(), bare_map.small_map(flight)
    keys = cycle(range(1, stage.others + 1))
    gc.collect()  # what was built for the measurement is no transition's garbage
    state, spent, bare, done = stage.state, 0.0, 0.0, 0
    for first in range(0, sagas, CHUNK):
        count = min(CHUNK, sagas - first)
        state, seconds, steps = some_sagas(state, story, count)
        spent, done = spent + seconds, done + steps
        begin = time.thread_time()
        for _ in range(count):
            bare_map.replay(large, registry, next(keys), flight)
            bare_map.replay(small, mirror, 0, flight)
        bare += time.thread_time() - begin
    measured, limit = f"{name}_{stage.others}", f"{name}_bare_{stage.others}"
    run.note(measured, done / spent, "transitions/s")
    run.note(limit, done / bare, "transitions/s")
    run.compare(f"{measured} / {limit}", measured, limit, SHARE_OF_BARE)


def some_sagas(state: State[Mirror], story: Story, count: int) -> tuple[State[Mirror], float, int]:
    """Sagas from their openings to their ends; the seconds and the number of their transitions."""
    events: list[Event] = []
    first = state.counters.next_saga_id
    for saga_id in range(first, first + count):
        state = _REDUCER.step(state, _window(saga_id))[0]
        events += [_says(command) for command in story(saga_id)]
    begin = time.thread_time()
    for event in events:
        state, _ = _REDUCER.step(state, event)
    return state, time.thread_time() - begin, len(events)


def _touches(story: Story, stage: Stage) -> tuple[bare_map.Touches, bare_map.Touches]:
    """What one saga asks of the registry, and of the mirror."""
    state = stage.state
    saga_id = state.counters.next_saga_id
    state = _REDUCER.step(state, _window(saga_id))[0]
    with bare_map.counting(len(stage.state.sagas)) as counted:
        for command in story(saga_id):
            state = _REDUCER.step(state, _says(command))[0]
    return counted.touches(large=True), counted.touches(large=False)


def _compare(run: Run, stages: tuple[Stage, ...]) -> None:
    fewest = stages[0].others
    for stage in stages[1:]:
        for name in STORIES:
            over, under = f"{name}_{fewest}", f"{name}_{stage.others}"
            goal: Goal | None = GROWTH.get(stage.others)
            run.compare(f"{over} / {under}", over, under, goal)
    longest = max(stage.longest for stage in stages) * 1_000
    run.note("longest_step", longest, "ms CPU", LONGEST_STEP_MS)


def _window(saga_id: int) -> CommandReceived:
    """A saga cleans up behind a window that was open."""
    return _says(ReportWindowOpened(f"measured-{saga_id}", "full_instance", None))


def _says(command: Command) -> CommandReceived:
    return CommandReceived(HOST, command)


_REDUCER = Reducer(AgentMux())
