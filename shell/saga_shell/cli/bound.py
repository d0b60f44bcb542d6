"""`--bound NAME=VALUE`: how much the launcher lets wait, come in or be kept."""

import click
import msgspec

from saga_shell.launcher.bounds import MEANINGS, Bounds, option_name

HIGHEST = 2**40
"""The highest value of a bound."""


class BoundValue(click.ParamType[tuple[str, float]]):
    """`NAME=VALUE`, one bound. The value is a count, or seconds."""

    name = "name=value"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, float]:
        """Read `value`, or refuse it in one line."""
        name, _, text = str(value).partition("=")
        field = name.replace("-", "_")
        if option_name(field) != name or field not in MEANINGS:
            known = ", ".join(map(option_name, MEANINGS))
            self.fail(
                f"{value!r} names no bound: write NAME=VALUE, NAME one of {known}", param, ctx
            )
        number = _number(text, whole=MEANINGS[field].unit != "seconds")
        if number is None:
            wanted = f"number of {MEANINGS[field].unit} above 0, up to {HIGHEST}"
            self.fail(f"{value!r}: {text!r} is no {wanted}", param, ctx)
        return field, number


def bounds_of(given: tuple[tuple[str, float], ...]) -> Bounds:
    """The defaults with what was given; the last one of a name counts."""
    return msgspec.structs.replace(Bounds(), **dict(given))


def bounds_help() -> str:
    """The bounds and their defaults, for the help of `run`."""
    defaults = msgspec.structs.asdict(Bounds())
    shown = ", ".join(f"{option_name(field)}={value:.12g}" for field, value in defaults.items())
    return f"How much may wait or come in; repeatable. `diag bounds` shows all. Defaults: {shown}."


def _number(text: str, *, whole: bool) -> float | None:
    try:
        number = int(text) if whole else float(text)
    except ValueError:
        return None
    return number if 0 < number <= HIGHEST else None
