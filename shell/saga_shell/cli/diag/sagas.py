"""`diag sagas`: the last sagas of a data directory, offline (FACTS 4.5)."""

from pathlib import Path

import click
from returns.result import Failure, Success

from saga_shell.cli.diag.listing import Entry, header, listing, no_log
from saga_shell.cli.diag.records import SagaRecord, SagasReport, saga_record
from saga_shell.cli.diag.source import Place, open_log, place_of, read
from saga_shell.cli.program import PROGRAM
from saga_shell.cli.refusal import Refusal
from saga_shell.cli.schema import JsonCommand, json_line, json_option
from saga_shell.cli.streams import path_text, remark, show
from saga_shell.cli.values import SomePath
from saga_shell.log import SagaLogReader, StepRow

TITLE = "AgentMux launcher saga diagnostic"
DEFAULT_LIMIT = 50
HIGHEST_LIMIT = 10_000
STATES = ("running", "completed", "failed", "compensating", "failed_compensation")


@click.command(cls=JsonCommand, report=SagasReport)
@click.option("--data-dir", type=SomePath(), required=True, help="The launcher's --data-dir.")
@click.option(
    "--limit",
    type=click.IntRange(1, HIGHEST_LIMIT),
    default=DEFAULT_LIMIT,
    show_default=True,
    help="How many sagas to show.",
)
@click.option("--state", type=click.Choice(STATES), help="Show only sagas in this state.")
@json_option
def sagas(data_dir: Path, limit: int, state: str | None, as_json: bool) -> None:
    """List the last sagas of a data directory, newest first.

    It reads the log and changes nothing, beside a running launcher too. Exit code 0 also if there
    is no log yet; 1 if the directory is missing or the log can't be read.
    """
    place = place_of(data_dir)
    entries = _entries(place, limit, state)
    if as_json:
        show(json_line(_report(place, entries or ())))
        return
    body = [no_log(place)] if entries is None else listing(entries, state, live=place.live)
    show("\n".join([*header(TITLE, place), *body]))
    for entry in entries or ():
        if isinstance(entry.steps, str):
            raise Refusal(entry.steps)


def _entries(place: Place, limit: int, state: str | None) -> tuple[Entry, ...] | None:
    """The sagas that were asked for; None if there is no log. Raises `Refusal`."""
    reader = open_log(place)
    if reader is None:
        return None
    with reader:
        rows = read(reader.snapshot_recent(limit, state))
        return tuple(Entry(row, _steps(reader, row.saga_id)) for row in rows)


def _steps(reader: SagaLogReader, saga_id: int) -> tuple[StepRow, ...] | str:
    match reader.steps(saga_id):
        case Failure(error):
            return error.message
        case Success(steps):
            return steps


def _report(place: Place, entries: tuple[Entry, ...]) -> SagasReport:
    if place.degraded is not None:
        remark(PROGRAM, place.degraded)
    return SagasReport(
        data_dir=path_text(place.data_dir),
        log=path_text(place.log),
        live=place.live,
        sagas=[_record(entry) for entry in entries],
    )


def _record(entry: Entry) -> SagaRecord:
    if isinstance(entry.steps, str):
        raise Refusal(entry.steps)
    return saga_record(entry.saga, entry.steps)
