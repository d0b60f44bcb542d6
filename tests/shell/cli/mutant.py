"""One command with a fault in the reducer, to see what the checker makes of it.

    python -m tests.shell.cli.mutant redelivery_forgotten check

The faults are those of `tests/core/check/test_mutants.py`, by name.
"""

import sys
from collections.abc import Callable
from typing import NoReturn

import pytest
from tests.core.check.test_mutants import KILLS

from saga_shell.cli.main import main

Mutant = Callable[[pytest.MonkeyPatch], None]


def mutant_named(name: str) -> Mutant:
    """The fault of that name."""
    found = next((mutant for mutant in KILLS if mutant.__name__ == name), None)
    if found is None:
        sys.exit(f"no fault is called {name}: see tests/core/check/test_mutants.py")
    return found


def run(arguments: list[str]) -> NoReturn:
    """Put the fault in and run the command."""
    if not arguments:
        sys.exit("usage: python -m tests.shell.cli.mutant FAULT COMMAND …")
    mutant_named(arguments[0])(pytest.MonkeyPatch())
    main(arguments[1:])


if __name__ == "__main__":
    run(sys.argv[1:])
