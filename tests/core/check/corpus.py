"""The corpus: what each wrong variant of the reducer was found by, kept to be replayed for ever.

    python -m tests.core.check.corpus

writes `tests/corpus` anew, one capsule for each mutant of `mutants.py` and `link_mutants.py`. Put
the capsule of a real bug there by hand (`check --capsule`): the tests pick up every file.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.core.check import link_mutants, mutants
from tests.core.check.running import BOTH, run
from tests.core.check.test_mutants import KILLS, faults_for

from saga_core.check import Capsule, text_of

FOLDER = Path(__file__).parents[2] / "corpus"

Mutant = Callable[[pytest.MonkeyPatch], None]


def mutant_of(file: Path) -> Mutant | None:
    """The mutant that a capsule was found by, if it was."""
    name = file.stem
    found: Mutant | None = getattr(mutants, name, None) or getattr(link_mutants, name, None)
    return found


def found_by(mutant: Mutant) -> Capsule:
    """The capsule of the counterexample that a mutant gives."""
    with pytest.MonkeyPatch.context() as patch:
        mutant(patch)
        found = run(BOTH, faults=faults_for(mutant)).counterexample
    assert found is not None
    return found.capsule


def main() -> None:
    """Write the capsule of every mutant."""
    for mutant in KILLS:
        (FOLDER / f"{mutant.__name__}.json").write_text(text_of(found_by(mutant)))


if __name__ == "__main__":
    main()
