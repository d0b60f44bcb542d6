"""A group whose commands are imported when they are called: one doesn't wait for another's."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

import click

from saga_shell.cli.helping import HelpfulCommand


class Lazy(NamedTuple):
    """Where a command is, as `module:attribute`, and what the group's help says of it."""

    target: str
    summary: str


class LazyGroup(HelpfulCommand, click.Group):
    """Knows its commands by name; shows them in the order of `lazy`."""

    def __init__(
        self, name: str | None = None, *, lazy: Mapping[str, Lazy], **attributes: Any
    ) -> None:
        super().__init__(name, **attributes)
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's signature
        """Every command's name."""
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 -- click's signature
        """Import the command; None if there is none of that name."""
        if cmd_name not in self._lazy:
            return None
        module, _, attribute = self._lazy[cmd_name].target.partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command), f"{module}:{attribute} is no command"
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 -- click's signature
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in self._lazy.items()])
