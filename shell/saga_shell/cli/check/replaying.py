"""`check --replay`: a capsule played again, by the reducer and by the shell around it."""

from collections.abc import Iterator
from pathlib import Path

import click
from msgspec import Struct

from saga_core.check import Capsule, Outcome, diagram, replay
from saga_shell.cli.check.application import staying
from saga_shell.cli.check.files import read_capsule, write
from saga_shell.cli.check.performing import Performance, perform
from saga_shell.cli.check.text import move_lines
from saga_shell.cli.refusal import EXIT_FAILED
from saga_shell.cli.schema import JsonCommand, json_line, schema_text
from saga_shell.cli.streams import show

_ALLOWED = frozenset({"replay_file", "application", "mermaid", "as_json"})

REPLAY_HEADING = "With --replay and --json, one line of JSON with this schema:"


_BAD = frozenset({"breaks", "diverges"})


class Replayed(Struct, frozen=True):
    """What became of a capsule's run: in the pure reducer, and in the asyncio shell."""

    reducer: Outcome
    shell: Performance


class CheckCommand(JsonCommand):
    """A command with two reports: what a search found, and what became of a capsule."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Put both schemas at the end of the help."""
        formatter.write(f"\n{REPLAY_HEADING}\n\n{schema_text(Replayed)}\n")
        super().format_epilog(ctx, formatter)


def replay_file(file: Path, application: str | None, mermaid: Path | None, *, as_json: bool) -> int:
    """Play the capsule of a file; 1 if it breaks a promise, or the shell differs."""
    capsule, scenario = read_capsule(file, application)
    with staying(application or capsule.application):
        done = Replayed(replay(capsule, scenario), perform(capsule, scenario))
    show(json_line(done) if as_json else "\n".join(_lines(capsule, done)))
    if mermaid is not None:
        outcome = done.reducer
        write(mermaid, diagram(outcome.lines, _ending(outcome), _repeats(capsule, outcome)))
    return EXIT_FAILED if _BAD & {done.reducer.verdict, done.shell.verdict} else 0


def refuse_others(ctx: click.Context) -> None:
    """A capsule says itself how far it goes: options that say so too are a mistake."""
    for parameter in ctx.command.params:
        name = str(parameter.name)
        given = ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
        if given and name not in _ALLOWED:
            raise click.UsageError(
                f"--replay plays a capsule in its own scope: leave {parameter.opts[0]} out"
            )


def _lines(capsule: Capsule, done: Replayed) -> Iterator[str]:
    outcome = done.reducer
    yield f"Capsule of {len(capsule.moves)} move(s) that broke {capsule.promise}"
    yield f"  then: {capsule.sentence}"
    yield from move_lines(outcome.lines, _repeats(capsule, outcome))
    yield ""
    yield f"Reducer: {_ending(outcome)}"
    if outcome.verdict == "impossible":
        yield "Possible there instead:"
        yield from (f"  {other}" for other in outcome.instead or ("nothing",))
    yield f"Shell: {_performed(done.shell)}"


def _repeats(capsule: Capsule, outcome: Outcome) -> int | None:
    """Where the run goes round, if it still does."""
    return capsule.repeats if outcome.verdict == "breaks" else None


def _ending(outcome: Outcome) -> str:
    match outcome.verdict:
        case "breaks":
            return f"STILL BROKEN at move {outcome.move}: {outcome.promise}: {outcome.sentence}"
        case "holds":
            return f"PASSES: {outcome.sentence}"
        case "impossible":
            return f"PASSES: move {outcome.move} can't happen any more: {outcome.sentence}"


def _performed(shell: Performance) -> str:
    match shell.verdict:
        case "agrees":
            return f"AGREES with the reducer in {shell.sentence}"
        case "diverges":
            return f"DIFFERS from the reducer at move {shell.move}: {shell.sentence}"
        case "breaks":
            return f"BROKEN at move {shell.move}: {shell.promise}: {shell.sentence}"
        case "inapplicable":
            return f"does not apply: {shell.sentence}"
