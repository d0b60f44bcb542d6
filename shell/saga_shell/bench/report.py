"""What a part found out, for programs and for people."""

from collections.abc import Sequence

from msgspec import Struct
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from saga_shell.bench.figures import Figure, Run, summed_up
from saga_shell.bench.machine import Machine

SMALL = 10
"""Below this a number is shown with two decimals."""


class Report(Struct, frozen=True):
    """One part. A ratio is that of two figures of the same run, then the median over the runs."""

    part: str
    figures: dict[str, Figure]
    ratios: dict[str, Figure]
    machine: Machine


def report_of(part: str, runs: Sequence[Run], machine: Machine) -> Report:
    """Sum up a part's runs."""
    return Report(
        part=part,
        figures=summed_up([run.figures for run in runs]),
        ratios=summed_up([run.ratios for run in runs]),
        machine=machine,
    )


def shown(report: Report) -> RenderableType:
    """The report as tables: figures first, then what they mean."""
    figures = _table("figure", report.figures)
    figures.title, figures.title_justify = Text(report.part, "bold"), "left"
    return Group(figures, _table("ratio", report.ratios))


def machine_line(machine: Machine) -> str:
    """The machine in one line."""
    extension = "with" if machine.pyrsistent_c_extension else "without"
    return (
        f"{machine.system}, {machine.cpu}, {machine.cores} cores, load {machine.load:g}; "
        f"{machine.python}, SQLite {machine.sqlite}, pyrsistent {extension} its C extension; "
        f"files on {machine.filesystem}"
    )


def number(value: float) -> str:
    """Short, with as many digits as say something."""
    return f"{value:,.2f}" if abs(value) < SMALL else f"{value:,.0f}"


def _table(noun: str, figures: dict[str, Figure]) -> Table:
    """Ratios have no unit, so their table has no column for it."""
    table, with_unit = Table(box=None), any(figure.unit for figure in figures.values())
    table.add_column(noun, overflow="fold")
    table.add_column("median", justify="right", no_wrap=True)
    table.add_column("range", justify="right", no_wrap=True)
    if with_unit:
        table.add_column("unit")
    table.add_column("goal")
    for name, figure in figures.items():
        span = f"{number(figure.low)}-{number(figure.high)}"
        unit = (figure.unit,) if with_unit else ()
        table.add_row(name, number(figure.median), span, *unit, _goal(figure))
    return table


def _goal(figure: Figure) -> Text:
    if figure.goal is None:
        return Text("")
    verdict, style = ("met", "green") if figure.met else ("missed", "red")
    return Text(f"{figure.goal} {verdict}", style)
