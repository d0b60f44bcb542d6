"""The command `agentmux-launcher`: its commands by name, and its one-line errors."""

import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from saga_shell.cli.lazy import Lazy, LazyGroup
from saga_shell.cli.program import PROGRAM, own_version
from saga_shell.cli.refusal import Refusal
from saga_shell.cli.streams import explain, prepare_standard_streams, remark, show

EXIT_INTERRUPTED = 130
"""Ended by Ctrl-C, as a shell tells it."""

_COMMANDS = {
    "run": Lazy("saga_shell.cli.run:run", "Run the launcher until it is told to end."),
    "diag": Lazy("saga_shell.cli.diag.group:diag", "Ask what happened, or what happens now."),
    "check": Lazy("saga_shell.cli.check:check", "Drive sagas through every race there is."),
    "check-log": Lazy(
        "saga_shell.cli.check_log:check_log", "Hold a recorded saga log against the reducer."
    ),
    "simulate": Lazy("saga_shell.cli.simulate:simulate", "Play long runs with faults, by seeds."),
    "demo": Lazy("saga_shell.cli.demo:demo", "Watch sagas run, fail and recover, in 15 seconds."),
    "bench": Lazy("saga_shell.cli.bench:bench", "Measure what it costs, beside its limits."),
}


def _show_version(ctx: click.Context, _option: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        show(f"{PROGRAM} {own_version()}")
        ctx.exit()


@click.group(cls=LazyGroup, lazy=_COMMANDS)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and exit.",
)
def cli() -> None:
    """AgentMux's launcher.

    Exit codes: 0 fine, 1 the thing asked about fails, 2 usage or start-up error. `run` has more.
    """


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command that `arguments` name, by default the process's own, and end."""
    prepare_standard_streams()
    sys.exit(_exit_code(arguments))


def _exit_code(arguments: Sequence[str] | None) -> int:
    try:
        code = cli.main(arguments, prog_name=PROGRAM, standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        explain(error.format_message())
        return error.exit_code
    except click.UsageError as error:
        where = PROGRAM if error.ctx is None else error.ctx.command_path
        remark(where, f"{error.format_message().rstrip('.')} (see '{where} --help')")
        return error.exit_code
    except Refusal as refusal:
        remark(PROGRAM, refusal.message)
        return refusal.code
    except click.Abort:
        return EXIT_INTERRUPTED
    return code if isinstance(code, int) else 0
