"""Every command of the launcher's socket (FACTS 2.5), fields in the order of the wire."""

from typing import get_args

from saga_core.agentmux.vocabulary import U32, ClientKind, Rect, StageStatus, WindowKind
from saga_core.engine import U64, Command


class Register(Command, frozen=True, tag="register"):
    """The first command of every client: who it is."""

    kind: ClientKind
    pid: U32
    version: str


class Ping(Command, frozen=True, tag="ping"):
    """Asks for a `pong` with the same nonce."""

    nonce: U64


class Goodbye(Command, frozen=True, tag="goodbye"):
    """The client leaves on purpose."""


class GetSnapshot(Command, frozen=True, tag="get_snapshot"):
    """Asks for the launcher's mirror and its sagas."""


class GetEvents(Command, frozen=True, tag="get_events"):
    """Asks for the ring's events with a version above `since`."""

    since: U64


class ReportWindowOpened(Command, frozen=True, tag="report_window_opened"):
    """A window is on the screen."""

    label: str
    kind: WindowKind
    parent_label: str | None = None


class ReportWindowClosed(Command, frozen=True, tag="report_window_closed"):
    """A window was closed in the ordinary way."""

    label: str


class ReportBackgroundServiceEnabled(Command, frozen=True, tag="report_background_service_enabled"):
    """Whether the host means to live on without windows (FACTS F-41)."""

    enabled: bool


class ReportPoolWindowAdded(Command, frozen=True, tag="report_pool_window_added"):
    """A pre-warmed window waits in the pool; with an id, the answer to `spawn_pool_window`."""

    label: str
    saga_id: U64 | None = None


class ReportPoolWindowRemoved(Command, frozen=True, tag="report_pool_window_removed"):
    """A window left the pool."""

    label: str


class ReportPoolWindowPromoted(Command, frozen=True, tag="report_pool_window_promoted"):
    """A pool window became a real one."""

    label: str


class ReportPanesReaped(Command, frozen=True, tag="report_panes_reaped"):
    """The panes of a closed window are gone; with an id, the answer to `reap_panes`."""

    label: str
    saga_id: U64 | None = None


class ReportPoolDrainDecision(Command, frozen=True, tag="report_pool_drain_decision"):
    """Whether the closed window was the last; with an id, the answer to `drain_pool_if_last`."""

    label: str
    was_last: bool
    saga_id: U64 | None = None


class ReportSagaActionFailed(Command, frozen=True, tag="report_saga_action_failed"):
    """The host could not do what that saga asked."""

    saga_id: U64
    reason: str


class ReportHostCounts(Command, frozen=True, tag="report_host_counts"):
    """How many windows and pool windows the host counts."""

    windows: U32
    pool: U32


class ReportHostPoolCount(Command, frozen=True, tag="report_host_pool_count"):
    """How many pool windows the host counts."""

    count: U32


class ReportBackendWindowIdRegistered(
    Command, frozen=True, tag="report_backend_window_id_registered"
):
    """The back end knows the window `label` as `window_id`."""

    label: str
    window_id: str


class ReportBackendWindowIdUnregistered(
    Command, frozen=True, tag="report_backend_window_id_unregistered"
):
    """The back end forgot the window `label`."""

    label: str


class ReportHwndOpened(Command, frozen=True, tag="report_hwnd_opened"):
    """The system made a window handle; `label_hint` says which window it belongs to."""

    hwnd: U64
    class_name: str
    title: str
    label_hint: str | None = None


class ReportHwndDestroyed(Command, frozen=True, tag="report_hwnd_destroyed"):
    """The system destroyed a window handle: a crash, if its window was still open."""

    hwnd: U64


class ReportHwndVisibilityChanged(Command, frozen=True, tag="report_hwnd_visibility_changed"):
    """A window handle was shown or hidden."""

    hwnd: U64
    visible: bool


class ReportHwndForegroundChanged(Command, frozen=True, tag="report_hwnd_foreground_changed"):
    """A window handle came to the foreground."""

    hwnd: U64


class ReportHwndIconicChanged(Command, frozen=True, tag="report_hwnd_iconic_changed"):
    """A window handle was minimised or restored."""

    hwnd: U64
    iconic: bool


class ReportHwndPositionChanged(Command, frozen=True, tag="report_hwnd_position_changed"):
    """A window handle moved."""

    hwnd: U64
    rect: Rect


class ReportMonitorTopologyChanged(Command, frozen=True, tag="report_monitor_topology_changed"):
    """The monitors of the desktop."""

    rects: tuple[Rect, ...]


class ReportUiThreadAlive(Command, frozen=True, tag="report_ui_thread_alive"):
    """The answer to `probe_ui_thread`. Never brings about an event."""

    nonce: U64


class ReportStartupStageBegin(Command, frozen=True, tag="report_startup_stage_begin"):
    """A stage of a client's start began. Never brings about an event."""

    stage: str
    label: str


class ReportStartupStageEnd(Command, frozen=True, tag="report_startup_stage_end"):
    """A stage of a client's start ended. Never brings about an event."""

    stage: str
    duration_ms: U64
    status: StageStatus
    detail: str | None = None


class SpawnPoolWindow(Command, frozen=True, tag="spawn_pool_window"):
    """Launcher to host: add a window to the pool. `saga_id` 0 means no saga."""

    saga_id: U64 = 0


class ReapPanes(Command, frozen=True, tag="reap_panes"):
    """Launcher to host: end the panes of the closed window `label`."""

    label: str
    saga_id: U64 = 0


class DrainPoolIfLast(Command, frozen=True, tag="drain_pool_if_last"):
    """Launcher to host: empty the pool if `label` was the last window."""

    label: str
    saga_id: U64 = 0


class ProbeUiThread(Command, frozen=True, tag="probe_ui_thread"):
    """Launcher to host: prove that the UI thread is alive."""

    nonce: U64


HostCommand = SpawnPoolWindow | ReapPanes | DrainPoolIfLast | ProbeUiThread
"""What goes from the launcher to a host."""

SagaCommand = SpawnPoolWindow | ReapPanes | DrainPoolIfLast
"""What a saga can ask of a peer: these carry its id."""

SagaReport = (
    ReportPoolWindowAdded | ReportPanesReaped | ReportPoolDrainDecision | ReportSagaActionFailed
)
"""What answers a saga, with its id, and what a saga can tell the launcher itself."""

HostReport = (
    ReportWindowOpened
    | ReportWindowClosed
    | ReportBackgroundServiceEnabled
    | ReportPoolWindowAdded
    | ReportPoolWindowRemoved
    | ReportPoolWindowPromoted
    | ReportPanesReaped
    | ReportPoolDrainDecision
    | ReportSagaActionFailed
    | ReportHostCounts
    | ReportHostPoolCount
    | ReportBackendWindowIdRegistered
    | ReportBackendWindowIdUnregistered
    | ReportHwndOpened
    | ReportHwndDestroyed
    | ReportHwndVisibilityChanged
    | ReportHwndForegroundChanged
    | ReportHwndIconicChanged
    | ReportHwndPositionChanged
    | ReportMonitorTopologyChanged
)
"""What only a host may say: it changes the mirror or feeds sagas (FACTS F-05)."""

ClientReport = ReportUiThreadAlive | ReportStartupStageBegin | ReportStartupStageEnd
"""Reports that any client may send and that bring about nothing."""

Request = Register | Ping | Goodbye | GetSnapshot | GetEvents
"""What any client may ask."""

WireCommand = Request | HostReport | ClientReport | HostCommand
"""Every command that the socket knows, both ways."""

HOST_REPORTS: frozenset[type[Command]] = frozenset(get_args(HostReport))
HOST_COMMANDS: frozenset[type[Command]] = frozenset(get_args(HostCommand))
SAGA_COMMANDS: frozenset[type[Command]] = frozenset(get_args(SagaCommand))
SAGA_REPORTS: frozenset[type[Command]] = frozenset(get_args(SagaReport))
CLIENT_REPORTS: frozenset[type[Command]] = frozenset(get_args(ClientReport))
WIRE_COMMANDS: tuple[type[Command], ...] = get_args(WireCommand)
