"""The example lines of FACTS 2.3, 2.5 and 2.6, and what each of them means."""

from saga_core.agentmux.commands import (
    DrainPoolIfLast,
    GetEvents,
    GetSnapshot,
    Goodbye,
    HostCommand,
    Ping,
    ProbeUiThread,
    ReapPanes,
    Register,
    ReportBackendWindowIdRegistered,
    ReportBackendWindowIdUnregistered,
    ReportBackgroundServiceEnabled,
    ReportHostCounts,
    ReportHostPoolCount,
    ReportHwndDestroyed,
    ReportHwndForegroundChanged,
    ReportHwndIconicChanged,
    ReportHwndOpened,
    ReportHwndPositionChanged,
    ReportHwndVisibilityChanged,
    ReportMonitorTopologyChanged,
    ReportPanesReaped,
    ReportPoolDrainDecision,
    ReportPoolWindowAdded,
    ReportPoolWindowPromoted,
    ReportPoolWindowRemoved,
    ReportSagaActionFailed,
    ReportStartupStageBegin,
    ReportStartupStageEnd,
    ReportUiThreadAlive,
    ReportWindowClosed,
    ReportWindowOpened,
    SpawnPoolWindow,
    WireCommand,
)
from saga_core.agentmux.events import (
    BackendWindowIdRegistered,
    BackendWindowIdUnregistered,
    CorrectiveWindowMove,
    DriftDetected,
    Error,
    EventList,
    HostShouldQuit,
    HwndDriftDetected,
    LifecyclePhaseChanged,
    PanesReaped,
    Pong,
    PoolDrained,
    PoolNotLast,
    PoolWindowAdded,
    PoolWindowPromoted,
    PoolWindowRemoved,
    ProcessExited,
    ProcessSpawned,
    Registered,
    Snapshot,
    WindowClosed,
    WindowInstanceAssigned,
    WindowInstanceReleased,
    WindowOpened,
    WireEvent,
)
from saga_core.agentmux.vocabulary import Rect, SagaSnapshot, WindowSnapshot
from saga_core.engine import (
    LogDegraded,
    LogRecovered,
    SagaActionFailed,
    SagaCompleted,
    SagaFailed,
    SagaStarted,
)

COMMAND_ROWS: tuple[tuple[WireCommand, str], ...] = (
    (
        Register("host", 4242, "0.33.700"),
        '{"cmd":"register","kind":"host","pid":4242,"version":"0.33.700"}',
    ),
    (Ping(9), '{"cmd":"ping","nonce":9}'),
    (Goodbye(), '{"cmd":"goodbye"}'),
    (GetSnapshot(), '{"cmd":"get_snapshot"}'),
    (GetEvents(0), '{"cmd":"get_events","since":0}'),
    (
        ReportWindowOpened("main", "full_instance"),
        '{"cmd":"report_window_opened","label":"main","kind":"full_instance","parent_label":null}',
    ),
    (ReportWindowClosed("main"), '{"cmd":"report_window_closed","label":"main"}'),
    (
        ReportBackgroundServiceEnabled(False),
        '{"cmd":"report_background_service_enabled","enabled":false}',
    ),
    (
        ReportPoolWindowAdded("window-pool-1"),
        '{"cmd":"report_pool_window_added","label":"window-pool-1","saga_id":null}',
    ),
    (
        ReportPoolWindowRemoved("window-pool-1"),
        '{"cmd":"report_pool_window_removed","label":"window-pool-1"}',
    ),
    (
        ReportPoolWindowPromoted("window-pool-1"),
        '{"cmd":"report_pool_window_promoted","label":"window-pool-1"}',
    ),
    (
        ReportPanesReaped("main", 43),
        '{"cmd":"report_panes_reaped","label":"main","saga_id":43}',
    ),
    (
        ReportPoolDrainDecision("main", True, 43),
        '{"cmd":"report_pool_drain_decision","label":"main","was_last":true,"saga_id":43}',
    ),
    (
        ReportSagaActionFailed(43, "window not found"),
        '{"cmd":"report_saga_action_failed","saga_id":43,"reason":"window not found"}',
    ),
    (ReportHostCounts(2, 1), '{"cmd":"report_host_counts","windows":2,"pool":1}'),
    (ReportHostPoolCount(1), '{"cmd":"report_host_pool_count","count":1}'),
    (
        ReportBackendWindowIdRegistered("main", "9b1d"),
        '{"cmd":"report_backend_window_id_registered","label":"main","window_id":"9b1d"}',
    ),
    (
        ReportBackendWindowIdUnregistered("main"),
        '{"cmd":"report_backend_window_id_unregistered","label":"main"}',
    ),
    (
        ReportHwndOpened(170, "Chrome_WidgetWin_1", "", "main"),
        (
            '{"cmd":"report_hwnd_opened","hwnd":170,"class_name":"Chrome_WidgetWin_1","title":"",'
            '"label_hint":"main"}'
        ),
    ),
    (ReportHwndDestroyed(170), '{"cmd":"report_hwnd_destroyed","hwnd":170}'),
    (
        ReportHwndVisibilityChanged(170, True),
        '{"cmd":"report_hwnd_visibility_changed","hwnd":170,"visible":true}',
    ),
    (ReportHwndForegroundChanged(170), '{"cmd":"report_hwnd_foreground_changed","hwnd":170}'),
    (
        ReportHwndIconicChanged(170, False),
        '{"cmd":"report_hwnd_iconic_changed","hwnd":170,"iconic":false}',
    ),
    (
        ReportHwndPositionChanged(170, Rect(0, 0, 800, 600)),
        (
            '{"cmd":"report_hwnd_position_changed","hwnd":170,'
            '"rect":{"left":0,"top":0,"right":800,"bottom":600}}'
        ),
    ),
    (
        ReportMonitorTopologyChanged((Rect(0, 0, 1920, 1080),)),
        (
            '{"cmd":"report_monitor_topology_changed",'
            '"rects":[{"left":0,"top":0,"right":1920,"bottom":1080}]}'
        ),
    ),
    (ReportUiThreadAlive(7), '{"cmd":"report_ui_thread_alive","nonce":7}'),
    (
        ReportStartupStageBegin("cef_init", "CEF"),
        '{"cmd":"report_startup_stage_begin","stage":"cef_init","label":"CEF"}',
    ),
    (
        ReportStartupStageEnd("cef_init", 812, "ok"),
        (
            '{"cmd":"report_startup_stage_end","stage":"cef_init","duration_ms":812,"status":"ok",'
            '"detail":null}'
        ),
    ),
    (SpawnPoolWindow(42), '{"cmd":"spawn_pool_window","saga_id":42}'),
    (ReapPanes("main", 43), '{"cmd":"reap_panes","label":"main","saga_id":43}'),
    (DrainPoolIfLast("main", 43), '{"cmd":"drain_pool_if_last","label":"main","saga_id":43}'),
    (ProbeUiThread(7), '{"cmd":"probe_ui_thread","nonce":7}'),
)
"""FACTS 2.5."""

EVENT_ROWS: tuple[tuple[WireEvent, str], ...] = (
    (
        Registered(1, 999, "0.33.700", 3),
        (
            '{"event":"registered","client_id":1,"launcher_pid":999,"launcher_version":"0.33.700",'
            '"version":3}'
        ),
    ),
    (Pong(9, 12), '{"event":"pong","nonce":9,"version":12}'),
    (
        Error("invalid_command", "parse failed: …", False, 0),
        (
            '{"event":"error","code":"invalid_command","message":"parse failed: …","fatal":false,'
            '"version":0}'
        ),
    ),
    (
        ProcessSpawned(4242, "host", "0.33.700", 1),
        (
            '{"event":"process_spawned","pid":4242,"kind":"host","client_version":"0.33.700",'
            '"version":1}'
        ),
    ),
    (ProcessExited(4242, 0, 40), '{"event":"process_exited","pid":4242,"code":0,"version":40}'),
    (
        LifecyclePhaseChanged("starting", "running", 2),
        '{"event":"lifecycle_phase_changed","from":"starting","to":"running","version":2}',
    ),
    (
        WindowOpened(label="main", kind="full_instance", version=5),
        (
            '{"event":"window_opened","label":"main","kind":"full_instance","parent_label":null,'
            '"version":5}'
        ),
    ),
    (
        WindowClosed("main", 20),
        '{"event":"window_closed","label":"main","version":20,"crash_detected":false}',
    ),
    (
        WindowInstanceAssigned("main", 1, 6),
        '{"event":"window_instance_assigned","label":"main","num":1,"version":6}',
    ),
    (
        WindowInstanceReleased("main", 1, 21),
        '{"event":"window_instance_released","label":"main","num":1,"version":21}',
    ),
    (
        PoolWindowAdded("window-pool-2", 15, 42),
        '{"event":"pool_window_added","label":"window-pool-2","version":15,"saga_id":42}',
    ),
    (
        PoolWindowRemoved("window-pool-1", 10),
        '{"event":"pool_window_removed","label":"window-pool-1","version":10}',
    ),
    (
        PoolWindowPromoted("window-pool-1", 11),
        '{"event":"pool_window_promoted","label":"window-pool-1","version":11}',
    ),
    (
        PanesReaped("main", 23, 43),
        '{"event":"panes_reaped","label":"main","version":23,"saga_id":43}',
    ),
    (
        PoolDrained("main", 25, 43),
        '{"event":"pool_drained","label":"main","version":25,"saga_id":43}',
    ),
    (
        PoolNotLast("main", 25),
        '{"event":"pool_not_last","label":"main","version":25,"saga_id":null}',
    ),
    (
        BackendWindowIdRegistered("main", "9b1d", 8),
        '{"event":"backend_window_id_registered","label":"main","window_id":"9b1d","version":8}',
    ),
    (
        BackendWindowIdUnregistered("main", "9b1d", 8),
        '{"event":"backend_window_id_unregistered","label":"main","window_id":"9b1d","version":8}',
    ),
    (
        DriftDetected("pool", 1, 2, 30),
        '{"event":"drift_detected","kind":"pool","host_count":1,"mirror_count":2,"version":30}',
    ),
    (
        HwndDriftDetected(
            kind="orphan_instance", label="main", detail="…", severity="warn", version=22
        ),
        (
            '{"event":"hwnd_drift_detected","kind":"orphan_instance","label":"main","hwnd":null,'
            '"detail":"…","severity":"warn","version":22}'
        ),
    ),
    (
        CorrectiveWindowMove(170, Rect(0, 0, 800, 600), "off_monitor", 31),
        (
            '{"event":"corrective_window_move","hwnd":170,'
            '"target_rect":{"left":0,"top":0,"right":800,"bottom":600},"reason":"off_monitor",'
            '"version":31}'
        ),
    ),
    (HostShouldQuit(23), '{"event":"host_should_quit","version":23}'),
    (EventList((), 31), '{"event":"event_list","events":[],"version":31}'),
    (
        SagaStarted(42, "pool_respawn_on_promote", 12),
        '{"event":"saga_started","saga_id":42,"name":"pool_respawn_on_promote","version":12}',
    ),
    (SagaCompleted(42, 16), '{"event":"saga_completed","saga_id":42,"version":16}'),
    (
        SagaFailed(42, "saga timeout", 17),
        '{"event":"saga_failed","saga_id":42,"reason":"saga timeout","version":17}',
    ),
    (
        SagaActionFailed(43, "window not found", 26),
        '{"event":"saga_action_failed","saga_id":43,"reason":"window not found","version":26}',
    ),
)
"""FACTS 2.6, but for the snapshot."""

SNAPSHOT = Snapshot(
    version=4,
    lifecycle="running",
    windows=(
        WindowSnapshot(
            label="main",
            kind="full_instance",
            visible=False,
            iconic=False,
            foregrounded_since_open=False,
        ),
    ),
    pool=("window-pool-1",),
    instance_registry=(("main", 1),),
    backend_window_ids=(),
    monitors=(),
)
"""What the snapshot of FACTS 2.6 shows."""

ORIGINAL_SNAPSHOT_LINE = (
    '{"event":"snapshot","version":4,"lifecycle":"running","windows":[{"label":"main",'
    '"kind":"full_instance","parent_label":null,"hwnd":null,"visible":false,"iconic":false,'
    '"last_rect":null,"foregrounded_since_open":false}],"pool":["window-pool-1"],'
    '"instance_registry":[["main",1]],"backend_window_ids":[],"monitors":[]}'
)
"""The line of FACTS 2.6. The original's snapshot tells of no sagas; ours does, in its last key."""

OWN_EVENT_ROWS: tuple[tuple[WireEvent, str], ...] = (
    (SNAPSHOT, ORIGINAL_SNAPSHOT_LINE.removesuffix("}") + ',"sagas":[]}'),
    (
        Snapshot(
            version=9,
            lifecycle="running",
            windows=(
                WindowSnapshot(
                    label="main",
                    kind="subwindow",
                    parent_label="top",
                    hwnd=170,
                    visible=True,
                    iconic=True,
                    last_rect=Rect(-8, -8, 800, 600),
                    foregrounded_since_open=True,
                ),
            ),
            pool=(),
            instance_registry=(),
            backend_window_ids=(("main", "9b1d"),),
            monitors=(Rect(0, 0, 1920, 1080),),
            sagas=(
                SagaSnapshot(41, "window_cleanup_cascade", "failed", "saga timeout"),
                SagaSnapshot(42, "pool_respawn_on_promote", "running"),
            ),
        ),
        (
            '{"event":"snapshot","version":9,"lifecycle":"running","windows":[{"label":"main",'
            '"kind":"subwindow","parent_label":"top","hwnd":170,"visible":true,"iconic":true,'
            '"last_rect":{"left":-8,"top":-8,"right":800,"bottom":600},'
            '"foregrounded_since_open":true}],"pool":[],"instance_registry":[],'
            '"backend_window_ids":[["main","9b1d"]],'
            '"monitors":[{"left":0,"top":0,"right":1920,"bottom":1080}],'
            '"sagas":[{"saga_id":41,"name":"window_cleanup_cascade","state":"failed",'
            '"failure_reason":"saga timeout"},{"saga_id":42,"name":"pool_respawn_on_promote",'
            '"state":"running","failure_reason":null}]}'
        ),
    ),
    (
        EventList((HostShouldQuit(23), SagaCompleted(42, 24)), 31, True),
        (
            '{"event":"event_list","events":[{"event":"host_should_quit","version":23},'
            '{"event":"saga_completed","saga_id":42,"version":24}],"version":31,"truncated":true}'
        ),
    ),
    (
        LogDegraded(3, "disk full", 50),
        '{"event":"log_degraded","pending_records":3,"error":"disk full","version":50}',
    ),
    (LogRecovered(3, 51), '{"event":"log_recovered","records":3,"version":51}'),
)
"""What DESIGN 7 adds to the original's events."""

FRAME_ROWS: tuple[tuple[HostCommand, str], ...] = (
    (SpawnPoolWindow(42), '{"kind":"command","cmd":"spawn_pool_window","saga_id":42}'),
    (ReapPanes("main", 43), '{"kind":"command","cmd":"reap_panes","label":"main","saga_id":43}'),
    (
        DrainPoolIfLast("main", 43),
        '{"kind":"command","cmd":"drain_pool_if_last","label":"main","saga_id":43}',
    ),
    (ProbeUiThread(7), '{"kind":"command","cmd":"probe_ui_thread","nonce":7}'),
)
"""FACTS 2.3, commands."""

EVENT_FRAME_ROW: tuple[WireEvent, str] = (
    PoolWindowAdded("window-pool-xyz", 5, 7),
    '{"kind":"event","event":"pool_window_added","label":"window-pool-xyz","version":5,"saga_id":7}',
)
"""FACTS 2.3: it parses, but no launcher ever sends it."""
