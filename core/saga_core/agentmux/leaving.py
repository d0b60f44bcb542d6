"""What a host takes with it when it goes (FACTS R-58).

Its windows close as crashed ones, each giving its number back; its pool windows leave the pool;
the back end's ids for its windows are forgotten. None of this starts a saga or asks a host to
quit: there is nobody left to ask.
"""

from msgspec.structs import replace

from saga_core.agentmux.events import (
    BackendWindowIdUnregistered,
    PoolWindowRemoved,
    WindowClosed,
    WindowInstanceReleased,
)
from saga_core.agentmux.mirror import Mirror
from saga_core.engine import UNSTAMPED, BusEvent, Publish, Reaction
from saga_core.engine.ordered import sorted_items


def forget(mirror: Mirror, connection: int) -> Reaction[Mirror]:
    """Clear what came over `connection`, which is no client any more: only hosts leave anything."""
    events: list[BusEvent] = []
    for rule in (_drop_windows, _drop_pool, _drop_backend_ids):
        mirror = rule(mirror, connection, events)
    mirror = _drop_unseen(mirror, connection)
    return Reaction(mirror, tuple(map(Publish, events)))


def _drop_windows(mirror: Mirror, connection: int, events: list[BusEvent]) -> Mirror:
    windows, instances, hwnds = mirror.windows, mirror.instances, mirror.hwnds
    for label, window in sorted_items(mirror.windows):
        if window.owner == connection:
            events.append(WindowClosed(label, UNSTAMPED, crash_detected=True))
            events.append(WindowInstanceReleased(label, instances[label], UNSTAMPED))
            windows, instances = windows.remove(label), instances.remove(label)
            hwnds = hwnds if window.hwnd is None else hwnds.remove(window.hwnd)
    return replace(mirror, windows=windows, instances=instances, hwnds=hwnds)


def _drop_pool(mirror: Mirror, connection: int, events: list[BusEvent]) -> Mirror:
    pool = mirror.pool
    for label, owner in sorted_items(mirror.pool):
        if owner == connection:
            events.append(PoolWindowRemoved(label, UNSTAMPED))
            pool = pool.remove(label)
    return replace(mirror, pool=pool)


def _drop_backend_ids(mirror: Mirror, connection: int, events: list[BusEvent]) -> Mirror:
    backend_ids = mirror.backend_ids
    for label, entry in sorted_items(mirror.backend_ids):
        if entry.owner == connection:
            events.append(BackendWindowIdUnregistered(label, entry.value, UNSTAMPED))
            backend_ids = backend_ids.remove(label)
    return replace(mirror, backend_ids=backend_ids)


def _drop_unseen(mirror: Mirror, connection: int) -> Mirror:
    """Forget what nobody was told of."""
    promoted, pending = mirror.promoted, mirror.pending_hwnds
    for label, owner in sorted_items(mirror.promoted):
        promoted = promoted.remove(label) if owner == connection else promoted
    for hwnd, entry in sorted_items(mirror.pending_hwnds):
        pending = pending.remove(hwnd) if entry.owner == connection else pending
    background = tuple(host for host in mirror.background if host != connection)
    return replace(mirror, promoted=promoted, pending_hwnds=pending, background=background)
