"""`diag bounds`: what the launcher of a data directory bounds, and how often a bound was met."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
from msgspec import Struct
from returns.result import Failure, Success

from saga_shell.cli.diag.listing import header
from saga_shell.cli.diag.source import Place, place_of
from saga_shell.cli.refusal import Refusal
from saga_shell.cli.schema import JsonCommand, json_line, json_option
from saga_shell.cli.streams import path_text, show
from saga_shell.cli.values import SomePath
from saga_shell.launcher.bounds import MEANINGS, option_name
from saga_shell.launcher.counts import Counts, read_counts

TITLE = "AgentMux launcher bounds diagnostic"

NONE_YET = "No launcher has run here yet."
STALE_SECONDS = 5.0
"""A launcher writes each second; on a busy machine that may be late, but not by so much."""


class BoundRecord(Struct, frozen=True):
    """One bound: its name for `run --bound`, how much it allows, and how often it was met."""

    name: str
    bound: float
    unit: str
    times: int


class BoundsReport(Struct, frozen=True):
    """The counts of the launcher that ran last; `launcher_pid` is None if none has run here.

    `as_of`: when they were written, RFC 3339 in UTC, which is `seconds_old`. `stale`: a launcher
    runs, and these are not its counts of now.
    """

    data_dir: str
    live: bool
    launcher_pid: int | None
    as_of: str | None
    seconds_old: float | None
    stale: bool
    bounds: list[BoundRecord]
    counts: dict[str, int]


@click.command(cls=JsonCommand, report=BoundsReport)
@click.option("--data-dir", type=SomePath(), required=True, help="The launcher's --data-dir.")
@json_option
def bounds(data_dir: Path, as_json: bool) -> None:
    """Show how much may wait, come in or be kept, and how often that was met since the start.

    The running launcher's counts are a few seconds old at most, or it is said as of when they are;
    those of one that has ended stay.
    """
    place = place_of(data_dir)
    counts = _counts(data_dir)
    now = datetime.now(UTC)
    show(
        json_line(_report(place, counts, now)) if as_json else "\n".join(_text(place, counts, now))
    )


def _counts(data_dir: Path) -> Counts | None:
    match read_counts(data_dir):
        case Failure(line):
            raise Refusal(line)
        case Success(counts):
            return counts


def _report(place: Place, counts: Counts | None, now: datetime) -> BoundsReport:
    return BoundsReport(
        data_dir=path_text(place.data_dir),
        live=place.live,
        launcher_pid=None if counts is None else counts.launcher_pid,
        as_of=None if counts is None else _as_of(counts),
        seconds_old=None if counts is None else _seconds_old(counts, now),
        stale=place.live if counts is None else _stale(place, counts, now) is not None,
        bounds=[] if counts is None else list(_records(counts)),
        counts={} if counts is None else counts.others,
    )


def _records(counts: Counts) -> Iterator[BoundRecord]:
    for met in counts.bounds:
        if met.name in MEANINGS:
            unit = MEANINGS[met.name].unit
            yield BoundRecord(option_name(met.name), met.bound, unit, met.times)


def _as_of(counts: Counts) -> str | None:
    return None if counts.as_of is None else counts.as_of.isoformat(timespec="seconds")


def _seconds_old(counts: Counts, now: datetime) -> float | None:
    """Not below 0, though somebody may have set the clock back."""
    return None if counts.as_of is None else max(0.0, (now - counts.as_of).total_seconds())


def _is_its_own(place: Place, counts: Counts) -> bool:
    """Whether the launcher that runs now wrote these counts."""
    return place.owner is not None and place.owner.pid in (counts.launcher_pid, None)


def _stale(place: Place, counts: Counts, now: datetime) -> str | None:
    """Why these are not the counts of now; None if they are, and if no launcher runs."""
    if place.owner is None:
        return None
    if not _is_its_own(place, counts):
        return f"process {place.owner.pid}, which runs now, has written no counts yet"
    age = _seconds_old(counts, now)
    if age is None or age <= STALE_SECONDS:
        return None
    return "it has written none since: if its disk fails, its log lines say so"


def _standing(place: Place, counts: Counts, now: datetime) -> Iterator[str]:
    """Whose counts these are; as of when, unless that is now."""
    running = _is_its_own(place, counts)
    yield f"Launcher: process {counts.launcher_pid}, {'running' if running else 'ended'}"
    stale, age = _stale(place, counts, now), _seconds_old(counts, now)
    if age is not None and (stale is not None or not running):
        yield f"Counts: as of {_as_of(counts)}, {age:,.0f} s ago"
    if stale is not None:
        yield f"Warning: these are not the counts of now: {stale}"


def _text(place: Place, counts: Counts | None, now: datetime) -> Iterator[str]:
    yield from header(TITLE, place)
    if counts is None:
        yield "The launcher has written no counts yet." if place.live else NONE_YET
        return
    yield from _standing(place, counts, now)
    yield ""
    yield f"{'bound':<18} {'value':>22} {'met':>6}  of what, and what happens then"
    for met in counts.bounds:
        if met.name in MEANINGS:
            unit, what, then = MEANINGS[met.name]
            value = f"{met.bound:,.12g} {unit}"
            yield f"{option_name(met.name):<18} {value:>22} {met.times:>6}  {what}: {then}"
    yield ""
    for name, count in counts.others.items():
        yield f"{name.replace('_', ' '):<24} {count:>9}"
