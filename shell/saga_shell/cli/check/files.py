"""The files of a counterexample: its capsule, its test, its diagram."""

from pathlib import Path
from tempfile import TemporaryFile

from returns.result import Failure, Success

from saga_core.check import (
    AGENTMUX,
    Capsule,
    Counterexample,
    Scenario,
    capsule_of,
    diagram,
    misfit,
    pytest_file,
    text_of,
)
from saga_shell.cli.check.application import scenario_of
from saga_shell.cli.program import PROGRAM
from saga_shell.cli.refusal import EXIT_USAGE, Refusal
from saga_shell.cli.streams import path_text, remark


def read_capsule(file: Path, application: str | None) -> tuple[Capsule, Scenario]:
    """The capsule of a file and the scenario to play it in; `application` goes before its own."""
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise _unreadable(file, f"byte {error.start + 1} is not UTF-8") from None
    except OSError as error:
        raise _unreadable(file, str(error.strerror)) from None
    capsule = _decoded(file, text)
    scenario = scenario_of(application) if application else _its_own(file, capsule.application)
    if (odd := misfit(capsule, scenario)) is not None:
        raise _unreadable(file, odd)
    return capsule, scenario


def _its_own(file: Path, application: str) -> Scenario:
    """The scenario that a capsule names."""
    try:
        return scenario_of(None if application == AGENTMUX else application)
    except Refusal as refusal:
        problem = refusal.message.removeprefix("--application ")
        advice = "name one with --application"
        raise _unreadable(file, f"its application {problem}: {advice}") from None


def refuse_unwritable(*files: Path | None) -> None:
    """Raise `Refusal` for the first file that can't be written: before the work that fills it."""
    for file in files:
        problem = _unwritable(file) if file is not None else None
        if file is not None and problem is not None:
            raise Refusal(_cannot_write(file, problem), EXIT_USAGE)


def write_files(
    found: Counterexample, capsule: Path | None, pytest: Path | None, mermaid: Path | None
) -> None:
    """Write those files of the counterexample that were asked for; one that fails is told."""
    ending = f"{found.promise} is broken: {found.sentence}"
    for file, text in (
        (capsule, text_of(found.capsule)),
        (pytest, pytest_file(found.capsule)),
        (mermaid, diagram(found.moves, ending, found.repeats)),
    ):
        if file is not None:
            write(file, text)


def write(file: Path, text: str) -> None:
    """Write a file, or tell in one line why not: what was found counts for more than its file."""
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        remark(PROGRAM, _cannot_write(file, str(error.strerror)))


def _unwritable(file: Path) -> str | None:
    """Why this file can't be made; one that there is was looked at by its option."""
    try:
        if file.exists():
            return None
        with TemporaryFile(dir=file.parent):
            return None
    except OSError as error:
        return error.strerror


def _cannot_write(file: Path, problem: str) -> str:
    return f"can't write {path_text(file)}: {problem}"


def _decoded(file: Path, text: str) -> Capsule:
    match capsule_of(text):
        case Success(capsule):
            return capsule
        case Failure(problem):
            raise _unreadable(file, problem)


def _unreadable(file: Path, problem: str) -> Refusal:
    return Refusal(f"--replay {path_text(file)}: {problem}", EXIT_USAGE)
