"""The command line as its users have it: processes, what they print, how they end."""

import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from saga_shell.cli.main import main

PROGRAM = (sys.executable, "-m", "saga_shell")
PATIENCE_SECONDS = 60
HEADING = "With --json, one line of JSON with this schema:\n"

_NUMBERS = (int, float)
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": _NUMBERS,
    "null": type(None),
}


class Ran(NamedTuple):
    """A process that ended."""

    code: int
    out: str
    err: str


def ordinary() -> dict[str, str]:
    """The environment, without what would hide mistakes with Python's own buffers."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}


def agentmux(*arguments: object, **options: Any) -> Ran:
    """Run one command to its end; `options` go to `subprocess.run`."""
    done = subprocess.run(
        [*PROGRAM, *map(str, arguments)],
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": ordinary(), **options},
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    return Ran(done.returncode, (done.stdout or b"").decode(), (done.stderr or b"").decode())


def here(*arguments: object) -> Ran:
    """Run one command to its end in this process, which takes a tenth of the time."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    assert isinstance(ended.value.code, int)
    return Ran(ended.value.code, out.getvalue(), err.getvalue())


class Launcher:
    """A launcher that runs; `line` is the first line of its standard output."""

    def __init__(self, process: subprocess.Popen[bytes], stderr: Path) -> None:
        assert process.stdout is not None
        self.process = process
        self.line = process.stdout.readline().decode()
        self._stderr = stderr

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return Path(self.line.removeprefix("listening on ").rstrip("\n"))

    def end(self, number: signal.Signals = signal.SIGTERM) -> Ran:
        """End it by a signal."""
        assert self.process.stdout is not None
        self.process.send_signal(number)
        rest = self.process.stdout.read().decode()
        return Ran(self.process.wait(PATIENCE_SECONDS), self.line + rest, self._stderr.read_text())


@contextmanager
def launcher(data_dir: Path, *arguments: object, **options: Any) -> Iterator[Launcher]:
    """A launcher on `data_dir` that has said its first line; killed at the end if need be."""
    stderr = data_dir.with_name(f"{data_dir.name}-stderr")
    command = [*PROGRAM, "run", "--data-dir", data_dir, *arguments]
    with (
        stderr.open("wb") as file,
        subprocess.Popen(
            [os.fspath(word) if isinstance(word, Path) else str(word) for word in command],
            stdout=subprocess.PIPE,
            stderr=file,
            env=ordinary(),
            **options,
        ) as process,
    ):
        try:
            yield Launcher(process, stderr)
        finally:
            process.kill()


def one_line(text: str) -> str:
    """`text`, which must be exactly one line with an end, and no traceback."""
    assert text.count("\n") == 1, text
    assert text.endswith("\n"), text
    return text.rstrip("\n")


def schema_in_help(*command: str) -> dict[str, Any]:
    """The JSON schema that a command's help shows."""
    shown = here(*command, "--help")
    assert shown.code == 0
    schema: dict[str, Any] = json.loads(shown.out.split(HEADING)[1])
    return schema


def misfits(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> list[str]:
    """What in `value` isn't as the schema says, as far as our schemas go."""
    if "$ref" in schema:
        return misfits(value, root["$defs"][schema["$ref"].rsplit("/", 1)[1]], root)
    if "anyOf" in schema:
        tries = [misfits(value, option, root) for option in schema["anyOf"]]
        return [] if [] in tries else [f"{value!r} fits none of {schema['anyOf']}"]
    found = [] if value in schema.get("enum", [value]) else [f"{value!r} is no {schema['enum']}"]
    kind = schema.get("type")
    if kind is not None and not isinstance(value, _TYPES[kind]):
        return [f"{value!r} is no {kind}"]
    if isinstance(value, dict) and "properties" in schema:
        found += [f"{key} is missing" for key in schema["required"] if key not in value]
        found += [f"{key} is not in the schema" for key in value if key not in schema["properties"]]
        for key in value.keys() & schema["properties"].keys():
            found += misfits(value[key], schema["properties"][key], root)
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        found += [problem for item in value for problem in misfits(item, schema["items"], root)]
    return found


def report_of(ran: Ran, schema: dict[str, Any]) -> Any:
    """The report that a command printed, which must be one line and fit its schema."""
    report = json.loads(one_line(ran.out))
    assert misfits(report, schema, schema) == []
    return report


def without_colours(text: str) -> str:
    """`text` without the codes that set a terminal's colours."""
    return re.sub("\x1b\\[[0-9;]*m", "", text)
