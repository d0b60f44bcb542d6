"""What `diag wrr` found out, as `--json` shows it."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

from saga_core.agentmux.events import Snapshot
from saga_core.engine import BusEvent, LogDegraded, LogRecovered, tag_of, version_of
from saga_shell.cli.diag.tool import Answers, Heard

WireObject = dict[str, Any]


class Replay(Struct, frozen=True):
    """What the launcher still held of its events; `truncated`: older ones are gone."""

    event_version: int
    truncated: bool
    events: list[WireObject]


class Stream(Struct, frozen=True):
    """What came on the bus while we listened. `by_kind` counts; `ended`: the launcher went."""

    seconds: float
    ended: bool
    by_kind: dict[str, int]
    events: list[WireObject]


class WrrReport(Struct, frozen=True):
    """What the launcher sees. `log_degraded`: why it can't write its saga log, if it can't."""

    socket: str
    launcher_pid: int
    launcher_version: str
    log_degraded: str | None
    snapshot: Snapshot
    replay: Replay
    live: Stream


def wrr_report(
    socket: str, answers: Answers, heard: Heard, seconds: float, note: str | None
) -> WrrReport:
    """All of it; `note` is what the launcher says of its log in its data directory, if so."""
    return WrrReport(
        socket=socket,
        launcher_pid=answers.registered.launcher_pid,
        launcher_version=answers.registered.launcher_version,
        log_degraded=_degraded((*answers.replay.events, *heard.live), note),
        snapshot=answers.snapshot,
        replay=Replay(
            event_version=answers.replay.version,
            truncated=answers.replay.truncated,
            events=_objects(answers.replay.events),
        ),
        live=Stream(
            seconds=seconds,
            ended=heard.ended,
            by_kind=dict(sorted(Counter(tag_of(event) for event in heard.live).items())),
            events=_objects(heard.live),
        ),
    )


def _objects(events: Iterable[BusEvent]) -> list[WireObject]:
    return [msgspec.to_builtins(event) for event in events]


def _degraded(events: Iterable[BusEvent], note: str | None) -> str | None:
    """What the newest word on the log says; the note if the ring no longer holds one.

    While it fails, the note counts what waits by now: the event came when the outage began.
    """
    words = [event for event in events if isinstance(event, LogDegraded | LogRecovered)]
    match max(words, key=version_of, default=None):
        case LogDegraded(pending_records=pending, error=error):
            return note or f"{error}; {pending} record(s) waited in memory when that began"
        case LogRecovered():
            return None
        case _:
            return note
