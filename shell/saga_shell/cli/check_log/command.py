"""`agentmux-launcher check-log`: a recorded saga log, replayed through the reducer."""

from pathlib import Path

import click

from saga_core.check.logged import LogVerdict
from saga_core.check.logged import check_log as run_check_log
from saga_core.engine import Config
from saga_shell.cli.check.application import scenario_of, staying
from saga_shell.cli.check.memory import EXIT_UNDETERMINED, undetermined_without_memory
from saga_shell.cli.check_log.report import LogFileReport, lines, of_file
from saga_shell.cli.check_log.source import Source, log_at, open_log
from saga_shell.cli.refusal import EXIT_FAILED, EXIT_USAGE, Refusal
from saga_shell.cli.schema import JsonCommand, json_line, json_option
from saga_shell.cli.streams import path_text, show
from saga_shell.cli.values import SomePath

_CODES: dict[LogVerdict, int] = {
    "possible": 0,
    "impossible": EXIT_FAILED,
    "undetermined": EXIT_UNDETERMINED,
}


@click.command("check-log", cls=JsonCommand, report=LogFileReport)
@click.argument("file", metavar="FILE", type=SomePath())
@click.option(
    "--application",
    metavar="MODULE:NAME",
    help="A saga_core.check.Scenario of yours that has a `log`, instead of AgentMux's.",
)
@click.option(
    "--buffer-cap",
    type=click.IntRange(min=0),
    default=Config().buffer_cap,
    show_default=True,
    help="How many commands could wait for one peer when the log was written.",
)
@json_option
def check_log(file: Path, application: str | None, buffer_cap: int, as_json: bool) -> int:
    """Say whether FILE, a saga log or a data directory, is one that the reducer can have written.

    The records are replayed in the order of their times through the reducer that runs in
    production, with whatever may have happened in between: answers, failures, deadlines, peers that
    come and go, a shutdown, a death and the start after it. The file is only read, beside a running
    launcher too.

    What is possible: sagas that still run; rows that a death cut off in the middle of a step; ids
    that jump from one run to the next; sagas gone by their retention, as long as nothing that ended
    earlier is left; a clock that was set back. When a timer fires, and what a peer says is wrong,
    is up to the world. What the original launcher wrote is read by its own rules: a command
    without its saga's id, a pending step of a saga that ended, a failed saga that its next start
    relabelled.

    Exit codes: 0 every record is possible, 1 one is not, 2 usage or the file can't be read, 3
    undetermined: it is possible only if peers came and went in ways that are not looked at, or
    memory ran out.
    """
    with undetermined_without_memory("check-log", "look at it on a larger machine"):
        return _replayed(file, application, buffer_cap, as_json=as_json)


def _replayed(file: Path, application: str | None, buffer_cap: int, *, as_json: bool) -> int:
    scenario = scenario_of(application)
    if scenario.log is None:
        line = f"--application {application}: the scenario doesn't say how its log is read"
        raise Refusal(f"{line}: give it a `log`", EXIT_USAGE)
    path = log_at(file)
    with open_log(path) as reader:
        source = Source(reader, scenario)
        config = Config(buffer_cap=buffer_cap)
        with staying(application):
            found = run_check_log(scenario, source.sagas(), config, source.extent.oldest_end)
    report = of_file(path_text(path), found, source.original)
    show(json_line(report) if as_json else "\n".join(lines(report)))
    return _CODES[report.verdict]
