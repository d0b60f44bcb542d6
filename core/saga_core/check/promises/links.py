"""Which connections a link knows, and which of them a command is with (rules of `engine.links`).

1.  A connection that ended is known to no link. It ended if the event says so, or if this step
    hung up. No other connection leaves its link.
2.  A link knows a connection once. The newest one stays so until it ends or a newer one comes; an
    older one is never the newest again (FACTS R-24).
3.  A command stays with the connection that it was sent over, and is not sent again, until that
    connection has left its link (R-17).
4.  An answer is awaited where it can come: on a connection that the link knows.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from saga_core.engine.effects import CloseConnection, Effect
from saga_core.engine.events import ConnectionClosed, Event
from saga_core.engine.history import Violation
from saga_core.engine.ordered import sorted_items, sorted_keys
from saga_core.engine.state import Awaiting, Link, State
from saga_core.engine.waiting import step_of


def connections_hold(
    before: State[Any], event: Event, after: State[Any], effects: tuple[Effect, ...]
) -> Iterator[Violation]:
    """What is wrong with the connections that links know after a step (rules 1 and 2)."""
    ended = [effect.connection for effect in effects if isinstance(effect, CloseConnection)]
    if isinstance(event, ConnectionClosed):
        ended.append(event.connection)
    if ended or after.links is not before.links:
        for target, link in sorted_items(after.links):
            yield from link_holds(target, before.links[target], link, ended)


def link_holds(target: str, old: Link, new: Link, ended: Collection[int]) -> Iterator[Violation]:
    """What is wrong with one link after a step in which these connections ended."""
    knew, known = connections_of(old), connections_of(new)
    if len(set(known)) < len(known):
        yield Violation("dispatch", f"{target} knows a connection twice: {known}")
    for connection in known:
        if connection in ended:
            yield Violation("dispatch", f"{target} knows connection {connection}, which ended")
    for connection in knew:
        if connection not in known and connection not in ended:
            yield Violation("dispatch", f"{target} forgets connection {connection}, which lives")
    if new.connection in old.older:
        yield Violation("dispatch", f"{target} falls back to older connection {new.connection}")
    if new.connection is None and old.connection in new.older:
        yield Violation("dispatch", f"{target} gives up connection {old.connection}, which lives")


def left_too_early(
    before: State[Any], after: State[Any], saga_id: int, *, sent: bool
) -> Violation | None:
    """Whether a saga's command left a connection that lives (rule 3); `sent` by this step."""
    earlier, step = step_of(before, saga_id), step_of(after, saga_id)
    if earlier is None or earlier.connection is None:
        return None
    if step is None or step.step_index != earlier.step_index:
        return None
    left = sent or step.connection != earlier.connection
    if not left or earlier.connection not in connections_of(after.links[step.target]):
        return None
    sentence = f"saga {saga_id} leaves connection {earlier.connection}, which lives"
    return Violation("dispatch", sentence)


def answers_can_come(after: State[Any], changed: Iterable[int] | None) -> Iterator[Violation]:
    """Where a saga awaits an answer that can't come (rule 4).

    `changed`: None, if any saga may be one.
    """
    for saga_id in sorted_keys(after.sagas) if changed is None else changed:
        broken = unreachable(saga_id, step_of(after, saga_id), after)
        if broken is not None:
            yield broken


def unreachable(saga_id: int, step: Awaiting | None, state: State[Any]) -> Violation | None:
    """Whether a saga awaits its answer on a connection that its link doesn't know (rule 4)."""
    if step is None or step.connection is None:
        return None
    link = state.links[step.target]
    if step.connection == link.connection or step.connection in link.older:
        return None
    sentence = f"saga {saga_id} awaits an answer on connection {step.connection}"
    return Violation("dispatch", f"{sentence}, which ended")


def connections_of(link: Link) -> tuple[int, ...]:
    """All that a link knows, the newest last."""
    return link.older if link.connection is None else (*link.older, link.connection)
