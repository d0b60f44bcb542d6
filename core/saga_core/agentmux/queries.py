"""What any client may ask; the answers are private and use up no version (FACTS 2.7)."""

from saga_core.agentmux.commands import GetEvents, Ping
from saga_core.agentmux.events import Pong, Snapshot
from saga_core.agentmux.mirror import Mirror, Window
from saga_core.agentmux.vocabulary import SagaSnapshot, WindowSnapshot
from saga_core.engine import UNSTAMPED, Answer, Reaction, ReplaySince, State, outcomes
from saga_core.engine.ordered import sorted_items, sorted_keys


def ping(mirror: Mirror, connection: int, command: Ping) -> Reaction[Mirror]:
    """The same nonce back."""
    return Reaction(mirror, (Answer(connection, Pong(command.nonce, UNSTAMPED)),))


def events(mirror: Mirror, connection: int, command: GetEvents) -> Reaction[Mirror]:
    """What the ring holds after `since`."""
    return Reaction(mirror, (ReplaySince(connection, command.since),))


def snapshot(state: State[Mirror], connection: int) -> Reaction[Mirror]:
    """The mirror and the sagas, those in flight and the last that ended (R-39, R-55)."""
    mirror = state.mirror
    answer = Snapshot(
        version=UNSTAMPED,
        lifecycle=mirror.lifecycle,
        windows=tuple(_window(label, window) for label, window in sorted_items(mirror.windows)),
        pool=tuple(sorted_keys(mirror.pool)),
        instance_registry=tuple(sorted_items(mirror.instances)),
        backend_window_ids=tuple(
            (label, entry.value) for label, entry in sorted_items(mirror.backend_ids)
        ),
        monitors=mirror.monitors,
        sagas=_sagas(state),
    )
    return Reaction(mirror, (Answer(connection, answer),))


def _window(label: str, window: Window) -> WindowSnapshot:
    return WindowSnapshot(
        label=label,
        kind=window.kind,
        parent_label=window.parent_label,
        hwnd=window.hwnd,
        visible=window.visible,
        iconic=window.iconic,
        last_rect=window.last_rect,
        foregrounded_since_open=window.foregrounded_since_open,
    )


def _sagas(state: State[Mirror]) -> tuple[SagaSnapshot, ...]:
    running = [
        SagaSnapshot(saga_id, flight.name, "running")
        for saga_id, flight in sorted_items(state.sagas)
    ]
    ended = [
        SagaSnapshot(ended.saga_id, ended.name, ended.state, ended.failure_reason)
        for ended in outcomes.last(state.outcomes, state.config.outcomes_kept)
    ]
    return tuple(sorted(ended + running, key=_saga_id_of))


def _saga_id_of(saga: SagaSnapshot) -> int:
    return saga.saga_id
