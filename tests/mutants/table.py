"""Makes the kill table anew: `python -m tests.mutants.table`, from the project's folder.

What is in `kills.jsonl` and still true is kept, so a run that was ended goes on where it was: a
mutant is looked at again if its function changed. If the checks themselves changed, `--fresh` looks
at every mutant again, `--again METHOD` by that method only, and names on the command line at those
mutants. At the end `README.md` is written. With two cores it takes some ten minutes.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace
from tests.mutants.generator import Mutant, mutants
from tests.mutants.outcomes import Life
from tests.mutants.page import page
from tests.mutants.runner import METHODS, Task, lives, tables

FOLDER = Path(__file__).parent
KILLS = FOLDER / "kills.jsonl"
PAGE = FOLDER / "README.md"
COMMAND = "python -m tests.mutants.table"
_TOLD_EVERY = 10


def known() -> dict[str, Life]:
    """The table as it stands, by name."""
    lines = KILLS.read_bytes().splitlines() if KILLS.exists() else []
    rows = [msgspec.json.decode(line, type=Life) for line in lines]
    return {life.name: life for life in rows}


def main(arguments: Sequence[str] | None = None) -> None:
    """Look at what is not known yet, and write everything down."""
    asked = _asked(arguments)
    os.nice(10)
    every = mutants()
    rows = {} if asked.fresh else _still_true(every, set(asked.names), set(asked.again))
    _look(_tasks(every, rows), rows, asked.processes)
    told = [rows[mutant.name] for mutant in every]
    KILLS.write_bytes(b"".join(map(_line, told)))
    PAGE.write_text(page(told))


def _asked(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=COMMAND, description=(__doc__ or "").partition("\n\n")[2])
    parser.add_argument("names", nargs="*", metavar="NAME", help="look at this mutant again")
    parser.add_argument("--fresh", action="store_true", help="look at every mutant again")
    parser.add_argument(
        "--again", action="append", default=[], choices=METHODS, help="by this method, at every one"
    )
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, metavar="N")
    return parser.parse_args(arguments)


def _still_true(every: list[Mutant], names: set[str], methods: set[str]) -> dict[str, Life]:
    rows = known()
    return {
        mutant.name: _without(rows[mutant.name], methods)
        for mutant in every
        if mutant.name in rows
        and mutant.name not in names
        and rows[mutant.name].fingerprint == mutant.fingerprint
    }


def _without(life: Life, methods: set[str]) -> Life:
    kept = {name: outcome for name, outcome in life.outcomes.items() if name not in methods}
    return replace(life, outcomes=kept)


def _tasks(every: list[Mutant], rows: dict[str, Life]) -> list[Task]:
    """What has to be looked at, and by which methods."""
    tasks = []
    for mutant in every:
        life = rows.get(mutant.name)
        if life is None:
            tasks.append(Task(mutant))
        elif not life.equivalent and life.outcomes.keys() != set(METHODS):
            missing = tuple(name for name in METHODS if name not in life.outcomes)
            tasks.append(Task(mutant, missing))
    return tasks


def _look(tasks: list[Task], rows: dict[str, Life], processes: int) -> None:
    """Add what is found to `rows`, and to the file at once."""
    KILLS.write_bytes(b"".join(map(_line, rows.values())))
    if not tasks:
        return
    with KILLS.open("ab", buffering=0) as kills:
        for number, life in enumerate(lives(tasks, tables(), processes), start=1):
            earlier = rows[life.name].outcomes if life.name in rows else {}
            found = earlier | life.outcomes
            whole = {name: found[name] for name in METHODS if name in found}
            rows[life.name] = replace(life, outcomes=whole)
            kills.write(_line(rows[life.name]))
            if number % _TOLD_EVERY == 0 or number == len(tasks):
                sys.stderr.write(f"{number} of {len(tasks)} mutants\n")


def _line(life: Life) -> bytes:
    return msgspec.json.encode(life) + b"\n"


if __name__ == "__main__":
    main()
