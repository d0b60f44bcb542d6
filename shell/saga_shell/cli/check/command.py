"""`agentmux-launcher check`: visit every world within a scope, and say what holds."""

import gc
from pathlib import Path
from typing import TypedDict, Unpack

import click
from msgspec.structs import replace

from saga_core.check import (
    FAULTS,
    REDUCTIONS,
    Limits,
    Progress,
    Report,
    Scenario,
    Scope,
    Verdict,
    Watch,
)
from saga_core.check import check as run_check
from saga_core.check.search import UNREDUCED_WORLD_KB, WORLD_KB
from saga_shell.cli.check.application import scenario_of, staying
from saga_shell.cli.check.covering import covered
from saga_shell.cli.check.files import refuse_unwritable, write_files
from saga_shell.cli.check.memory import (
    EXIT_UNDETERMINED,
    clock_that_looks,
    undetermined_without_memory,
)
from saga_shell.cli.check.options import FILE, application_option, counterexample_options
from saga_shell.cli.check.replaying import CheckCommand, refuse_others, replay_file
from saga_shell.cli.check.text import progress_line, report_lines
from saga_shell.cli.refusal import EXIT_FAILED, EXIT_USAGE, Refusal
from saga_shell.cli.schema import json_line, json_option
from saga_shell.cli.streams import remark, show
from saga_shell.cli.values import Seconds

_CODES: dict[Verdict, int] = {
    "holds": 0,
    "violated": EXIT_FAILED,
    "undetermined": EXIT_UNDETERMINED,
}


class Given(TypedDict):
    """The command line as click hands it over."""

    sagas: tuple[tuple[str, int], ...]
    all_faults: bool
    faults: tuple[str, ...]
    buffer_cap: int
    connections: int
    application: str | None
    unreduced: bool
    coverage: bool
    max_seconds: float
    max_states: int
    replay_file: Path | None
    capsule: Path | None
    pytest: Path | None
    mermaid: Path | None
    as_json: bool


class SagaCount(click.ParamType[tuple[str, int]]):
    """`NAME=COUNT`, how often one kind of saga is triggered."""

    name = "name=count"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        """Read `value`, or refuse it in one line."""
        name, _, count = str(value).partition("=")
        if not name or not (count.isascii() and count.isdecimal()) or int(count) == 0:
            self.fail(
                f"{value!r}: write a saga's name, then =COUNT with a count above 0", param, ctx
            )
        return name, int(count)


@click.command(cls=CheckCommand, report=Report)
@click.option(
    "--saga",
    "sagas",
    type=SagaCount(),
    multiple=True,
    help="How often a saga is triggered; repeatable. Without it: each saga once.",
)
@click.option("--all-faults", is_flag=True, help="Everything may go wrong. This is the default.")
@click.option(
    "--fault",
    "faults",
    type=click.Choice(list(FAULTS)),
    multiple=True,
    help="Only these may go wrong; repeatable.",
)
@click.option(
    "--buffer-cap",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="How many commands may wait for one peer.",
)
@click.option(
    "--connections",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    help="How many connections each peer may have at once.",
)
@application_option
@click.option("--unreduced", is_flag=True, help="Search without the reductions; the same verdict.")
@click.option(
    "--coverage",
    is_flag=True,
    help="Measure which branches of step the search goes through; takes some 3 times as long.",
)
@click.option(
    "--max-seconds",
    type=Seconds(),
    default=Limits().seconds,
    show_default=True,
    help="Cut each search after this time.",
)
@click.option(
    "--max-states",
    type=click.IntRange(min=1),
    default=Limits().states,
    show_default=True,
    help="Cut each search at this number of worlds. One takes about"
    f" {UNREDUCED_WORLD_KB} KB without the reductions, up to some {WORLD_KB} KB with them.",
)
@click.option(
    "--replay",
    "replay_file",
    type=FILE,
    metavar="FILE",
    help="Play the run of a capsule again, with the reducer and with the shell around it.",
)
@counterexample_options
@json_option
@click.pass_context
def check(ctx: click.Context, /, **given: Unpack[Given]) -> int:
    """Drive the reducer through every order in which the world can act on it.

    Faults may happen as often as they like; what is bounded is the number of triggers. Exit codes:
    0 it holds within the scope, 1 a promise is broken or the check was vacuous, 2 usage, 3
    undetermined, because time, memory or Ctrl-C cut it. With --replay, which plays the run against
    the reducer and, if it is AgentMux's, against the asyncio shell on a virtual clock: 0 the run
    keeps every promise, or can't happen any more, 1 it breaks one, or the shell does something
    else than the reducer says, 2 the file can't be read.
    """
    if given["replay_file"] is not None:
        refuse_others(ctx)
        refuse_unwritable(given["mermaid"])
        return replay_file(
            given["replay_file"], given["application"], given["mermaid"], as_json=given["as_json"]
        )
    with undetermined_without_memory("check", "take fewer sagas, or set --max-states"):
        return _searched(given)


def _searched(given: Given) -> int:
    if given["all_faults"] and given["faults"]:
        raise click.UsageError("--all-faults and --fault exclude each other")
    files = given["capsule"], given["pytest"], given["mermaid"]
    scenario = scenario_of(given["application"])
    refuse_unwritable(*files)
    scope = Scope(
        known_sagas(scenario, given["sagas"]),
        given["buffer_cap"],
        frozenset(given["faults"] or FAULTS),
        given["connections"],
        reductions=frozenset() if given["unreduced"] else REDUCTIONS,
    )
    limits = Limits(given["max_seconds"], given["max_states"])

    def checked() -> Report:
        gc.disable()  # the tables only grow: a collection goes through them all and finds nothing
        try:
            with staying(given["application"]):
                return run_check(scenario, scope, Watch(clock_that_looks(), _tell), limits)
        finally:
            gc.enable()

    report = covered(scenario, checked) if given["coverage"] else checked()
    report = _named(report, given["application"])
    show(json_line(report) if given["as_json"] else "\n".join(report_lines(report)))
    if report.counterexample is not None:
        write_files(report.counterexample, *files)
    elif any(files):
        remark("check", "no counterexample was found, so no file was written")
    return _CODES[report.verdict]


def _named(report: Report, application: str | None) -> Report:
    """The report with the application's place in its capsule, for whoever replays it."""
    found = report.counterexample
    if found is None or application is None:
        return report
    capsule = replace(found.capsule, application=application)
    return replace(report, counterexample=replace(found, capsule=capsule))


def known_sagas(
    scenario: Scenario, sagas: tuple[tuple[str, int], ...]
) -> tuple[tuple[str, int], ...]:
    """How often each saga is triggered; without any, each saga once."""
    counts: dict[str, int] = {}
    for name, count in sagas or [(name, 1) for name in scenario.triggers]:
        if name not in scenario.triggers:
            known = " or ".join(scenario.triggers)
            raise Refusal(f"--saga {name}={count}: no such saga: write {known}", EXIT_USAGE)
        counts[name] = counts.get(name, 0) + count
    return tuple(counts.items())


def _tell(progress: Progress) -> None:
    remark("check", progress_line(progress))
