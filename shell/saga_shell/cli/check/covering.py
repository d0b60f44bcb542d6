"""`check --coverage`: which branches of `step` a search went through, measured on the way.

What is measured is what decides: the engine, and the modules of the sagas that triggers start. What
runs at import is left out, and so are the engine's own judges of steps. The library `coverage` is
needed, which the extra `test` brings.
"""

import inspect
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from saga_core import engine
from saga_core.check import CoveredFile, Report, Scenario, StepCoverage
from saga_core.engine import history, invariants
from saga_shell.cli.refusal import EXIT_USAGE, Refusal

_JUDGES = (history, invariants)

_FALLEN_THROUGH = r"^\s*case (?!.* if ).*:$"
"""A case without a guard: where a match is exhaustive, nothing falls through the last one."""


def covered(scenario: Scenario, check: Callable[[], Report]) -> Report:
    """The report of a check, with the branches of `step` that it went through."""
    if find_spec("coverage") is None:
        problem = "--coverage needs the library coverage: pip install 'agentmux-launcher[test]'"
        raise Refusal(problem, EXIT_USAGE)
    from coverage import Coverage

    files = [*_engine(), *_sagas(scenario)]
    with _spared(Coverage.current()):
        measured = Coverage(branch=True, data_file=None, config_file=False, include=files)
    measured.set_option("report:partial_also", [_FALLEN_THROUGH])
    measured.start()
    try:
        report = check()
    finally:
        measured.stop()
    return replace(report, coverage=_told(measured, files))


@contextmanager
def _spared(outer: Any) -> Iterator[None]:
    """Keep a measurement that began with the process: one made beside it has it never saved."""
    saves = outer is not None and outer._auto_save  # noqa: SLF001  nothing public tells
    yield
    if outer is not None:
        outer._auto_save = saves  # noqa: SLF001  nothing public undoes it


def _engine() -> list[str]:
    """The files of the engine but for its judges."""
    judges = {inspect.getfile(module) for module in _JUDGES}
    files = map(str, Path(inspect.getfile(engine)).parent.glob("*.py"))
    return sorted(file for file in files if file not in judges)


def _sagas(scenario: Scenario) -> list[str]:
    """The files of the sagas."""
    started = map(scenario.application.triggers, scenario.triggers.values())
    return sorted({inspect.getfile(type(saga)) for sagas in started for saga in sagas})


def _told(measured: Any, files: list[str]) -> StepCoverage:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "coverage.json"
        measured.json_report(morfs=files, outfile=str(file))
        told = json.loads(file.read_text())["files"]
    every = [_file(Path(name), told[name]["functions"]) for name in sorted(told)]
    found = tuple(file for file in every if file.branches or file.missing_lines)
    return StepCoverage(
        sum(file.branches for file in found), sum(file.covered for file in found), found
    )


def _file(file: Path, functions: dict[str, Any]) -> CoveredFile:
    inside = [told for name, told in functions.items() if name]
    return CoveredFile(
        _short(file),
        sum(told["summary"]["num_branches"] for told in inside),
        sum(told["summary"]["covered_branches"] for told in inside),
        tuple(sorted({line for told in inside for line in told["missing_lines"]})),
        tuple(sorted(_partial(inside))),
    )


def _partial(functions: list[dict[str, Any]]) -> Iterator[tuple[int, int]]:
    """Branches not taken from lines that were reached."""
    for told in functions:
        for start, end in told["missing_branches"]:
            if start not in told["missing_lines"]:
                yield start, end


def _short(file: Path) -> str:
    """The file within its distribution, or as it is."""
    parts = file.resolve().parts
    return "/".join(parts[parts.index("saga_core") :]) if "saga_core" in parts else str(file)
