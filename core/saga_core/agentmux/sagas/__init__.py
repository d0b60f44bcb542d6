"""The two sagas that AgentMux ships, and what starts them (FACTS 3.2)."""

from saga_core.agentmux.events import PoolWindowPromoted, WindowClosed
from saga_core.agentmux.sagas.pool_respawn import PoolRespawn
from saga_core.agentmux.sagas.window_cleanup import WindowCleanup
from saga_core.engine import BusEvent, Saga

SAGA_NAMES = (PoolRespawn.NAME, WindowCleanup.NAME)


def triggered_by(event: BusEvent) -> tuple[Saga, ...]:
    """The sagas that an event starts.

    A promoted pool window is refilled; a window that was closed in the ordinary way is cleaned
    up. A crashed one is not: its host could never answer (F-21). Nothing dedupes triggers: one
    label twice means two sagas (R-15).
    """
    match event:
        case PoolWindowPromoted(label):
            return (PoolRespawn(label),)
        case WindowClosed(label, crash_detected=False):
            return (WindowCleanup(label),)
        case _:
            return ()


__all__ = ["SAGA_NAMES", "PoolRespawn", "WindowCleanup", "triggered_by"]
