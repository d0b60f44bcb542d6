"""How the command reports a user's mistake: one line, exit code 2."""

from typing import IO, Any

import click

from saga_shell.host.faults import parse_seconds


class UsageFault(click.ClickException):
    """What the user has to change, in one line."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the line on standard error, or on `file`."""
        click.echo(f"agentmux-host: {' '.join(self.message.splitlines())}", file=file, err=True)


class OutputFault(UsageFault):
    """That the help, or the version, could not be printed."""

    exit_code = 1


class OneLineErrors(click.Command):
    """A command whose usage errors take one line, not four, as does a help that finds no room."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """As click does, with another kind of error."""
        try:
            return super().make_context(info_name, args, parent, **extra)
        except click.UsageError as error:
            raise UsageFault(f"{error.format_message()} (--help shows all options)") from None
        except OSError as error:
            raise OutputFault(f"can't write to standard output: {error.strerror}") from None


class Seconds(click.ParamType[float]):
    """A finite number of seconds, zero or more."""

    name = "seconds"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read `value`, or refuse it in one line."""
        seconds = parse_seconds(str(value))
        if seconds is None:
            self.fail(f"{value!r} is not a number of seconds", param, ctx)
        return seconds
