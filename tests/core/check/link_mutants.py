"""Wrong variants of the links to peers, each one a patch of the engine's own functions."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from msgspec.structs import replace

from saga_core.engine import FrameExpiry, SendFailed, endings, links, outputs, reducer
from saga_core.engine.effects import Dispatch, Effect
from saga_core.engine.ordered import sorted_items
from saga_core.engine.state import Awaiting, Link
from saga_core.engine.turn import Turn

Mutant = Callable[[pytest.MonkeyPatch], None]
AnyTurn = Turn[Any]


def cap_off_by_one(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-29: the buffer takes one command more than its cap."""
    original = links._fill

    def fill(turn: AnyTurn, target: str, buffer: tuple[int, ...]) -> tuple[int, ...]:
        turn.config = replace(turn.config, buffer_cap=turn.config.buffer_cap + 1)
        dropped = original(turn, target, buffer)
        turn.config = turn.before.config
        return dropped

    patch.setattr(links, "_fill", fill)


def purge_forgotten(patch: pytest.MonkeyPatch) -> None:
    """FACTS F-33, R-28: a saga that ends leaves its command in the buffer."""
    patch.setattr(links, "release", lambda *_: None)


def stale_expiry_accepted(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-26: the expiry of an earlier stay fails a command that waits again."""

    def waiting_step(turn: AnyTurn, timer: FrameExpiry) -> Awaiting | None:
        step = links.pending_step(turn, timer.saga_id)
        return step if step is not None and step.connection is None else None

    patch.setattr(links, "waiting_step", waiting_step)


def stay_reused(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-26: a command that comes back gets the timer of its earlier stay."""

    def wait(turn: AnyTurn, saga_id: int) -> None:
        step = replace(links._pending(turn, saga_id), connection=None)
        links._store(turn, saga_id, step)
        links._limit(turn, saga_id, step)

    patch.setattr(links, "_wait", wait)


def expiry_not_armed(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-26: a command that comes back to the buffer waits there for ever."""

    def wait(turn: AnyTurn, saga_id: int) -> None:
        stay = turn.take_sequence()
        step = replace(links._pending(turn, saga_id), connection=None, stay=stay)
        links._store(turn, saga_id, step)

    patch.setattr(links, "_wait", wait)


def older_end_disconnects(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-24: the end of an older connection takes the newest one away."""
    original = links.detach

    def detach(turn: AnyTurn, connection: int) -> dict[str, tuple[int, ...]]:
        for target in turn.app.peers:
            link = turn.links[target]
            if connection in link.older and link.connection is not None:
                turn.links = turn.links.set(target, replace(link, connection=None))
        return original(turn, connection)

    patch.setattr(links, "detach", detach)


def redelivery_forgotten(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-17: what was unanswered on an ended connection is not sent again."""
    patch.setattr(links, "_unanswered", lambda *_: ())


def drained_backwards(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-30: a new connection gets the buffer in the wrong order."""

    def attach(turn: AnyTurn, target: str, connection: int) -> None:
        link = turn.links[target]
        older = link.older if link.connection is None else (*link.older, link.connection)
        turn.links = turn.links.set(target, Link(connection, older))
        for saga_id in reversed(link.buffer):
            links._dispatch(turn, saga_id, connection)

    patch.setattr(links, "attach", attach)


def returned_to_the_back(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-30: what comes back stands behind what was issued later."""

    def in_order(turn: AnyTurn, saga_ids: Iterable[int]) -> tuple[int, ...]:
        found = sorted(saga_ids, key=lambda saga_id: links._pending(turn, saga_id).issued)
        return tuple(reversed(found))

    patch.setattr(links, "_in_order", in_order)


def sent_to_an_older_one(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-24: a second connection does not become the newest one."""

    def attach(turn: AnyTurn, target: str, connection: int) -> None:
        link = turn.links[target]
        if link.connection is not None:
            turn.links = turn.links.set(target, replace(link, older=(*link.older, connection)))
            return
        turn.links = turn.links.set(target, Link(connection, link.older))
        for saga_id in link.buffer:
            links._dispatch(turn, saga_id, connection)

    patch.setattr(links, "attach", attach)


def buffer_kept_after_drain(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-30: the buffer is sent and stays full."""
    original = links.attach

    def attach(turn: AnyTurn, target: str, connection: int) -> None:
        buffer = turn.links[target].buffer
        original(turn, target, connection)
        turn.links = turn.links.set(target, replace(turn.links[target], buffer=buffer))

    patch.setattr(links, "attach", attach)


def overflow_is_silent(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-01: what is pushed out of the buffer is lost, and its saga not told."""
    original = links.send

    def send(turn: AnyTurn, saga_id: int, step: Awaiting) -> tuple[int, ...]:
        original(turn, saga_id, step)
        return ()

    patch.setattr(links, "send", send)


def redelivery_not_marked(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-17: a command that is sent again says that it was not sent before."""
    original = links._dispatch

    def dispatch(turn: AnyTurn, saga_id: int, connection: int) -> None:
        original(turn, saga_id, connection)
        effect: Effect = turn.effects[-1]
        assert isinstance(effect, Dispatch)
        turn.effects[-1] = replace(effect, redelivery=False)

    patch.setattr(links, "_dispatch", dispatch)


def failed_send_ignored(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-33: a command that could not be sent is forgotten."""
    patch.setattr(links, "is_unanswered", lambda *_: False)


def sent_before_it_is_open(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-24: a link without a connection takes connection 2 for one."""
    original = links.newest

    def newest(turn: AnyTurn, target: str) -> int | None:
        link = turn.links.get(target)
        if link is not None and link.connection is None:
            turn.links = turn.links.set(target, replace(link, connection=2))
        return original(turn, target)

    patch.setattr(links, "newest", newest)


def redelivery_goes_nowhere(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-17: what comes back to the buffer is thought to be sent, and nobody sends it."""
    original = links._dispatch

    def dispatch(turn: AnyTurn, saga_id: int, connection: int) -> None:
        again = links._pending(turn, saga_id).sent
        original(turn, saga_id, connection)
        if again:
            turn.effects.pop()

    patch.setattr(links, "_dispatch", dispatch)


def sent_over_an_older_one(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-24: a new command goes out over the oldest connection that lives."""
    original = links.newest

    def newest(turn: AnyTurn, target: str) -> int | None:
        link = turn.links.get(target, Link())
        return link.older[0] if link.older else original(turn, target)

    patch.setattr(links, "newest", newest)


def sent_over_every_connection(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-24: a new command goes out over the newest connection and over the older ones."""
    original = links.send

    def send(turn: AnyTurn, saga_id: int, step: Awaiting) -> tuple[int, ...]:
        dropped = original(turn, saga_id, step)
        for older in turn.links[step.target].older:
            turn.effects.append(Dispatch(step.target, older, step.command))
        return dropped

    patch.setattr(links, "send", send)


def end_not_noticed(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-17: a link keeps a connection that ended."""
    patch.setattr(links, "detach", lambda *_: {})


def drop_fails_the_saga(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-17: a saga whose connection drops fails, instead of waiting for the next one."""
    original = links.detach

    def detach(turn: AnyTurn, connection: int) -> dict[str, tuple[int, ...]]:
        awaiting = [saga_id for saga_id, _ in sorted_items(turn.sagas)]
        dropped = original(turn, connection)
        return {target: tuple(awaiting) for target in dropped}

    patch.setattr(links, "detach", detach)


def buffered_though_connected(patch: pytest.MonkeyPatch) -> None:
    """FACTS F-24: a command is put into the buffer of a link that is connected."""
    patch.setattr(links, "newest", lambda *_: None)


def late_failure_ends_the_newest(patch: pytest.MonkeyPatch) -> None:
    """FACTS F-25: a command that was not sent on an older connection takes the newest away."""
    original = reducer._send_failed

    def send_failed(turn: AnyTurn, event: SendFailed) -> None:
        for target in turn.app.peers:
            link = turn.links[target]
            if event.connection in link.older and link.connection is not None:
                outputs.hang_up(turn, link.connection, "a command could not be sent")
        original(turn, event)

    patch.setitem(reducer._RULES, SendFailed, send_failed)


def returned_waits_for_the_next(patch: pytest.MonkeyPatch) -> None:
    """FACTS F-26: what comes back from an older connection waits, though another one is there."""

    def take_back(turn: AnyTurn, target: str, connection: int) -> tuple[int, ...]:
        returned = links._unanswered(turn, target, connection)
        dropped = links._fill(turn, target, (*returned, *turn.links[target].buffer))
        for saga_id in returned:
            if saga_id not in dropped:
                links._wait(turn, saga_id)
        return dropped

    patch.setattr(links, "_take_back", take_back)


def drop_names_nobody(patch: pytest.MonkeyPatch) -> None:
    """FACTS F-31: what is pushed out of the buffer fails saga 0."""
    original = links.send

    def send(turn: AnyTurn, saga_id: int, step: Awaiting) -> tuple[int, ...]:
        return (0,) * len(original(turn, saga_id, step))

    patch.setattr(links, "send", send)


def failed_send_is_terminal(patch: pytest.MonkeyPatch) -> None:
    """FACTS F-32: a command that could not be sent fails its saga."""

    def send_failed(turn: AnyTurn, event: SendFailed) -> None:
        if links.is_unanswered(turn, event.connection, event.command):
            endings.fail(turn, turn.app.saga_id_of(event.command), "could not be sent")

    patch.setitem(reducer._RULES, SendFailed, send_failed)


def failed_send_keeps_its_connection(patch: pytest.MonkeyPatch) -> None:
    """FACTS F-47, R-25: a link gives up the connection of a failed send, and nobody ends it."""
    patch.setattr(outputs, "hang_up", lambda turn, connection, _: outputs.detach(turn, connection))


def first_outage_never_expires(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-27: what waits for a link that never was connected has no expiry."""
    original = links._limit

    def limit(turn: AnyTurn, saga_id: int, step: Awaiting) -> None:
        if step.sent:
            original(turn, saga_id, step)

    patch.setattr(links, "_limit", limit)
