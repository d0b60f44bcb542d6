"""Which window has which handle: one to one, and both ways (FACTS F-46).

A handle belongs to one open window, or waits for one window that has not opened yet, or to
nobody. Whoever gets a handle takes it from whoever had it, and gives up the one it had itself.
"""

from msgspec.structs import replace

from saga_core.agentmux.mirror import Mirror, Owned
from saga_core.engine.ordered import sorted_items


def link(mirror: Mirror, hwnd: int, label: str) -> Mirror:
    """Give a handle to the open window `label`."""
    free = _released(mirror, hwnd)
    window = free.windows[label]
    others = free.hwnds if window.hwnd is None else free.hwnds.remove(window.hwnd)
    return replace(
        free,
        windows=free.windows.set(label, replace(window, hwnd=hwnd)),
        hwnds=others.set(hwnd, label),
    )


def expect(mirror: Mirror, owner: int, hwnd: int, label: str) -> Mirror:
    """Keep a handle until the window `label` opens; the newest one counts."""
    free = _released(mirror, hwnd)
    pending = free.pending_hwnds
    for other, waiting in sorted_items(pending):
        pending = pending.remove(other) if waiting.value == label else pending
    return replace(free, pending_hwnds=pending.set(hwnd, Owned(owner, label)))


def adopt(mirror: Mirror, label: str) -> Mirror:
    """Link the handle that waited for `label`, which is open now."""
    if not len(mirror.pending_hwnds):
        return mirror
    for hwnd, waiting in sorted_items(mirror.pending_hwnds):
        if waiting.value == label:
            return link(mirror, hwnd, label)
    return mirror


def _released(mirror: Mirror, hwnd: int) -> Mirror:
    """Take a handle from whoever has it or waits for it."""
    free = replace(mirror, pending_hwnds=mirror.pending_hwnds.discard(hwnd))
    robbed = mirror.hwnds.get(hwnd)
    if robbed is None:
        return free
    poorer = replace(mirror.windows[robbed], hwnd=None)
    return replace(free, windows=free.windows.set(robbed, poorer), hwnds=free.hwnds.remove(hwnd))
