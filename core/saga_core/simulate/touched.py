"""The promises about sagas, commands and links that one step touched.

They read the state before and after it, and what log, bus and timers told so far (`stories`).
"""

from collections.abc import Mapping
from typing import Any

from saga_core.check.promises.links import (
    connections_of,
    left_too_early,
    link_holds,
    unreachable,
)
from saga_core.engine.effects import Dispatch
from saga_core.engine.events import FrameExpiry
from saga_core.engine.history import Violation
from saga_core.engine.ordered import sorted_items
from saga_core.engine.state import Awaiting, Link, State
from saga_core.engine.waiting import step_of
from saga_core.simulate.stories import Stories


def commands_fit(
    stories: Stories, newest: Mapping[str, int | None], before: State[Any], after: State[Any]
) -> Violation | None:
    """What is sent is what its saga awaits, on the newest connection, in the order of issue.

    It is sent again only if the connection that it was sent over before has ended.
    """
    issued = 0
    for saga_id, dispatch in stories.sent:
        flight = stories.touched[saga_id]
        step = flight.awaiting if flight is not None else None
        if step is None or not _is_awaited(dispatch, step):
            sentence = f"{dispatch.command} went to {dispatch.target}, and no saga awaits it there"
            return Violation("dispatch", sentence)
        if dispatch.connection != newest[dispatch.target]:
            return Violation("dispatch", f"saga {saga_id} goes to an older connection")
        told = stories.by_saga[saga_id]
        again = told.sent == step.step_index
        if dispatch.redelivery != again:
            return Violation("dispatch", f"saga {saga_id}: redelivery is {dispatch.redelivery}")
        broken = left_too_early(before, after, saga_id, sent=True) if again else None
        if broken is not None:
            return broken
        if step.issued < issued:
            return Violation("I7", f"saga {saga_id} is sent after a newer command")
        told.sent, issued = step.step_index, step.issued
    return None


def links_fit(
    stories: Stories,
    targets: tuple[str, ...],
    ended: list[int],
    before: State[Any],
    after: State[Any],
) -> Violation | None:
    """Links know what lives, buffers keep cap and order, what waits is kept and has its timer.

    `ended` are the connections that ended in this step.
    """
    sent = {saga_id for saga_id, _ in stories.sent}
    waiting = 0
    for target in targets:
        old, new = before.links[target], after.links[target]
        waiting += len(new.buffer)
        if new is old and not ended:
            continue
        broken = (
            next(link_holds(target, old, new, ended), None)
            or _buffer(stories, target, new, after)
            or (_came_back(new, before, after) if connections_of(old) else None)
            or _kept(sent, old, new, before, after)
            or (_all_reachable(target, after) if _lost(old, new) else None)
        )
        if broken is not None:
            return broken
    if waiting != len(stories.expiries):
        sentence = f"{waiting} commands wait, {len(stories.expiries)} expiries are armed"
        return Violation("timers", sentence)
    return None


def _buffer(stories: Stories, target: str, link: Link, after: State[Any]) -> Violation | None:
    size, cap = len(link.buffer), after.config.buffer_cap
    if size > cap:
        return Violation("I7", f"{size} commands wait for {target}, over {cap}")
    if link.connection is not None and size:
        return Violation("I7", f"{target} is connected, yet commands wait: {link.buffer}")
    newest = 0
    for saga_id in link.buffer:
        step = step_of(after, saga_id)
        if step is None:
            return Violation("I2", f"ended sagas wait for {target}: {link.buffer}")
        if step.issued < newest:
            return Violation("I7", f"the buffer of {target} is out of order: {link.buffer}")
        if FrameExpiry(saga_id, step.stay) not in stories.expiries:
            return Violation("timers", f"saga {saga_id} waits for {target} without an expiry")
        newest = step.issued
    return None


def _came_back(link: Link, before: State[Any], after: State[Any]) -> Violation | None:
    """What waits again has lost the connection that it was sent over."""
    found = (left_too_early(before, after, saga_id, sent=False) for saga_id in link.buffer)
    return next((broken for broken in found if broken is not None), None)


def _kept(
    sent: set[int], old: Link, new: Link, before: State[Any], after: State[Any]
) -> Violation | None:
    """A command leaves its buffer by being sent or answered, or with its saga (FACTS R-01)."""
    for saga_id in old.buffer if old.buffer is not new.buffer else ():
        if saga_id in new.buffer or saga_id in sent:
            continue
        step, earlier = step_of(after, saga_id), step_of(before, saga_id)
        if step is not None and earlier is not None and step.step_index == earlier.step_index:
            return Violation("I7", f"the command of saga {saga_id} left its buffer unsent")
    return None


def _lost(old: Link, new: Link) -> bool:
    """Whether a connection is no way to the peer any more; then no answer can come over it."""
    known = connections_of(new)
    return any(connection not in known for connection in connections_of(old))


def _all_reachable(target: str, after: State[Any]) -> Violation | None:
    for saga_id, flight in sorted_items(after.sagas):
        if flight.awaiting is not None and flight.awaiting.target == target:
            broken = unreachable(saga_id, flight.awaiting, after)
            if broken is not None:
                return broken
    return None


def _is_awaited(dispatch: Dispatch, step: Awaiting) -> bool:
    return (
        step.connection == dispatch.connection
        and step.target == dispatch.target
        and step.command == dispatch.command
    )
