"""The corpus: what each wrong variant of the reducer was found by, kept to be replayed for ever.

    python -m tests.core.check.corpus

writes `tests/corpus` anew, one capsule for each mutant of `test_mutants.KILLS`. Put
the capsule of a real bug there by hand (`check --capsule`): the tests pick up every file.
"""

from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.core.check.test_mutants import KILLS, Mutant, application_of, checked

from saga_core.check import Capsule, text_of

FOLDER = Path(__file__).parents[2] / "corpus"

_NAMED = {mutant.__name__: mutant for mutant in KILLS}


def mutant_of(file: Path) -> Mutant | None:
    """The mutant that a capsule was found by, if it was."""
    return _NAMED.get(file.stem)


def found_by(mutant: Mutant) -> Capsule:
    """The capsule of the counterexample that a mutant gives."""
    with pytest.MonkeyPatch.context() as patch:
        mutant(patch)
        found = checked(mutant).counterexample
    assert found is not None
    return replace(found.capsule, application=application_of(mutant))


def main() -> None:
    """Write the capsule of every mutant."""
    for mutant in KILLS:
        (FOLDER / f"{mutant.__name__}.json").write_text(text_of(found_by(mutant)))


if __name__ == "__main__":
    main()
