"""The group `diag`."""

import click

from saga_shell.cli.lazy import Lazy, LazyGroup

_COMMANDS = {
    "sagas": Lazy("saga_shell.cli.diag.sagas:sagas", "List the last sagas, from the log."),
    "saga": Lazy("saga_shell.cli.diag.saga:saga", "Show one saga as a timeline, from the log."),
    "bounds": Lazy("saga_shell.cli.diag.bounds:bounds", "Show all bounds, and what was met."),
    "wrr": Lazy("saga_shell.cli.diag.wrr:wrr", "Ask the running launcher what it sees."),
}


@click.group(cls=LazyGroup, lazy=_COMMANDS)
def diag() -> None:
    """Ask what happened, or what happens now.

    `sagas`, `saga` and `bounds` read files and change nothing, with a running launcher beside them
    or without one. `wrr` needs a running launcher.
    """
