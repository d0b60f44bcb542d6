"""What `simulate` found, for people."""

from collections.abc import Iterator

from saga_core.simulate import Checked, Coverage, Shrunk, Simulation
from saga_shell.cli.check.text import counterexample_lines
from saga_shell.cli.simulate.report import Report


def report_lines(report: Report) -> Iterator[str]:
    """The whole report: one run at length, several as a table."""
    if len(report.runs) == 1:
        yield from _run(report.runs[0])
    else:
        yield from _swarm(report)
    yield ""
    yield _verdict(report)
    if report.repeat is not None:
        yield f"Repeat it: {report.repeat}"
    if report.shrunk is not None:
        yield ""
        yield from _shrunk(report.shrunk)


def _run(run: Simulation) -> Iterator[str]:
    yield f"Seed {run.seed}"
    yield f"  faults:   {', '.join(run.faults) or 'none'}"
    yield f"  sagas:    {_sagas(run)}, at most {run.high_water:,} in flight"
    for reason, count in sorted(run.reasons.items(), key=lambda entry: -entry[1]):
        yield f"    {count:>9,}  {reason}"
    yield f"  moves:    {_counts(run.moves)}"
    yield f"  coverage: {_coverage(run.coverage)}"
    yield f"  trace:    {run.trace_hash}"


def _swarm(report: Report) -> Iterator[str]:
    runs = report.runs
    yield f"{len(runs):,} seeds"
    for run in runs:
        if run.broken is not None:
            yield f"  seed {run.seed}: {run.broken.invariant}: {run.broken.sentence}"
    started = sum(run.started for run in runs)
    completed = sum(run.completed for run in runs)
    yield f"  sagas:    {started:,} started, {completed:,} completed"
    if runs:
        best = max(runs, key=lambda run: (run.coverage.states or 0, run.coverage.pairs))
        yield f"  coverage: seed {best.seed} saw most: {_coverage(best.coverage)}"


def _sagas(run: Simulation) -> str:
    return f"{run.started:,} started, {run.completed:,} completed, {run.failed:,} failed"


def _counts(moves: dict[str, int]) -> str:
    ordered = sorted(moves.items(), key=lambda entry: -entry[1])
    return ", ".join(f"{kind} {count:,}" for kind, count in ordered)


def _coverage(coverage: Coverage) -> str:
    pairs = f"{coverage.pairs} of at most {coverage.pairs_of} pairs of moves"
    if coverage.states is None:
        return pairs
    total = f" of {coverage.states_of:,}" if coverage.states_of is not None else ""
    return f"{coverage.states:,}{total} states of the reducer, {pairs}"


def _verdict(report: Report) -> str:
    rate = report.events / max(report.seconds, 1e-9)
    played = f"{report.events:,} events in {report.seconds:.1f} s, {rate:,.0f} a second"
    match report.verdict:
        case "holds":
            return f"HOLDS in what was played: {played}"
        case "violated":
            first = next(run for run in report.runs if run.broken is not None)
            assert first.broken is not None, "it was picked for that"
            broken = f"{first.broken.invariant}: {first.broken.sentence}"
            cut = f", cut ({report.cut})" if report.cut is not None else ""
            return f"VIOLATED by seed {first.seed}: {broken}; {played}{cut}"
        case "undetermined":
            return f"UNDETERMINED, cut ({report.cut}): nothing broke so far; {played}"


_CHECKED: dict[Checked, tuple[str, ...]] = {
    "found": (),
    "held": (
        "The checker disagrees: in the scope that this takes every promise holds, with its",
        "reductions and without. One of the two is wrong; please report this run.",
    ),
    "cut": ("The checker came to no end in the scope that this takes, and found nothing so far.",),
    "not asked": ("The checker was not asked for a shorter one.",),
    "asks less": (
        "The checker holds no saga to this under these faults: that it ends by its answers, and",
        "not by its deadline, is then asked by simulations only. So there may be a shorter one.",
    ),
}


def _shrunk(shrunk: Shrunk) -> Iterator[str]:
    yield f"Shrunk to {len(shrunk.moves)} move(s), with buffer cap {shrunk.buffer_cap}"
    yield from (f"  {number:>3}  {move}" for number, move in enumerate(shrunk.moves, start=1))
    yield f"  {shrunk.promise}: {shrunk.sentence}"
    yield ""
    yield from _CHECKED[shrunk.checked]
    if shrunk.checked == "found" and shrunk.scope is not None and not shrunk.scope.reductions:
        yield "The checker finds it without its reductions only: check this with --unreduced."
    if shrunk.counterexample is not None:
        yield from counterexample_lines(shrunk.counterexample)
    else:
        yield "A capsule can't hold this run: the moves above are all there is of it."
