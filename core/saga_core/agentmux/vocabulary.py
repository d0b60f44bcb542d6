"""The words that AgentMux's commands and events share (FACTS 2.4)."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from saga_core.engine import U64

U64_MAX = 2**64 - 1
U32_MAX = 2**32 - 1

U32 = Annotated[int, Meta(ge=0, le=U32_MAX)]
"""An unsigned 32 bit number: pids, counts, instance numbers."""

I32 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
"""A signed 32 bit number: screen coordinates, exit codes."""

ClientKind = Literal["host", "renderer", "srv", "tool"]
WindowKind = Literal["full_instance", "subwindow"]
LifecyclePhase = Literal["starting", "running", "quitting", "dead"]
ErrorCode = Literal["invalid_command", "not_registered", "already_registered"]
DriftKind = Literal["windows", "pool"]
HwndDriftKind = Literal[
    "browser_without_hwnd",
    "hwnd_without_browser",
    "hidden_since_open",
    "off_monitor",
    "orphan_destroy",
    "lingering_hwnd",
    "orphan_instance",
]
Severity = Literal["info", "warn", "error"]
StageStatus = Literal["ok", "warn", "error"]
SagaState = Literal["running", "completed", "failed", "failed_compensation"]


class Rect(Struct, frozen=True):
    """A rectangle on the desktop, in pixels; `right` and `bottom` lie just outside of it."""

    left: I32
    top: I32
    right: I32
    bottom: I32


class WindowSnapshot(Struct, frozen=True, kw_only=True):
    """One window as `get_snapshot` shows it."""

    label: str
    kind: WindowKind
    parent_label: str | None = None
    hwnd: U64 | None = None
    visible: bool
    iconic: bool
    last_rect: Rect | None = None
    foregrounded_since_open: bool


class SagaSnapshot(Struct, frozen=True):
    """One saga as `get_snapshot` shows it: in flight, or one of the last that ended."""

    saga_id: U64
    name: str
    state: SagaState
    failure_reason: str | None = None
