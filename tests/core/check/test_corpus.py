"""What was broken once is never broken again: every capsule of `tests/corpus` is replayed."""

from pathlib import Path

import pytest
from tests.core.check.corpus import FOLDER, mutant_of
from tests.core.check.running import scenario_of
from tests.core.check.test_mutants import KILLS

from saga_core.check import Capsule, capsule_of, misfit, replay, text_of

FILES = sorted(FOLDER.glob("*.json"))

every_file = pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.stem))
every_mutants_file = pytest.mark.parametrize(
    "file", [file for file in FILES if mutant_of(file)], ids=lambda file: str(file.stem)
)


def capsule_in(file: Path) -> Capsule:
    """The capsule of a file."""
    return capsule_of(file.read_text()).unwrap()


@every_file
def test_every_capsule_plays_to_its_end_and_holds(file: Path) -> None:
    """DESIGN 4: the reducer keeps every promise in each run that broke one of another reducer."""
    capsule = capsule_in(file)
    assert misfit(capsule, scenario_of(capsule.application)) is None
    outcome = replay(capsule, scenario_of(capsule.application))
    assert (outcome.verdict, len(outcome.lines)) == ("holds", len(capsule.moves)), outcome


@every_mutants_file
def test_every_capsule_breaks_with_its_mutant(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN 4: with the fault that it was found by, the run breaks the same promise as then."""
    capsule, mutant = capsule_in(file), mutant_of(file)
    assert mutant is not None
    mutant(monkeypatch)
    outcome = replay(capsule, scenario_of(capsule.application))
    found = (outcome.verdict, outcome.promise, outcome.sentence, outcome.move)
    assert found == ("breaks", capsule.promise, capsule.sentence, len(capsule.moves))


def test_every_mutant_has_its_capsule() -> None:
    """DESIGN 4: the corpus is whole: `python -m tests.core.check.corpus` writes what is missing."""
    assert {file.stem for file in FILES} >= {mutant.__name__ for mutant in KILLS}


@every_file
def test_every_capsule_is_written_as_the_command_writes_it(file: Path) -> None:
    """DESIGN 6: reading a capsule and writing it again changes nothing."""
    assert text_of(capsule_in(file)) == file.read_text()
