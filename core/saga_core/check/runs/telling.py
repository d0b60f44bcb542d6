"""What a search found, told in real names: the counterexample, its capsule, and its order."""

from msgspec.structs import replace

from saga_core.check.report import Counterexample
from saga_core.check.runs.capsule import AGENTMUX, FORMAT, Bounds, Capsule
from saga_core.check.runs.guide import breaking, follow
from saga_core.check.runs.lanes import line_of
from saga_core.check.runs.stage import Stage, Taken
from saga_core.check.runs.swaps import swaps
from saga_core.check.scope import FAULTS, Scenario, Scope
from saga_core.check.search import Search

Path = tuple[tuple[int, int], ...]


def tell(
    scenario: Scenario, search: Search, promise: str, path: Path, loop: Path | None, *, short: bool
) -> Counterexample:
    """The run along `path`, and round `loop` for ever, or into a move that breaks `promise`.

    `short`: the search knows of no shorter one. The capsule says that the application is
    AgentMux: whoever checked another one puts its name there.
    """
    scope = replace(search.places.scope, reductions=frozenset())
    stage = Stage(scenario, scope, honest=search.places.honest)
    run = follow(search, [*path, *(loop or ())], stage, stage.first())
    if loop is None:
        run = breaking(search, promise, stage, run)
    capsule = _capsule(scope, promise, run, None if loop is None else len(path))
    return Counterexample(
        promise,
        capsule.sentence,
        short,
        tuple(line_of(taken, stage.fresh) for taken in run),
        capsule.repeats,
        swaps(capsule, scenario),
        capsule,
    )


def _capsule(scope: Scope, promise: str, run: list[Taken], repeats: int | None) -> Capsule:
    bounds = Bounds(
        dict(scope.sagas),
        scope.buffer_cap,
        scope.connections,
        tuple(fault for fault in FAULTS if fault in scope.faults),
    )
    last = run[-1] if run else None
    if last is not None and last.broken is not None:
        sentence = last.broken.sentence
    else:
        stuck = run[repeats - 1].here.down.rows if repeats else ()
        sentence = f"saga {stuck[0].saga_id} stays in flight for ever"
    cues = tuple(taken.cue for taken in run)
    return Capsule(FORMAT, AGENTMUX, bounds, promise, sentence, cues, repeats)
