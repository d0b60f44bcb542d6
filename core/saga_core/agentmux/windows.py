"""Windows that open and close (FACTS 6.2).

The rules
---------
1.  An open inserts the window or replaces it; what was seen of it since its first open stays. A
    label that has a number keeps it, another one gets the next; numbers are never used again,
    but for `main`, which has number 1 until it first closes.
2.  A close of a known window releases its number. A close of an unknown one is silent (F-06).
3.  A window whose handle the system destroyed while it was open has crashed: it closes with
    `crash_detected`, after a drift notice (F-09).
4.  When the last window closes, the host that reported it has nothing left to show and is asked
    to quit, unless it rests in the background (F-41, F-42).
"""

from msgspec.structs import replace

from saga_core.agentmux import linking
from saga_core.agentmux.commands import ReportWindowClosed, ReportWindowOpened
from saga_core.agentmux.events import (
    HostShouldQuit,
    HwndDriftDetected,
    WindowClosed,
    WindowInstanceAssigned,
    WindowInstanceReleased,
    WindowOpened,
)
from saga_core.agentmux.mirror import Mirror, Window
from saga_core.engine import UNSTAMPED, BusEvent, Publish, Reaction


def opened(mirror: Mirror, owner: int, report: ReportWindowOpened) -> Reaction[Mirror]:
    """A window is on the screen (rule 1)."""
    label, promoted = report.label, mirror.promoted
    number = _number_of(mirror, label)
    shown = _seen(mirror, owner, report)
    next_mirror = replace(
        mirror,
        windows=mirror.windows.set(label, shown),
        instances=mirror.instances.set(label, number),
        next_instance=max(mirror.next_instance, number + 1),
        promoted=promoted.remove(label) if label in promoted else promoted,
    )
    events = (
        WindowOpened(
            label=label, kind=report.kind, parent_label=report.parent_label, version=UNSTAMPED
        ),
        WindowInstanceAssigned(label, number, UNSTAMPED),
    )
    adopted = linking.adopt(next_mirror, label)
    return Reaction(adopted, tuple(map(Publish, events)))


def closed(mirror: Mirror, _owner: int, report: ReportWindowClosed) -> Reaction[Mirror]:
    """A window was closed in the ordinary way (rules 2 and 4)."""
    label = report.label
    if label in mirror.windows:
        return _gone(mirror, label, crashed=False)
    if label in mirror.promoted:
        return Reaction(replace(mirror, promoted=mirror.promoted.remove(label)))
    return Reaction(mirror)


def crashed(mirror: Mirror, label: str, hwnd: int) -> Reaction[Mirror]:
    """An open window lost its handle (rules 3 and 4)."""
    drift = HwndDriftDetected(
        kind="orphan_destroy",
        label=label,
        hwnd=hwnd,
        detail="the system destroyed the handle of an open window",
        severity="error",
        version=UNSTAMPED,
    )
    gone = _gone(mirror, label, crashed=True)
    return Reaction(gone.mirror, (Publish(drift), *gone.outputs))


def _seen(mirror: Mirror, owner: int, report: ReportWindowOpened) -> Window:
    label, promoted = report.label, report.label in mirror.promoted
    if label not in mirror.windows:
        return Window(owner, report.kind, report.parent_label, foregrounded_since_open=promoted)
    window = mirror.windows[label]
    return replace(
        window,
        owner=owner,
        kind=report.kind,
        parent_label=report.parent_label,
        foregrounded_since_open=window.foregrounded_since_open or promoted,
    )


def _number_of(mirror: Mirror, label: str) -> int:
    """The number that a window keeps or gets. A `PMap`'s `get` raises within for what it lacks."""
    if label in mirror.instances:
        return mirror.instances[label]
    return mirror.next_instance


def _gone(mirror: Mirror, label: str, *, crashed: bool) -> Reaction[Mirror]:
    window = mirror.windows[label]
    next_mirror = replace(
        mirror,
        windows=mirror.windows.remove(label),
        instances=mirror.instances.remove(label),
        hwnds=mirror.hwnds if window.hwnd is None else mirror.hwnds.remove(window.hwnd),
    )
    events: list[BusEvent] = [
        WindowClosed(label, UNSTAMPED, crashed),
        WindowInstanceReleased(label, mirror.instances[label], UNSTAMPED),
    ]
    if not next_mirror.windows and not next_mirror.background:
        events += _orphan_pair(label)
    return Reaction(next_mirror, tuple(map(Publish, events)))


def _orphan_pair(label: str) -> tuple[BusEvent, BusEvent]:
    drift = HwndDriftDetected(
        kind="orphan_instance",
        label=label,
        detail="the last window closed and the host still runs",
        severity="warn",
        version=UNSTAMPED,
    )
    return drift, HostShouldQuit(UNSTAMPED)
