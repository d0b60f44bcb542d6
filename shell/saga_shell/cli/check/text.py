"""A report for people: the scope, what holds in it, and a run that breaks what doesn't."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from saga_core.check import (
    COMPLETES,
    ENDS,
    SAFETY,
    SETTLES,
    SOMETIMES,
    Counterexample,
    CoveredFile,
    Line,
    Progress,
    Report,
    StepCoverage,
    Swap,
)

_LANES = ("registry", "link", "peers", "timers", "log", "bus")

_LIVENESS = {
    ENDS: "every opened saga ends, if deadlines fire",
    COMPLETES: "every opened saga completes, if its peers answer and come back",
    SETTLES: "every opened saga ends by itself, if its peers answer, well or badly, and come back",
}


def report_lines(report: Report) -> Iterator[str]:
    """The whole report."""
    yield from _scope(report)
    yield ""
    yield from _properties(report)
    if report.counterexample is not None:
        yield ""
        yield from counterexample_lines(report.counterexample)
    if report.coverage is not None:
        yield ""
        yield from _coverage(report.coverage)
    yield ""
    yield verdict_line(report)


def progress_line(progress: Progress) -> str:
    """How far the search is."""
    return (
        f"{progress.states:,} worlds, {progress.transitions:,} transitions, depth {progress.depth},"
        f" {progress.step_calls:,} calls of step, {progress.seconds:.0f} s"
    )


def verdict_line(report: Report) -> str:
    """The verdict in one line, with what was visited."""
    visited = (
        f"{report.states:,} worlds, {report.transitions:,} transitions,"
        f" {report.reducer_states:,} states of the reducer, {report.step_calls:,} calls of step,"
        f" depth {report.depth}, {report.seconds:.1f} s"
    )
    match report.verdict:
        case "holds":
            return f"HOLDS within the scope, every world visited: {visited}"
        case "violated":
            cut = f", cut ({report.cut})" if report.cut is not None else ""
            return f"VIOLATED: {', '.join(_violated(report))}; {visited}{cut}"
        case "undetermined":
            return f"UNDETERMINED, cut ({report.cut}): nothing broke so far; {visited}"


def move_lines(moves: Sequence[Line], repeats: int | None) -> Iterator[str]:
    """One line for each move, with where the run goes round if it does."""
    for number, line in enumerate(moves, start=1):
        if number - 1 == repeats:
            yield "  from here on, again and again:"
        yield f"  {number:>3}  {_move(line)}"
    if repeats == len(moves):
        yield "  and from here on nothing that is fair can happen"


def _violated(report: Report) -> list[str]:
    return [name for name, verdict in report.properties.items() if verdict == "violated"]


def _scope(report: Report) -> Iterator[str]:
    scope = report.scope
    yield "Scope"
    yield f"  sagas:      {', '.join(f'{count} {name}' for name, count in scope.sagas.items())}"
    yield f"  faults:     {', '.join(scope.faults) or 'none'}"
    yield f"  buffer cap: {scope.buffer_cap}, connections at once: {scope.connections}"
    yield f"  reductions: {', '.join(scope.reductions) or 'none'}"


def _properties(report: Report) -> Iterator[str]:
    yield "Properties"
    for name, verdict in report.properties.items():
        if name.startswith(SOMETIMES):
            meaning = "never happened, so the check proves less than it seems to"
        else:
            meaning = SAFETY.get(name) or _LIVENESS[name]
        yield f"  {verdict:<12}  {name}: {meaning}"


def counterexample_lines(found: Counterexample) -> Iterator[str]:
    """A counterexample: its moves, what they break, and whose order matters."""
    shortest = ", provably shortest" if found.shortest else ""
    yield f"Counterexample to {found.promise}: {len(found.moves)} move(s){shortest}"
    yield from move_lines(found.moves, found.repeats)
    yield f"  {found.sentence}"
    if found.order:
        yield ""
        yield "Order"
        yield from (_ordered(swap) for swap in found.order)


def _coverage(coverage: StepCoverage) -> Iterator[str]:
    share = f"{coverage.covered} of {coverage.branches} branches of step"
    yield f"Coverage: the search went through {share}; what it missed, line by line"
    width = max((len(file.file) for file in coverage.files), default=0)
    for file in coverage.files:
        missing = ", ".join((*_ranges(file.missing_lines), *_branches(file)))
        counts = f"{file.covered:>4} of {file.branches:>3}"
        yield f"  {file.file:<{width}}  {counts}  {missing}".rstrip()


def _ranges(lines: Sequence[int]) -> Iterator[str]:
    """Lines that follow one another as one range."""
    for _, group in groupby(enumerate(lines), key=lambda entry: entry[1] - entry[0]):
        run = [line for _, line in group]
        yield f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0])


def _branches(file: CoveredFile) -> Iterator[str]:
    """The branches not taken but for those to a missing line, which is told already."""
    for start, end in file.missing_branches:
        if end not in file.missing_lines:
            yield f"{start}->{end if end > 0 else 'exit'}"


def _ordered(swap: Swap) -> str:
    first, second = swap.moves
    pair = f"moves {first} and {second}"
    match swap.swapped:
        case "impossible":
            return f"  {pair} can't be swapped"
        case "fails":
            return f"  the order of {pair} doesn't matter: swapped, it fails as well"
        case "passes":
            return f"  the order of {pair} matters: swapped, it passes"


def _move(line: Line) -> str:
    lanes = [f"{lane}: {text}" for lane in _LANES if (text := getattr(line, lane))]
    return " | ".join((line.move, *lanes))
