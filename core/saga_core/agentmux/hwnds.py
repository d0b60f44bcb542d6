"""Window handles and monitors, as far as sagas depend on them: the crash close (FACTS 6.5).

A handle is linked to a window by the hint that came with it. The newest hint is right: it
repairs an older link of its window in silence, and takes the handle from another window with a
notice (F-46). A hint for a window that has not opened yet is kept until it does. A handle that
came without a hint is never linked, and its end says nothing. What a handle does is kept for the
snapshot; the placement rules of a real desktop are not modelled.
"""

from msgspec.structs import replace

from saga_core.agentmux import linking, windows
from saga_core.agentmux.commands import (
    ReportHwndDestroyed,
    ReportHwndForegroundChanged,
    ReportHwndIconicChanged,
    ReportHwndOpened,
    ReportHwndPositionChanged,
    ReportHwndVisibilityChanged,
    ReportMonitorTopologyChanged,
)
from saga_core.agentmux.events import HwndDriftDetected
from saga_core.agentmux.mirror import Mirror
from saga_core.engine import UNSTAMPED, Publish, Reaction


def opened(mirror: Mirror, owner: int, report: ReportHwndOpened) -> Reaction[Mirror]:
    """The system made a handle."""
    hwnd, label = report.hwnd, report.label_hint
    if label is None:
        return Reaction(mirror)
    robbed = mirror.hwnds.get(hwnd)
    if label in mirror.windows:
        given = linking.link(mirror, hwnd, label)
    else:
        given = linking.expect(mirror, owner, hwnd, label)
    if robbed is None or robbed == label:
        return Reaction(given)
    return Reaction(given, (Publish(_taken(robbed, hwnd, label)),))


def destroyed(mirror: Mirror, _owner: int, report: ReportHwndDestroyed) -> Reaction[Mirror]:
    """The system destroyed a handle: a crash, if its window was open."""
    label = mirror.hwnds.get(report.hwnd)
    if label is not None:
        return windows.crashed(mirror, label, report.hwnd)
    if report.hwnd in mirror.pending_hwnds:
        pending = mirror.pending_hwnds.remove(report.hwnd)
        return Reaction(replace(mirror, pending_hwnds=pending))
    return Reaction(mirror)


def visibility_changed(
    mirror: Mirror, _owner: int, report: ReportHwndVisibilityChanged
) -> Reaction[Mirror]:
    """A handle was shown or hidden."""
    return _update(mirror, report.hwnd, visible=report.visible)


def foreground_changed(
    mirror: Mirror, _owner: int, report: ReportHwndForegroundChanged
) -> Reaction[Mirror]:
    """A handle came to the foreground."""
    return _update(mirror, report.hwnd, foregrounded_since_open=True)


def iconic_changed(
    mirror: Mirror, _owner: int, report: ReportHwndIconicChanged
) -> Reaction[Mirror]:
    """A handle was minimised or restored."""
    return _update(mirror, report.hwnd, iconic=report.iconic)


def position_changed(
    mirror: Mirror, _owner: int, report: ReportHwndPositionChanged
) -> Reaction[Mirror]:
    """A handle moved."""
    return _update(mirror, report.hwnd, last_rect=report.rect)


def monitors_changed(
    mirror: Mirror, _owner: int, report: ReportMonitorTopologyChanged
) -> Reaction[Mirror]:
    """The desktop has other monitors."""
    return Reaction(replace(mirror, monitors=report.rects))


def _update(mirror: Mirror, hwnd: int, **changes: object) -> Reaction[Mirror]:
    label = mirror.hwnds.get(hwnd)
    if label is None:
        return Reaction(mirror)
    window = replace(mirror.windows[label], **changes)
    return Reaction(replace(mirror, windows=mirror.windows.set(label, window)))


def _taken(robbed: str, hwnd: int, label: str) -> HwndDriftDetected:
    return HwndDriftDetected(
        kind="hwnd_without_browser",
        label=robbed,
        hwnd=hwnd,
        detail=f"the handle belongs to {label} now",
        severity="warn",
        version=UNSTAMPED,
    )
