"""Commands with `--json`: one report type each, whose JSON schema is part of the help."""

import json
from typing import Any

import click
import msgspec
from msgspec import Struct

from saga_shell.cli.helping import HelpfulCommand

WIDTH = 78
"""Columns that the schema takes, if its descriptions let it."""

HEADING = "With --json, one line of JSON with this schema:"


class JsonCommand(HelpfulCommand):
    """A command that prints a `report` with `--json`."""

    def __init__(self, *arguments: Any, report: type[Struct], **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self._report = report

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Put the schema at the end of the help."""
        super().format_epilog(ctx, formatter)
        formatter.write(f"\n{HEADING}\n\n{schema_text(self._report)}\n")


def schema_text(report: type[Struct]) -> str:
    """The JSON schema of a report, as people read it."""
    return _lines(_schema(report), 0, 0)


def json_line(report: Struct) -> str:
    """The report as one line."""
    return msgspec.json.encode(report).decode()


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def _schema(report: type[Struct]) -> dict[str, Any]:
    """The report's own definition, then those that it refers to; a title is a name once more."""
    definitions = {
        name: {key: value for key, value in definition.items() if key != "title"}
        for name, definition in msgspec.json.schema(report)["$defs"].items()
    }
    root = definitions.pop(report.__name__)
    return {**root, "$defs": definitions} if definitions else root


def _lines(value: Any, indent: int, used: int) -> str:
    """`value` as JSON text: in one line where it fits behind `used` columns, else in several."""
    flat = json.dumps(value, ensure_ascii=False)
    if used + len(flat) <= WIDTH or not isinstance(value, dict | list) or not value:
        return flat
    inner = indent + 2
    if isinstance(value, list):
        body = [_lines(item, inner, inner) for item in value]
    else:
        keyed = [(f"{json.dumps(key)}: ", item) for key, item in value.items()]
        body = [key + _lines(item, inner, inner + len(key)) for key, item in keyed]
    opening, closing = "[]" if isinstance(value, list) else "{}"
    separator = ",\n" + " " * inner
    return f"{opening}\n{' ' * inner}{separator.join(body)}\n{' ' * indent}{closing}"
