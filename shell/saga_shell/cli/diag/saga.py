"""`diag saga ID`: one saga as a timeline."""

from pathlib import Path

import click

from saga_shell.cli.diag.listing import header
from saga_shell.cli.diag.records import SagaReport, saga_record
from saga_shell.cli.diag.source import Place, open_log, place_of, read
from saga_shell.cli.diag.timeline import timeline
from saga_shell.cli.program import PROGRAM
from saga_shell.cli.refusal import Refusal
from saga_shell.cli.schema import JsonCommand, json_line, json_option
from saga_shell.cli.streams import path_text, remark, show
from saga_shell.cli.values import SomePath
from saga_shell.log import SagaRow, StepRow

TITLE = "AgentMux launcher saga timeline"


@click.command(cls=JsonCommand, report=SagaReport)
@click.argument("saga_id", metavar="ID", type=click.IntRange(min=1))
@click.option("--data-dir", type=SomePath(), required=True, help="The launcher's --data-dir.")
@json_option
def saga(saga_id: int, data_dir: Path, as_json: bool) -> None:
    """Show saga ID as a timeline: what was asked of whom, what came back, how long it took.

    It reads the log and changes nothing, beside a running launcher too. Exit code 1 if there is no
    such saga or the log can't be read.
    """
    place = place_of(data_dir)
    row, steps = _saga(place, saga_id)
    if not as_json:
        show("\n".join([*header(TITLE, place), *timeline(row, steps, live=place.live)]))
        return
    if place.degraded is not None:
        remark(PROGRAM, place.degraded)
    record = saga_record(row, steps)
    data_dir_text, log_text = path_text(place.data_dir), path_text(place.log)
    show(json_line(SagaReport(data_dir_text, log_text, place.live, record)))


def _saga(place: Place, saga_id: int) -> tuple[SagaRow, tuple[StepRow, ...]]:
    """The saga's rows. Raises `Refusal` if there are none."""
    reader = open_log(place)
    if reader is None:
        raise Refusal(f"there is no saga {saga_id}: no saga log at {place.log}{_outage(place)}")
    with reader:
        row, steps = read(reader.saga(saga_id)), read(reader.steps(saga_id))
    if row is None:
        where = f"{place.log} (see '{PROGRAM} diag sagas --data-dir {place.data_dir}')"
        raise Refusal(f"there is no saga {saga_id} in {where}{_outage(place)}")
    return row, steps


def _outage(place: Place) -> str:
    """Where else the saga may be, if its rows may wait for the disk (FACTS R-44)."""
    if place.degraded is None:
        return ""
    ask = f"'{PROGRAM} diag wrr --data-dir {place.data_dir}'"
    return f"; but {place.degraded}: ask the launcher for it with {ask}"
