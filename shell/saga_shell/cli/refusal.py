"""How a command says that it can't do what it was asked for."""

import click

EXIT_FAILED = 1
"""The thing asked about fails."""

EXIT_USAGE = 2
"""Usage or start-up error."""


class Refusal(click.ClickException):
    """One line that says what, where and what to do, and the exit code that goes with it."""

    def __init__(self, line: str, code: int = EXIT_FAILED) -> None:
        super().__init__(line)
        self.code = code
