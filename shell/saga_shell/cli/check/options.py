"""Options that several commands around the checker have."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

FILE = click.Path(path_type=Path, dir_okay=False)
"""A file that is read."""

OUTPUT = click.Path(path_type=Path, dir_okay=False, readable=False, writable=True)
"""A file that is written; if there is one, it may be."""

application_option = click.option(
    "--application",
    metavar="MODULE:NAME",
    help="A saga_core.check.Scenario of yours, instead of AgentMux's.",
)


def counterexample_options(command: F) -> F:
    """`--capsule`, `--pytest` and `--mermaid`: files to write a counterexample to."""
    for name, what in (
        ("--mermaid", "as a Mermaid sequence diagram"),
        ("--pytest", "as a test that passes once it is mended"),
        ("--capsule", "as a capsule, for check --replay"),
    ):
        option = click.option(
            name, type=OUTPUT, metavar="FILE", help=f"Write a counterexample {what}."
        )
        command = option(command)
    return command
