"""Values of options: each is checked where it is read, so nothing starts with a bad one."""

import shlex
from pathlib import Path

import click

LONGEST_SECONDS = 1e9
"""Some thirty years: the system's timers hold no more."""

LONGEST_RETENTION_DAYS = 36_500.0
"""A hundred years: a time further back is no date any more."""


SECONDS_WANTED = f"number of seconds above 0, up to {LONGEST_SECONDS:g}"


class SomePath(click.ParamType[Path]):
    """A path. An empty one, such as an unset variable gives, would be the present directory."""

    name = "path"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Path:
        """Read `value`, or refuse it in one line."""
        if isinstance(value, Path):
            return value
        if not value:
            self.fail("the path is empty", param, ctx)
        return Path(str(value))


class Seconds(click.ParamType[float]):
    """A positive number of seconds."""

    name = "seconds"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read `value`, or refuse it in one line."""
        seconds = positive_number(value, LONGEST_SECONDS)
        if seconds is None:
            self.fail(f"{value!r} is no {SECONDS_WANTED}", param, ctx)
        return seconds


class Days(click.ParamType[float]):
    """A positive number of days."""

    name = "days"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read `value`, or refuse it in one line."""
        days = positive_number(value, LONGEST_RETENTION_DAYS)
        if days is None:
            problem = f"{value!r} is no number of days above 0, up to {LONGEST_RETENTION_DAYS:g}"
            self.fail(problem, param, ctx)
        return days


class SagaTimeout(click.ParamType[tuple[str, float]]):
    """`NAME=SECONDS`, the deadline of one kind of saga."""

    name = "name=seconds"

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, float]:
        """Read `value`, or refuse it in one line."""
        name, _, number = str(value).partition("=")
        if name not in self._names:
            known = " or ".join(self._names)
            self.fail(f"{value!r} names no saga: write {known}, then =SECONDS", param, ctx)
        seconds = positive_number(number, LONGEST_SECONDS)
        if seconds is None:
            self.fail(f"{value!r}: {number!r} is no {SECONDS_WANTED}", param, ctx)
        return name, seconds


class CommandLine(click.ParamType[tuple[str, ...]]):
    """A program and its arguments in one text, quoted as in a shell."""

    name = "'cmd args'"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Read `value`, or refuse it in one line."""
        if isinstance(value, tuple):
            return value
        try:
            words = tuple(shlex.split(str(value)))
        except ValueError as error:
            self.fail(f"{value!r}: {error}", param, ctx)
        if not words:
            self.fail("the command is empty", param, ctx)
        return words


def positive_number(value: object, highest: float) -> float | None:
    """`value` as a number above zero, up to `highest`; None if it is none."""
    try:
        number = float(str(value))
    except ValueError:
        return None
    return number if 0 < number <= highest else None
