"""Wrong variants that end every saga once, but not when they should, or send it the wrong way."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from saga_core.engine import (
    CloseConnection,
    Command,
    Config,
    FrameExpiry,
    Link,
    Saga,
    SagaDeadline,
    Timer,
    links,
    outputs,
    progress,
)
from saga_core.engine.ordered import sorted_items
from saga_core.engine.saga import DEFAULT_TIMEOUT_SECONDS
from saga_core.engine.state import InFlight
from saga_core.engine.turn import Turn

Mutant = Callable[[pytest.MonkeyPatch], None]
AnyTurn = Turn[Any]


def deadline_armed_at_each_step(patch: pytest.MonkeyPatch) -> None:
    """FACTS 3.1: each step of a saga has all the time that its steps have together."""
    original = progress._issue

    def issue(
        turn: AnyTurn, saga_id: int, flight: InFlight, saga: Saga, target: str, command: Command
    ) -> None:
        if flight.next_step_index:
            turn.arm(SagaDeadline(saga_id), saga.timeout())
        original(turn, saga_id, flight, saga, target, command)

    patch.setattr(progress, "_issue", issue)


def _armed_for(patch: pytest.MonkeyPatch, kind: type, seconds: Callable[[Config], float]) -> None:
    """All timers of one kind last that long."""
    original = Turn.arm

    def arm(turn: AnyTurn, timer: Timer, usual: float) -> None:
        original(turn, timer, seconds(turn.config) if isinstance(timer, kind) else usual)

    patch.setattr(Turn, "arm", arm)


def deadline_of_a_stay(patch: pytest.MonkeyPatch) -> None:
    """FACTS 3.1: a saga may take as long as a command may wait for its peer."""
    _armed_for(patch, SagaDeadline, lambda config: config.frame_expiry_seconds)


def stay_of_a_saga(patch: pytest.MonkeyPatch) -> None:
    """FACTS 1.2: a command may wait for its peer only as long as a saga may take."""
    _armed_for(patch, FrameExpiry, lambda _: DEFAULT_TIMEOUT_SECONDS)


def _keep(turn: AnyTurn, target: str, kept: tuple[int, ...], dropped: tuple[int, ...]) -> None:
    turn.links = turn.links.set(target, replace(turn.links[target], buffer=kept))
    for saga_id in dropped:
        if (step := links._pending(turn, saga_id)).connection is None:
            turn.cancel(FrameExpiry(saga_id, step.stay))


def newest_dropped(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-29: a full buffer drops what was issued last, not what was issued first."""

    def fill(turn: AnyTurn, target: str, buffer: tuple[int, ...]) -> tuple[int, ...]:
        kept, dropped = buffer[: turn.config.buffer_cap], buffer[turn.config.buffer_cap :]
        _keep(turn, target, kept, dropped)
        return dropped

    patch.setattr(links, "_fill", fill)


def all_that_wait_dropped(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-29: a full buffer drops all but what was issued last."""

    def fill(turn: AnyTurn, target: str, buffer: tuple[int, ...]) -> tuple[int, ...]:
        dropped = buffer[:-1] if len(buffer) > turn.config.buffer_cap else ()
        _keep(turn, target, buffer[len(dropped) :], dropped)
        return dropped

    patch.setattr(links, "_fill", fill)


def cap_of_one_less(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-29: the buffer takes one command less than its cap."""
    original = links._fill

    def fill(turn: AnyTurn, target: str, buffer: tuple[int, ...]) -> tuple[int, ...]:
        turn.config = replace(turn.config, buffer_cap=turn.config.buffer_cap - 1)
        dropped = original(turn, target, buffer)
        turn.config = turn.before.config
        return dropped

    patch.setattr(links, "_fill", fill)


def _detach_as(patch: pytest.MonkeyPatch, left: Callable[[Link, int], Link]) -> None:
    """What `left` says stays of a link that knows the connection that ended."""

    def detach(turn: AnyTurn, connection: int) -> dict[str, tuple[int, ...]]:
        dropped: dict[str, tuple[int, ...]] = {}
        for target in turn.app.peers:
            link = turn.links[target]
            if connection == link.connection or connection in link.older:
                turn.links = turn.links.set(target, left(link, connection))
                dropped[target] = links._take_back(turn, target, connection)
        return dropped

    patch.setattr(links, "detach", detach)


def _without(link: Link, connection: int) -> Link:
    """What is left of a link."""
    older = tuple(other for other in link.older if other != connection)
    newest = None if link.connection == connection else link.connection
    return replace(link, connection=newest, older=older)


def older_one_becomes_the_newest(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-24: when the newest connection ends, commands go to an older one that lives."""

    def left(link: Link, connection: int) -> Link:
        if connection != link.connection or not link.older:
            return _without(link, connection)
        return replace(link, connection=link.older[-1], older=link.older[:-1])

    _detach_as(patch, left)


def older_end_not_noticed(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-24: an older connection that ended stays known; its commands do come back."""

    def left(link: Link, connection: int) -> Link:
        return link if connection in link.older else _without(link, connection)

    _detach_as(patch, left)


def older_ends_noticed_of_one_peer(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-24: the end of an older connection is noticed on the way to one of the peers only."""
    original = links.detach

    def detach(turn: AnyTurn, connection: int) -> dict[str, tuple[int, ...]]:
        others = (turn.links[target] for target in turn.app.peers[1:])
        if any(connection in link.older for link in others):
            return {}
        return original(turn, connection)

    patch.setattr(links, "detach", detach)


def newest_ends_and_is_older(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-24: the newest connection ended, and counts as an older one; its commands wait."""

    def left(link: Link, connection: int) -> Link:
        rest = _without(link, connection)
        return rest if connection in link.older else replace(rest, older=(*link.older, connection))

    _detach_as(patch, left)


def older_ones_end_with_the_newest(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-24: the end of the newest connection forgets the older ones."""

    def left(link: Link, connection: int) -> Link:
        rest = _without(link, connection)
        return rest if connection in link.older else replace(rest, older=())

    _detach_as(patch, left)


def newest_given_up_with_an_older(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-24: when an older connection ends, the newest becomes an older one."""

    def left(link: Link, connection: int) -> Link:
        rest = _without(link, connection)
        if connection not in link.older or link.connection is None:
            return rest
        return replace(rest, connection=None, older=(*rest.older, link.connection))

    _detach_as(patch, left)


def newest_is_an_older_one_too(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-24: a new connection is known as the newest and as an older one."""
    original = links.attach

    def attach(turn: AnyTurn, target: str, connection: int) -> None:
        original(turn, target, connection)
        link = turn.links[target]
        turn.links = turn.links.set(target, replace(link, older=(*link.older, connection)))

    patch.setattr(links, "attach", attach)


def sent_again_over_a_second(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-17: what is unanswered on a connection that lives is sent over a new one as well."""
    original = links.attach

    def attach(turn: AnyTurn, target: str, connection: int) -> None:
        before = turn.links[target].connection
        original(turn, target, connection)
        if before is not None:
            for saga_id in links._unanswered(turn, target, before):
                links._dispatch(turn, saga_id, connection)

    patch.setattr(links, "attach", attach)


def unanswered_of_all_connections(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-17: where one connection ends, what is unanswered on others comes back too."""

    def unanswered(turn: AnyTurn, target: str, _connection: int) -> tuple[int, ...]:
        sent = [
            saga_id
            for saga_id, flight in sorted_items(turn.sagas)
            if (step := flight.awaiting) is not None
            and step.connection is not None
            and step.target == target
        ]
        return links._in_order(turn, sent)

    patch.setattr(links, "_unanswered", unanswered)


def hung_up_and_kept(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-25: a connection that is ended from here stays known until its socket ends."""

    def hang_up(turn: AnyTurn, connection: int, reason: str) -> None:
        turn.effects.append(CloseConnection(connection, reason))

    patch.setattr(outputs, "hang_up", hang_up)
