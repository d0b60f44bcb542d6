"""`bench`: what the launcher costs, beside its limits (see `saga_shell.bench`)."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile, gettempdir
from typing import TypedDict, Unpack

import click
import msgspec
from rich.console import Console

from saga_shell.bench.failure import BenchFailed
from saga_shell.bench.machine import Machine, this_machine
from saga_shell.bench.parts import PARTS, runs_of
from saga_shell.bench.place import Tell
from saga_shell.bench.report import Report, machine_line, report_of, shown
from saga_shell.bench.sizes import FULL, QUICK, Sizes
from saga_shell.cli.refusal import EXIT_USAGE, Refusal
from saga_shell.cli.schema import JsonCommand, json_line, json_option
from saga_shell.cli.streams import path_text, show
from saga_shell.cli.values import SomePath

MOST_RUNS = 1_000
MOST_IN_FLIGHT = 1_000_000


class Given(TypedDict):
    """The command line as click hands it over."""

    parts: tuple[str, ...]
    quick: bool
    runs: int | None
    in_flight: tuple[int, ...]
    directory: Path | None
    as_json: bool


@click.command(cls=JsonCommand, report=Report)
@click.argument("parts", metavar="[PART]...", type=click.Choice(list(PARTS)), nargs=-1)
@click.option("--quick", is_flag=True, help="Small sizes, two runs: to see that it works.")
@click.option(
    "--runs",
    type=click.IntRange(1, MOST_RUNS),
    help=f"How often each part is measured.  [default: {FULL.runs}]",
)
@click.option(
    "--in-flight",
    type=click.IntRange(1, MOST_IN_FLIGHT),
    multiple=True,
    help="Sagas in flight, for log, socket and (beside the measured ones) reducer; repeatable.",
)
@click.option(
    "--dir",
    "directory",
    type=SomePath(),
    help="Put the measured files there: the disk counts.  [default: the system's]",
)
@json_option
def bench(**given: Unpack[Given]) -> None:
    """Measure what the launcher costs, each figure beside its limit in the same run.

    Parts: reducer, log, socket, fanout, recovery, memory, load, resources; all of them if none is
    named, which takes some forty minutes. Figures are medians of several runs with their range;
    the ratios count. Whether goals are met doesn't change the exit code: 0 measured, 1 something
    kept it from being measured, 2 usage. With --json, one line per part.
    """
    directory = _writable(given["directory"])
    sizes, console = _sizes(given), Console(highlight=False)
    with _ended_by_sigterm_too():
        machine = this_machine(directory)
        if not given["as_json"]:
            show(machine_line(machine))
        for part in given["parts"] or PARTS:
            report = _report(part, sizes, machine, directory)
            show(json_line(report) if given["as_json"] else _drawn(console, report))


def _writable(wanted: Path | None) -> Path:
    """Where the measured files go. Raises `Refusal` if no file can be put there."""
    try:
        directory = wanted or Path(gettempdir())
        with TemporaryFile(dir=directory):
            return directory
    except OSError as error:
        where = f"{path_text(wanted)}: " if wanted is not None else ""
        raise Refusal(f"bench: {where}{error.strerror}: see --dir", EXIT_USAGE) from None


def _report(part: str, sizes: Sizes, machine: Machine, directory: Path) -> Report:
    try:
        with _progress(part) as tell:
            runs = runs_of(part, sizes, directory, tell)
    except BenchFailed as failed:
        raise Refusal(f"bench {part}: {failed}") from None
    except OSError as error:
        where = error.filename or directory
        raise Refusal(f"bench {part}: {where}: {error.strerror}: see --dir") from None
    return report_of(part, runs, machine)


@contextmanager
def _progress(part: str) -> Iterator[Tell]:
    """Yields what tells how far it is, in one line that changes, if somebody watches."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status(part) as status:
        yield status.update


@contextmanager
def _ended_by_sigterm_too() -> Iterator[None]:
    """Let SIGTERM end it as Ctrl-C does, so that no process and no file is left behind."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _drawn(console: Console, report: Report) -> str:
    with console.capture() as captured:
        console.print(shown(report))
    return captured.get()


def _sizes(given: Given) -> Sizes:
    sizes = QUICK if given["quick"] else FULL
    if given["runs"] is not None:
        sizes = msgspec.structs.replace(sizes, runs=given["runs"])
    if given["in_flight"]:
        wanted = tuple(sorted(set(given["in_flight"])))
        sizes = msgspec.structs.replace(sizes, in_flight=wanted, others=wanted)
    return sizes
