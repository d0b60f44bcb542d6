"""What waits for a peer: no more than may, in order, and none of it is lost (DESIGN 4, I2, I7)."""

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from saga_core.engine import reasons
from saga_core.engine.history import History, Violation
from saga_core.engine.ordered import sorted_items
from saga_core.engine.records import SagaClosed
from saga_core.engine.state import Awaiting, Link, State


def buffers_hold(history: History, state: State[Any]) -> Iterator[Violation]:
    """What is wrong with the buffers as they are; `history` has the order of issue."""
    for target, link in sorted_items(state.links):
        if link.buffer:
            yield from _buffer_holds(history, state, target, link)


def frames_stay(before: State[Any], after: State[Any], sent: Iterable[int]) -> Iterator[Violation]:
    """A command leaves its buffer by being sent or answered, or with its saga (FACTS R-01)."""
    left = buffered(before) - buffered(after)
    for saga_id in sorted(left.difference(sent)):
        step, earlier = step_of(after, saga_id), step_of(before, saga_id)
        if step is not None and earlier is not None and step.step_index == earlier.step_index:
            yield Violation("I7", f"the command of saga {saga_id} vanished from its buffer")


def overflow_is_due(
    before: State[Any], after: State[Any], closed: Collection[SagaClosed], touched: Collection[int]
) -> Iterator[Violation]:
    """A buffer that is full loses its oldest commands; one with room loses none (FACTS R-29).

    After the step it is full as well, but for what the step took from it otherwise. `closed` are
    the rows that the step closed, `touched` the sagas that it touched.
    """
    for target, link in sorted_items(after.links):
        reason = reasons.overflow(target)
        dropped = [row.saga_id for row in closed if row.reason == reason]
        if not dropped:
            continue
        taken = [one for one in touched if one not in dropped and one not in link.buffer]
        if len(link.buffer) + len(taken) < after.config.buffer_cap:
            sentence = f"sagas {dropped} are pushed out of the buffer of {target}, which has room"
            yield Violation("I7", sentence)
        kept = [step.issued for one in link.buffer if (step := step_of(after, one)) is not None]
        for saga_id in dropped:
            if _issued(before, saga_id) > min(kept, default=after.counters.next_sequence):
                sentence = f"saga {saga_id} is pushed out of the buffer of {target}"
                yield Violation("I7", f"{sentence}, which keeps an older command")


def _issued(before: State[Any], saga_id: int) -> int:
    """When the last command of a saga that ended was issued, at the earliest."""
    step = step_of(before, saga_id)
    return step.issued if step is not None else before.counters.next_sequence


def _buffer_holds(
    history: History, state: State[Any], target: str, link: Link
) -> Iterator[Violation]:
    size, cap = len(link.buffer), state.config.buffer_cap
    if size > cap:
        yield Violation("I7", f"{size} commands wait for {target}, over {cap}")
    stories, flights = history.stories, state.sagas
    issued = [story.issued for saga_id in link.buffer if (story := stories.get(saga_id))]
    if issued != sorted(issued):
        yield Violation("I7", f"the buffer of {target} is out of order: {link.buffer}")
    if link.connection is not None:
        yield Violation("I7", f"{target} is connected, yet commands wait: {link.buffer}")
    waiting = [flights.get(saga_id) for saga_id in link.buffer]
    if any(flight is None or flight.awaiting is None for flight in waiting):
        yield Violation("I2", f"ended sagas wait for {target}: {link.buffer}")


def buffered(state: State[Any]) -> set[int]:
    """The sagas whose command waits for a peer."""
    return {saga_id for _, link in sorted_items(state.links) for saga_id in link.buffer}


def step_of(state: State[Any], saga_id: int) -> Awaiting | None:
    """The step whose answer a saga awaits, if it is in flight and awaits one."""
    flight = state.sagas.get(saga_id)
    return flight.awaiting if flight is not None else None
