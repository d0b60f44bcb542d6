"""Every event of the launcher's socket (FACTS 2.6), fields in the order of the wire."""

from typing import get_args

from saga_core.agentmux.vocabulary import (
    I32,
    U32,
    ClientKind,
    DriftKind,
    ErrorCode,
    HwndDriftKind,
    LifecyclePhase,
    Rect,
    SagaSnapshot,
    Severity,
    WindowKind,
    WindowSnapshot,
)
from saga_core.engine import (
    U64,
    BusEvent,
    LogDegraded,
    LogRecovered,
    SagaActionFailed,
    SagaCompleted,
    SagaFailed,
    SagaStarted,
)


class Registered(BusEvent, frozen=True, tag="registered"):
    """Private: the answer to `register`."""

    client_id: U64
    launcher_pid: U32
    launcher_version: str
    version: U64


class Pong(BusEvent, frozen=True, tag="pong"):
    """Private: the answer to `ping`."""

    nonce: U64
    version: U64


class Error(BusEvent, frozen=True, tag="error"):
    """Private: what was wrong with a line. `fatal`: the connection ends. `version` is 0."""

    code: ErrorCode
    message: str
    fatal: bool
    version: U64


class ProcessSpawned(BusEvent, frozen=True, tag="process_spawned"):
    """A client registered."""

    pid: U32
    kind: ClientKind
    client_version: str
    version: U64


class ProcessExited(BusEvent, frozen=True, tag="process_exited"):
    """A registered client went: its goodbye, or its socket ended."""

    pid: U32
    code: I32
    version: U64


class LifecyclePhaseChanged(
    BusEvent, frozen=True, tag="lifecycle_phase_changed", rename={"from_": "from"}
):
    """The launcher entered another phase of its life."""

    from_: LifecyclePhase
    to: LifecyclePhase
    version: U64


class WindowOpened(BusEvent, frozen=True, kw_only=True, tag="window_opened"):
    """A window is on the screen."""

    label: str
    kind: WindowKind
    parent_label: str | None = None
    version: U64


class WindowClosed(BusEvent, frozen=True, tag="window_closed"):
    """A window is gone; `crash_detected`: nobody closed it."""

    label: str
    version: U64
    crash_detected: bool = False


class WindowInstanceAssigned(BusEvent, frozen=True, tag="window_instance_assigned"):
    """A window got its number."""

    label: str
    num: U32
    version: U64


class WindowInstanceReleased(BusEvent, frozen=True, tag="window_instance_released"):
    """A window gave its number back; it is never used again."""

    label: str
    num: U32
    version: U64


class PoolWindowAdded(BusEvent, frozen=True, tag="pool_window_added"):
    """A pre-warmed window waits in the pool."""

    label: str
    version: U64
    saga_id: U64 | None = None


class PoolWindowRemoved(BusEvent, frozen=True, tag="pool_window_removed"):
    """A window left the pool."""

    label: str
    version: U64


class PoolWindowPromoted(BusEvent, frozen=True, tag="pool_window_promoted"):
    """A pool window became a real one. Starts `pool_respawn_on_promote`."""

    label: str
    version: U64


class PanesReaped(BusEvent, frozen=True, tag="panes_reaped"):
    """The panes of a closed window are gone."""

    label: str
    version: U64
    saga_id: U64 | None = None


class PoolDrained(BusEvent, frozen=True, tag="pool_drained"):
    """`label` was the last window, so the pool was emptied."""

    label: str
    version: U64
    saga_id: U64 | None = None


class PoolNotLast(BusEvent, frozen=True, tag="pool_not_last"):
    """`label` was not the last window, so the pool stays."""

    label: str
    version: U64
    saga_id: U64 | None = None


class BackendWindowIdRegistered(BusEvent, frozen=True, tag="backend_window_id_registered"):
    """The back end knows the window `label` as `window_id`."""

    label: str
    window_id: str
    version: U64


class BackendWindowIdUnregistered(BusEvent, frozen=True, tag="backend_window_id_unregistered"):
    """The back end forgot the window `label`."""

    label: str
    window_id: str
    version: U64


class DriftDetected(BusEvent, frozen=True, tag="drift_detected"):
    """The host counts differently from the mirror."""

    kind: DriftKind
    host_count: U32
    mirror_count: U32
    version: U64


class HwndDriftDetected(BusEvent, frozen=True, kw_only=True, tag="hwnd_drift_detected"):
    """A window handle and the mirror disagree."""

    kind: HwndDriftKind
    label: str | None = None
    hwnd: U64 | None = None
    detail: str
    severity: Severity
    version: U64


class CorrectiveWindowMove(BusEvent, frozen=True, tag="corrective_window_move"):
    """The host is asked to move a window back onto a monitor."""

    hwnd: U64
    target_rect: Rect
    reason: HwndDriftKind
    version: U64


class HostShouldQuit(BusEvent, frozen=True, tag="host_should_quit"):
    """The last window is closed: the host has nothing left to show."""

    version: U64


class Snapshot(BusEvent, frozen=True, tag="snapshot"):
    """Private: the answer to `get_snapshot`, lists ascending by label or id."""

    version: U64
    lifecycle: LifecyclePhase
    windows: tuple[WindowSnapshot, ...]
    pool: tuple[str, ...]
    instance_registry: tuple[tuple[str, U32], ...]
    backend_window_ids: tuple[tuple[str, str], ...]
    monitors: tuple[Rect, ...]
    sagas: tuple[SagaSnapshot, ...] = ()


class EventList(BusEvent, frozen=True, tag="event_list", omit_defaults=True):
    """Private: the answer to `get_events`. `truncated`: the ring no longer held all of them."""

    events: tuple["WireEvent", ...]
    version: U64
    truncated: bool = False


WireEvent = (
    Registered
    | Pong
    | Error
    | ProcessSpawned
    | ProcessExited
    | LifecyclePhaseChanged
    | WindowOpened
    | WindowClosed
    | WindowInstanceAssigned
    | WindowInstanceReleased
    | PoolWindowAdded
    | PoolWindowRemoved
    | PoolWindowPromoted
    | PanesReaped
    | PoolDrained
    | PoolNotLast
    | BackendWindowIdRegistered
    | BackendWindowIdUnregistered
    | DriftDetected
    | HwndDriftDetected
    | CorrectiveWindowMove
    | HostShouldQuit
    | Snapshot
    | EventList
    | SagaStarted
    | SagaCompleted
    | SagaFailed
    | SagaActionFailed
    | LogDegraded
    | LogRecovered
)
"""Every event that the socket knows."""

WIRE_EVENTS: tuple[type[BusEvent], ...] = get_args(WireEvent)
