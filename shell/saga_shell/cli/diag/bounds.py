"""`diag bounds`: what the launcher of a data directory bounds, and how often a bound was met."""

from collections.abc import Iterator
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


class BoundRecord(Struct, frozen=True):
    """One bound: its name for `run --bound`, how much it allows, and how often it was met."""

    name: str
    bound: float
    unit: str
    times: int


class BoundsReport(Struct, frozen=True):
    """The counts of the launcher that ran last; `launcher_pid` is None if none has run here."""

    data_dir: str
    live: bool
    launcher_pid: int | None
    bounds: list[BoundRecord]
    counts: dict[str, int]


@click.command(cls=JsonCommand, report=BoundsReport)
@click.option("--data-dir", type=SomePath(), required=True, help="The launcher's --data-dir.")
@json_option
def bounds(data_dir: Path, as_json: bool) -> None:
    """Show how much may wait, come in or be kept, and how often that was met since the start.

    The running launcher's counts are a second old at most; those of one that has ended stay.
    """
    place = place_of(data_dir)
    counts = _counts(data_dir)
    show(json_line(_report(place, counts)) if as_json else "\n".join(_text(place, counts)))


def _counts(data_dir: Path) -> Counts | None:
    match read_counts(data_dir):
        case Failure(line):
            raise Refusal(line)
        case Success(counts):
            return counts


def _report(place: Place, counts: Counts | None) -> BoundsReport:
    return BoundsReport(
        data_dir=path_text(place.data_dir),
        live=place.live,
        launcher_pid=None if counts is None else counts.launcher_pid,
        bounds=[] if counts is None else list(_records(counts)),
        counts={} if counts is None else counts.others,
    )


def _records(counts: Counts) -> Iterator[BoundRecord]:
    for met in counts.bounds:
        if met.name in MEANINGS:
            unit = MEANINGS[met.name].unit
            yield BoundRecord(option_name(met.name), met.bound, unit, met.times)


def _text(place: Place, counts: Counts | None) -> Iterator[str]:
    yield from header(TITLE, place)
    if counts is None:
        yield "No launcher has run here yet."
        return
    yield f"Launcher: process {counts.launcher_pid}, {'running' if place.live else 'ended'}"
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
