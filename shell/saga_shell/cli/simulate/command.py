"""`agentmux-launcher simulate`: long runs of the reducer, by seeds."""

import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict, Unpack

import click
from msgspec.structs import replace
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from saga_core.check import FAULTS
from saga_core.check.search import INTERRUPTED, OUT_OF_MEMORY
from saga_core.simulate import Plan, Shrunk, Simulation, shrink
from saga_core.simulate.dice import LARGEST_SEED
from saga_shell.cli.check.application import scenario_of, staying
from saga_shell.cli.check.command import SagaCount, known_sagas
from saga_shell.cli.check.files import refuse_unwritable, write_files
from saga_shell.cli.check.memory import EXIT_UNDETERMINED, undetermined_without_memory
from saga_shell.cli.check.options import application_option, counterexample_options
from saga_shell.cli.program import PROGRAM
from saga_shell.cli.refusal import EXIT_FAILED
from saga_shell.cli.schema import JsonCommand, json_line, json_option
from saga_shell.cli.simulate.report import Report, report_of
from saga_shell.cli.simulate.running import run_one, watch
from saga_shell.cli.simulate.swarm import run_swarm
from saga_shell.cli.simulate.text import report_lines
from saga_shell.cli.streams import remark, show

MOST_SEEDS = 1_000_000
MOST_STEPS = 1_000_000_000
MOST_SAGAS = 1_000_000
MOST_CONNECTIONS = 64

_CODES = {"holds": 0, "violated": EXIT_FAILED, "undetermined": EXIT_UNDETERMINED}
_OURS = frozenset({"seed", "swarm", "as_json", "capsule", "pytest", "mermaid"})
"""Options that don't change the run of a seed."""


class Given(TypedDict):
    """The command line as click hands it over."""

    seed: int
    steps: int
    swarm: int | None
    in_flight: int
    sagas: tuple[tuple[str, int], ...]
    faults: tuple[str, ...]
    buffer_cap: int | None
    connections: int
    application: str | None
    capsule: Path | None
    pytest: Path | None
    mermaid: Path | None
    as_json: bool


@click.command(cls=JsonCommand, report=Report)
@click.option(
    "--seed",
    type=click.IntRange(0, LARGEST_SEED),
    default=1,
    show_default=True,
    help="What all chance comes from: the same seed, the same run, on every machine.",
)
@click.option(
    "--steps",
    type=click.IntRange(1, MOST_STEPS),
    default=100_000,
    show_default=True,
    help="Moves with faults, before everything heals.",
)
@click.option(
    "--swarm",
    type=click.IntRange(1, MOST_SEEDS),
    metavar="K",
    help="Play K seeds from --seed on, on all cores.",
)
@click.option(
    "--in-flight",
    type=click.IntRange(1, MOST_SAGAS),
    default=2_000,
    show_default=True,
    help="Sagas that may be in flight at once.",
)
@click.option(
    "--saga",
    "sagas",
    type=SagaCount(),
    multiple=True,
    help="Play rounds with so many of this saga; repeatable. The checker counts all states.",
)
@click.option(
    "--fault",
    "faults",
    type=click.Choice(list(FAULTS)),
    multiple=True,
    help="Only these may go wrong; repeatable. Without it: what the seed keeps of all.",
)
@click.option(
    "--buffer-cap",
    type=click.IntRange(min=0),
    help="How many commands may wait for one peer.  [default: the seed's choice; 1 with --saga]",
)
@click.option(
    "--connections",
    type=click.IntRange(1, MOST_CONNECTIONS),
    default=2,
    show_default=True,
    help="How many connections each peer may have at once.",
)
@application_option
@counterexample_options
@json_option
@click.pass_context
def simulate(ctx: click.Context, /, **given: Unpack[Given]) -> int:
    """Drive the reducer through long runs, chosen by seeds, and judge every step.

    Sagas open by the thousand while things go wrong, by chance and where nothing went before; each
    seed switches some of the faults off. Then everything heals, and whatever is in flight must end.
    With --saga, rounds of a few sagas are played, and coverage is told against all states that
    there are. A run that breaks a promise is shrunk, and the checker looks for the shortest.

    Exit codes: 0 every promise was kept, 1 one was broken, 2 usage, 3 undetermined, because Ctrl-C,
    a want of memory or the death of a process of the swarm cut it before.
    """
    with undetermined_without_memory("simulate", "take fewer --steps, --in-flight or --swarm"):
        return _simulated(ctx, given)


def _simulated(ctx: click.Context, given: Given) -> int:
    plan, files = _plan(given), (given["capsule"], given["pytest"], given["mermaid"])
    refuse_unwritable(*files)
    began = time.perf_counter()
    with staying(given["application"]):
        runs, cut = _played(given, plan)
    report = report_of(runs, time.perf_counter() - began, cut)
    if report.failed_seeds:
        report = _shortened(ctx, given, replace(plan, seed=report.failed_seeds[0]), report)
    show(json_line(report) if given["as_json"] else "\n".join(report_lines(report)))
    _write(report.shrunk, *files)
    return _CODES[report.verdict]


def _plan(given: Given) -> Plan:
    scenario = scenario_of(given["application"])
    small = bool(given["sagas"])
    return Plan(
        given["seed"],
        given["steps"],
        given["in_flight"],
        frozenset(given["faults"] or FAULTS),
        1 if small and given["buffer_cap"] is None else given["buffer_cap"],
        given["connections"],
        swarms=not small and not given["faults"],
        scope=known_sagas(scenario, given["sagas"]) if small else None,
    )


def _played(given: Given, plan: Plan) -> tuple[list[Simulation], str | None]:
    runs: list[Simulation] = []
    count = given["swarm"]
    if count is None:
        with _bar("moves", plan.steps) as advance:
            return [run_one(given["application"], plan, advance)], None
    if plan.seed + count - 1 > LARGEST_SEED:
        raise click.UsageError(f"--swarm {count} goes beyond the largest seed, {LARGEST_SEED}")
    with _bar("seeds", count) as advance:

        def done(run: Simulation) -> None:
            runs.append(run)
            advance(len(runs))

        return runs, run_swarm(given["application"], plan, count, done)


@contextmanager
def _bar(unit: str, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar on standard error, if that is a terminal; what it yields tells how far."""
    console = Console(stderr=True)
    columns = (TextColumn(unit), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    hidden = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=hidden) as progress:
        task = progress.add_task(unit, total=total)
        yield lambda far: progress.update(task, completed=far)


def _shortened(ctx: click.Context, given: Given, plan: Plan, report: Report) -> Report:
    """The report with the first failure as short as it gets; what cuts that leaves it as it is."""
    report = replace(report, repeat=_repeat(ctx, plan.seed))
    try:
        with staying(given["application"]):
            shrunk = shrink(scenario_of(given["application"]), plan, watch("simulate"))
    except (KeyboardInterrupt, MemoryError) as error:
        cut = OUT_OF_MEMORY if isinstance(error, MemoryError) else INTERRUPTED
        remark("simulate", f"{cut}: what broke was not shrunk")
        return report
    found = shrunk.counterexample if shrunk is not None else None
    if shrunk is not None and found is not None and given["application"] is not None:
        capsule = replace(found.capsule, application=given["application"])
        shrunk = replace(shrunk, counterexample=replace(found, capsule=capsule))
    return replace(report, shrunk=shrunk)


def _repeat(ctx: click.Context, seed: int) -> str:
    """The command that plays the run of a seed again."""
    words = [PROGRAM, "simulate", "--seed", str(seed)]
    for parameter in ctx.command.params:
        name = str(parameter.name)
        source = ctx.get_parameter_source(name)
        if name in _OURS or source is not click.core.ParameterSource.COMMANDLINE:
            continue
        value = ctx.params[name]
        for one in value if isinstance(value, tuple) else (value,):
            text = "=".join(map(str, one)) if isinstance(one, tuple) else str(one)
            words += [parameter.opts[0], text]
    return shlex.join(words)


def _write(shrunk: Shrunk | None, *files: Path | None) -> None:
    found = shrunk.counterexample if shrunk is not None else None
    if found is not None:
        write_files(found, *files)
    elif any(files):
        why = "no counterexample was found" if shrunk is None else "a capsule can't hold this run"
        remark("simulate", f"{why}, so no file was written")
