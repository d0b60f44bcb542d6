"""The kill table as a page to read: what each method is worth, and what nobody notices."""

from collections.abc import Iterable, Iterator
from statistics import median

from tests.mutants.outcomes import CRASH, Life, Outcome
from tests.mutants.rows import ROWS
from tests.mutants.runner import EXHAUSTIVE, METHODS
from tests.mutants.survivors import MISSING
from tests.mutants.worlds import NARROW, WIDE

_INTRODUCTION = """\
# Mutants: what the checks would notice

A mutant is the reducer with one fault in it. There are two kinds. Those written by hand stand in
`tests/core/check`, one for each known race that is a rule of the core: each breaks the promise it
was written against, in the fewest moves. The others are made from the syntax tree of the engine's
rules and of the two sagas, and this page tells what becomes of them. It is written by

    python -m tests.mutants.table

which takes some ten minutes, can be ended and goes on where it was. If the reducer changes, its
mutants do, and a test asks for the command to be run again.

How to read the table:

-   A name is `file:function:what:n`: what is wrong, in the words of the source. `never`: a
    guard that is gone; `always`: a condition that is; `a, b in f`: arguments in the wrong order;
    a bare statement: it is missing.
-   A cell names the promise that broke, and in how many moves; `crash` says that `step` raised
    something, or never came back. `-`: the method noticed nothing; `stumbled`: nor could it go on
    with what the mutant told it. Seconds are of CPU time.
-   *contracts*: every event in every state of the original reducer, each judged by that one
    step. *search*: every run of the worlds below, judged at each step; its lengths are the
    shortest there are in the world it was found in. *liveness*: nothing is judged but that each
    saga ends, and completes with honest peers, and that one which goes wrong ends by itself.
    *simulation* and *hypothesis*: random lives, their lengths as they came, not made shorter.
-   *equivalent within scope*: in each step of each world below, the same next state and the
    same effects as the original. Since the worlds are finite, that is decided. Some of these are
    the same function in other words; some do a thing that none of these worlds asks for.
"""


def page(lives: list[Life]) -> str:
    """The whole page."""
    return "\n".join(
        (
            _INTRODUCTION,
            "## What each method is worth\n",
            *_methods([life for life in lives if not life.equivalent]),
            "\n## What each kind of fault becomes\n",
            *_operators(lives),
            "\n## Worlds\n",
            *_worlds(),
            "\n## What contracts, search and liveness don't notice\n",
            *_survivors(lives),
            "\n## The known races, and the hand-made mutants of each\n",
            *_rows(),
            "\n## Kill table\n",
            *_kills([life for life in lives if not life.equivalent]),
            "\n## Equivalent within scope\n",
            *(f"-   `{life.name}`" for life in lives if life.equivalent),
            "",
        )
    )


def survivors(lives: Iterable[Life]) -> list[Life]:
    """Those that neither contracts nor search nor liveness kills, though they differ."""
    return [life for life in lives if not life.equivalent and not life.killed_by(*EXHAUSTIVE)]


def _methods(lives: list[Life]) -> Iterator[str]:
    yield from _head("method", "killed", "of", "by a crash", "alone", "length (median)", "CPU s")
    for method in METHODS:
        outcomes = [life.outcomes[method] for life in lives]
        kills = [outcome for outcome in outcomes if outcome.verdict == "killed"]
        crashes = [outcome for outcome in kills if outcome.by.startswith(CRASH)]
        others = [other for other in METHODS if other != method]
        alone = [x for x in lives if x.killed_by(method) and not x.killed_by(*others)]
        lengths = [outcome.length for outcome in kills if outcome.length is not None]
        cells = (len(kills), len(lives), len(crashes), len(alone))
        seconds = sum(outcome.seconds for outcome in outcomes)
        yield _row(method, *cells, f"{median(lengths or [0]):g}", f"{seconds:.0f}")
    together = [life for life in lives if life.killed_by(*EXHAUSTIVE)]
    yield _row("contracts, search and liveness", len(together), len(lives), "", "", "", "")
    anyhow = [life for life in lives if life.killed_by(*METHODS)]
    yield _row("all five", len(anyhow), len(lives), "", "", "", "")


def _operators(lives: list[Life]) -> Iterator[str]:
    yield from _head("fault", "made", "equivalent", "killed", "survive")
    kinds = sorted({life.operator for life in lives})
    for kind in (*kinds, "all"):
        mine = [life for life in lives if kind in {life.operator, "all"}]
        same = [life for life in mine if life.equivalent]
        left = survivors(mine)
        yield _row(kind, len(mine), len(same), len(mine) - len(same) - len(left), len(left))


def _worlds() -> Iterator[str]:
    yield from _head("world", "sagas", "buffer", "connections", "faults")
    for world in (*NARROW, *WIDE):
        scope = world.scope
        sagas = ", ".join(f"{count} {name}" for name, count in scope.sagas)
        faults = ", ".join(sorted(scope.faults))
        yield _row(world.name, sagas, scope.buffer_cap, scope.connections, faults)


def _survivors(lives: list[Life]) -> Iterator[str]:
    yield from _head("mutant", "the property that is missing", "noticed by")
    for life in survivors(lives):
        noticed = [m for m in METHODS if life.killed_by(m)]
        yield _row(f"`{life.name}`", MISSING.get(life.name, "?"), ", ".join(noticed) or "nobody")


def _rows() -> Iterator[str]:
    yield from _head("row of FACTS 7", "mutants, or why there is none")
    for row, told in ROWS.items():
        mutants = ", ".join(f"`{name}`" for name in told.mutants)
        yield _row(row, mutants or told.why)


def _kills(lives: list[Life]) -> Iterator[str]:
    yield from _head("mutant", *METHODS)
    for life in lives:
        yield _row(f"`{life.name}`", *(_cell(life.outcomes[method]) for method in METHODS))


def _cell(outcome: Outcome) -> str:
    if outcome.verdict == "survived":
        return f"- {outcome.by} {outcome.seconds:g} s".replace("  ", " ")
    length = "" if outcome.length is None else f" in {outcome.length}"
    return f"**{outcome.by}**{length}, {outcome.seconds:g} s"


def _head(*names: str) -> tuple[str, str]:
    return _row(*names), "|" + "---|" * len(names)


def _row(*cells: object) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"
