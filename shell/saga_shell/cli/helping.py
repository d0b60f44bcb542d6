"""What every command and group has in common: its help, and whose help a mistake points to."""

import click
from click.core import augment_usage_errors

from saga_shell.cli.streams import show


class HelpfulCommand(click.Command):
    """Prints its help as everything else is printed; it may not fit on a full disk either."""

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """The option `--help`."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.callback = _show_help
        return option

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments; whatever is wrong with them points to this command's own help."""
        with augment_usage_errors(ctx):
            return super().parse_args(ctx, args)


def _show_help(ctx: click.Context, _option: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        show(ctx.get_help())
        ctx.exit()
