"""`diag wrr`: what the running launcher sees now and saw lately (FACTS 4.6)."""

import os
from pathlib import Path

import click
from returns.result import Failure, Success

from saga_shell.cli.diag.source import Place, place_of
from saga_shell.cli.diag.tool import ANSWER_SECONDS, Heard, Tool
from saga_shell.cli.diag.wrr_report import WrrReport, wrr_report
from saga_shell.cli.diag.wrr_text import wrr_text
from saga_shell.cli.program import PROGRAM, own_version
from saga_shell.cli.refusal import Refusal
from saga_shell.cli.schema import JsonCommand, json_line, json_option
from saga_shell.cli.streams import path_text, remark, show
from saga_shell.cli.values import Seconds, SomePath
from saga_shell.ipc import default_endpoint, own_uid
from saga_shell.log import owner_of

SOCKET_VARIABLE = "AGENTMUX_LAUNCHER_PIPE"
DEFAULT_SECONDS = 2.0


@click.command(cls=JsonCommand, report=WrrReport)
@click.option("--data-dir", type=SomePath(), help="The launcher's --data-dir.")
@click.option(
    "--socket",
    type=SomePath(),
    help=f"The launcher's socket.  [default: that of --data-dir, else ${SOCKET_VARIABLE}]",
)
@click.option(
    "--seconds",
    type=Seconds(),
    default=DEFAULT_SECONDS,
    show_default=True,
    help="How long to listen.",
)
@json_option
def wrr(data_dir: Path | None, socket: Path | None, seconds: float, as_json: bool) -> None:
    """Ask the running launcher for its windows, sagas and last events, then listen for a while.

    Exit code 1 if no launcher answers.
    """
    place = None if data_dir is None else place_of(data_dir)
    path = _socket(socket, place)
    heard = _heard(path, seconds, place)
    for reason in heard.unreadable:
        remark(PROGRAM, f"the launcher sent a line that can't be read: {reason}")
    if heard.refusal is not None:
        raise Refusal(f"the launcher on {path} turned us away: {heard.refusal}")
    if heard.answers is None:
        what = "hung up" if heard.ended else f"took more than {ANSWER_SECONDS:g} s"
        raise Refusal(f"the launcher on {path} {what} before it had answered: see its log lines")
    note = _note(data_dir, heard.answers.registered.launcher_pid)
    report = wrr_report(path_text(path), heard.answers, heard, seconds, note)
    show(json_line(report) if as_json else "\n".join(wrr_text(report)))


def _socket(socket: Path | None, place: Place | None) -> Path:
    if socket is not None:
        return socket
    if place is not None:
        match default_endpoint(place.data_dir, own_version(), os.environ, own_uid()):
            case Success(endpoint):
                return endpoint.path
            case Failure(line):
                raise Refusal(line)
    if named := os.environ.get(SOCKET_VARIABLE):
        return Path(named)
    raise click.UsageError(f"no launcher: give --data-dir or --socket, or set {SOCKET_VARIABLE}")


def _heard(path: Path, seconds: float, place: Place | None) -> Heard:
    try:
        with Tool(path) as tool:
            return tool.ask(own_version(), seconds)
    except OSError as error:
        line = f"no launcher answers on {path} ({error.strerror or error}): {_advice(place)}"
        raise Refusal(line) from None


def _note(data_dir: Path | None, launcher_pid: int) -> str | None:
    """What the launcher that answered says of its log by now, if that data directory is its own."""
    owner = None if data_dir is None else owner_of(data_dir)
    return owner.note if owner is not None and owner.pid == launcher_pid else None


def _advice(place: Place | None) -> str:
    if place is not None and place.owner is not None:
        pid = "" if place.owner.pid is None else f", process {place.owner.pid},"
        return (
            f"but one{pid} runs on {place.data_dir}: if it was given another socket, name that with"
            " --socket, else its log lines say what is wrong with this one"
        )
    return f"start one with '{PROGRAM} run', or name its socket with --socket"
