"""The command `demo`: the launcher and the reference host at work, and broken on purpose."""

from saga_shell.cli.demo.command import demo

__all__ = ["demo"]
