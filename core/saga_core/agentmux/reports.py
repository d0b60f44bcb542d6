"""What a host reports besides windows and handles (FACTS 6.2), and the table of all its reports.

Reports that answer a saga pass through whatever the mirror says: by the time they come, their
label has left it (F-20). The saga id is copied as it came.
"""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from saga_core.agentmux import commands as c
from saga_core.agentmux import hwnds, windows
from saga_core.agentmux.events import (
    BackendWindowIdRegistered,
    BackendWindowIdUnregistered,
    DriftDetected,
    PanesReaped,
    PoolDrained,
    PoolNotLast,
    PoolWindowAdded,
    PoolWindowPromoted,
    PoolWindowRemoved,
)
from saga_core.agentmux.mirror import Mirror, Owned
from saga_core.engine import UNSTAMPED, BusEvent, Command, Publish, Reaction, SagaActionFailed


def pool_added(mirror: Mirror, owner: int, report: c.ReportPoolWindowAdded) -> Reaction[Mirror]:
    """A pool window waits. An empty label is told but never mirrored (R-57)."""
    pool = mirror.pool.set(report.label, owner) if report.label else mirror.pool
    event = PoolWindowAdded(report.label, UNSTAMPED, report.saga_id)
    return _told(replace(mirror, pool=pool), event)


def pool_removed(
    mirror: Mirror, _owner: int, report: c.ReportPoolWindowRemoved
) -> Reaction[Mirror]:
    """A window left the pool; an unknown one is silent (F-06)."""
    if report.label not in mirror.pool:
        return Reaction(mirror)
    left = replace(mirror, pool=mirror.pool.remove(report.label))
    return _told(left, PoolWindowRemoved(report.label, UNSTAMPED))


def pool_promoted(
    mirror: Mirror, owner: int, report: c.ReportPoolWindowPromoted
) -> Reaction[Mirror]:
    """A pool window became a real one, which is in the foreground before or after it opens."""
    label = report.label
    window = mirror.windows.get(label)
    if window is None:
        seen = replace(mirror, promoted=mirror.promoted.set(label, owner))
    else:
        shown = replace(window, foregrounded_since_open=True)
        seen = replace(mirror, windows=mirror.windows.set(label, shown))
    return _told(seen, PoolWindowPromoted(label, UNSTAMPED))


def panes_reaped(mirror: Mirror, _owner: int, report: c.ReportPanesReaped) -> Reaction[Mirror]:
    """The panes of a window are gone."""
    return _told(mirror, PanesReaped(report.label, UNSTAMPED, report.saga_id))


def drain_decided(
    mirror: Mirror, _owner: int, report: c.ReportPoolDrainDecision
) -> Reaction[Mirror]:
    """The host decided whether the closed window was the last."""
    kind = PoolDrained if report.was_last else PoolNotLast
    return _told(mirror, kind(report.label, UNSTAMPED, report.saga_id))


def action_failed(
    mirror: Mirror, _owner: int, report: c.ReportSagaActionFailed
) -> Reaction[Mirror]:
    """The host could not do what a saga asked."""
    return _told(mirror, SagaActionFailed(report.saga_id, report.reason, UNSTAMPED))


def host_counts(mirror: Mirror, _owner: int, report: c.ReportHostCounts) -> Reaction[Mirror]:
    """Both counts of the host, windows first."""
    drifts = (
        DriftDetected("windows", report.windows, len(mirror.windows), UNSTAMPED),
        DriftDetected("pool", report.pool, len(mirror.pool), UNSTAMPED),
    )
    return _told(mirror, *(drift for drift in drifts if drift.host_count != drift.mirror_count))


def host_pool_count(mirror: Mirror, _owner: int, report: c.ReportHostPoolCount) -> Reaction[Mirror]:
    """The pool count alone: it says nothing of windows (F-07)."""
    if report.count == len(mirror.pool):
        return Reaction(mirror)
    return _told(mirror, DriftDetected("pool", report.count, len(mirror.pool), UNSTAMPED))


def backend_id_registered(
    mirror: Mirror, owner: int, report: c.ReportBackendWindowIdRegistered
) -> Reaction[Mirror]:
    """The back end knows a window."""
    known = mirror.backend_ids.set(report.label, Owned(owner, report.window_id))
    event = BackendWindowIdRegistered(report.label, report.window_id, UNSTAMPED)
    return _told(replace(mirror, backend_ids=known), event)


def backend_id_unregistered(
    mirror: Mirror, _owner: int, report: c.ReportBackendWindowIdUnregistered
) -> Reaction[Mirror]:
    """The back end forgot a window; an unknown one is silent (F-06)."""
    entry = mirror.backend_ids.get(report.label)
    if entry is None:
        return Reaction(mirror)
    forgot = replace(mirror, backend_ids=mirror.backend_ids.remove(report.label))
    return _told(forgot, BackendWindowIdUnregistered(report.label, entry.value, UNSTAMPED))


def background_changed(
    mirror: Mirror, owner: int, report: c.ReportBackgroundServiceEnabled
) -> Reaction[Mirror]:
    """Whether the host rests without windows on purpose (F-41)."""
    if report.enabled == (owner in mirror.background):
        return Reaction(mirror)
    others = [host for host in mirror.background if host != owner]
    resting = sorted([*others, owner]) if report.enabled else others
    return Reaction(replace(mirror, background=tuple(resting)))


def _told(mirror: Mirror, *events: BusEvent) -> Reaction[Mirror]:
    return Reaction(mirror, tuple(map(Publish, events)))


REPORTS: dict[type[Command], Callable[[Mirror, int, Any], Reaction[Mirror]]] = {
    c.ReportWindowOpened: windows.opened,
    c.ReportWindowClosed: windows.closed,
    c.ReportBackgroundServiceEnabled: background_changed,
    c.ReportPoolWindowAdded: pool_added,
    c.ReportPoolWindowRemoved: pool_removed,
    c.ReportPoolWindowPromoted: pool_promoted,
    c.ReportPanesReaped: panes_reaped,
    c.ReportPoolDrainDecision: drain_decided,
    c.ReportSagaActionFailed: action_failed,
    c.ReportHostCounts: host_counts,
    c.ReportHostPoolCount: host_pool_count,
    c.ReportBackendWindowIdRegistered: backend_id_registered,
    c.ReportBackendWindowIdUnregistered: backend_id_unregistered,
    c.ReportHwndOpened: hwnds.opened,
    c.ReportHwndDestroyed: hwnds.destroyed,
    c.ReportHwndVisibilityChanged: hwnds.visibility_changed,
    c.ReportHwndForegroundChanged: hwnds.foreground_changed,
    c.ReportHwndIconicChanged: hwnds.iconic_changed,
    c.ReportHwndPositionChanged: hwnds.position_changed,
    c.ReportMonitorTopologyChanged: hwnds.monitors_changed,
}
"""The rule of each host-only report: (mirror, the host's connection, report) to reaction."""
