"""`simulate`: long runs of the reducer in a world of faults."""

from saga_shell.cli.simulate.command import simulate

__all__ = ["simulate"]
