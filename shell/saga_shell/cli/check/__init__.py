"""`check`: every race of a saga, driven through the reducer."""

from saga_shell.cli.check.command import check

__all__ = ["check"]
