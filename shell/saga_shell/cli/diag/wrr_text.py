"""The text of `diag wrr`, in the sections of FACTS 4.6 and one for the sagas."""

from collections.abc import Iterator

import msgspec

from saga_core.agentmux.events import Snapshot
from saga_core.agentmux.vocabulary import Rect, SagaSnapshot, WindowSnapshot
from saga_shell.cli.diag.words import NOTHING, coloured
from saga_shell.cli.diag.wrr_report import Replay, Stream, WireObject, WrrReport
from saga_shell.printable import printable


def wrr_text(report: WrrReport) -> Iterator[str]:
    """The whole report."""
    yield f"Launcher: pid {report.launcher_pid}, version {printable(report.launcher_version)}"
    yield f"Socket: {printable(report.socket)}"
    if report.log_degraded is not None:
        yield f"Warning: the launcher can't write its saga log: {printable(report.log_degraded)}"
    yield ""
    yield from _snapshot(report.snapshot)
    yield ""
    yield from _sagas(report.snapshot.sagas)
    yield ""
    yield from _replay(report.replay)
    yield ""
    yield from _stream(report.live)


def _snapshot(snapshot: Snapshot) -> Iterator[str]:
    numbers, backend = dict(snapshot.instance_registry), dict(snapshot.backend_window_ids)
    monitors = ", ".join(_rect(monitor) for monitor in snapshot.monitors)
    yield f"=== Snapshot (event_version={snapshot.version}) ==="
    yield f"Lifecycle: {snapshot.lifecycle}"
    yield f"Monitors ({len(snapshot.monitors)}): [{monitors}]"
    yield f"Windows ({len(snapshot.windows)}):"
    for window in snapshot.windows:
        yield _window(window, numbers.get(window.label), backend.get(window.label))
    pool = ", ".join(printable(label) for label in snapshot.pool)
    yield f"Pool ({len(snapshot.pool)}): [{pool}]"


def _window(window: WindowSnapshot, number: int | None, backend: str | None) -> str:
    hwnd = NOTHING if window.hwnd is None else window.hwnd
    return (
        f"  #{'?' if number is None else number} {printable(window.label)} kind={window.kind}"
        f" hwnd={hwnd} visible={_yes(window.visible)} iconic={_yes(window.iconic)}"
        f" fg_seen={_yes(window.foregrounded_since_open)}"
        f" backend={NOTHING if backend is None else printable(backend)}"
    )


def _sagas(sagas: tuple[SagaSnapshot, ...]) -> Iterator[str]:
    running = sum(saga.state == "running" for saga in sagas)
    yield f"=== Sagas ({running} in flight, last {len(sagas) - running} that ended) ==="
    for saga in sagas:
        reason = saga.failure_reason
        why = "" if reason is None else f" failure: {printable(reason)}"
        state = coloured(saga.state)
        yield f"  saga_id={saga.saga_id} name={printable(saga.name)} state={state}{why}"


def _replay(replay: Replay) -> Iterator[str]:
    count = len(replay.events)
    yield f"=== EventList replay (event_version={replay.event_version}, {count} event(s)) ==="
    if replay.truncated:
        yield "  (older events are gone: the launcher keeps the last ones only)"
    yield from _numbered(replay.events)


def _stream(live: Stream) -> Iterator[str]:
    yield f"=== Live stream observed in {live.seconds:g}s ==="
    if live.ended:
        yield "(the launcher ended the connection before that time was over)"
    yield "By kind:"
    for kind, count in live.by_kind.items():
        yield f"  {count}× {kind}"  # noqa: RUF001 -- the sign of FACTS 4.6
    yield "Full stream (oldest first):"
    yield from _numbered(live.events)


def _numbered(events: list[WireObject]) -> Iterator[str]:
    for index, event in enumerate(events):
        yield f"  [{index}] {printable(msgspec.json.encode(event).decode())}"


def _rect(rect: Rect) -> str:
    return f"{rect.right - rect.left}x{rect.bottom - rect.top}{rect.left:+d}{rect.top:+d}"


def _yes(fact: bool) -> str:
    return "true" if fact else "false"
