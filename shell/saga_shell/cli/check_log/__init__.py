"""`check-log`: whether a recorded saga log is one that the reducer can have written."""

from saga_shell.cli.check_log.command import check_log

__all__ = ["check_log"]
