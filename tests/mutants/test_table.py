"""The kill table tells of the reducer as it is: whole, up to date, explained, and repeatable."""

from random import Random

import pytest
from msgspec.structs import replace
from tests.core.check.test_mutants import KILLS as BY_HAND
from tests.mutants.generator import Mutant, mutants
from tests.mutants.outcomes import CRASH, Life, Outcome
from tests.mutants.page import page, survivors
from tests.mutants.rows import ROWS
from tests.mutants.runner import EXHAUSTIVE, METHODS, Task, lives, tables
from tests.mutants.survivors import MISSING
from tests.mutants.table import COMMAND, PAGE, known

from saga_core.check import COMPLETES, ENDS, SAFETY, SOMETIMES

_AGAIN = {"equivalent": 2, "killed": 9, "survives": 1}
"""How many of each kind are looked at again, the same ones until the table changes."""


@pytest.fixture(scope="module", name="every")
def fixture_every() -> list[Mutant]:
    """All mutants of the source as it is."""
    return mutants()


@pytest.fixture(scope="module", name="rows")
def fixture_rows() -> list[Life]:
    """The table."""
    return list(known().values())


def test_the_table_is_that_of_the_source(every: list[Mutant], rows: list[Life]) -> None:
    """DESIGN 1: what the table tells of is what runs: each mutant of the source, and no other."""
    told = [(life.name, life.operator, life.fingerprint) for life in rows]
    made = [(mutant.name, mutant.operator, mutant.fingerprint) for mutant in every]
    changed = sorted({name for name, *_ in set(told) ^ set(made)})
    assert told == made, f"run `{COMMAND}`: these mutants changed: {changed[:5]}"


def test_the_page_is_that_of_the_table(rows: list[Life]) -> None:
    """DESIGN 1: the page that people read is written from the table."""
    assert PAGE.read_text() == page(rows), f"run `{COMMAND}`"


def test_there_are_enough(rows: list[Life]) -> None:
    """DESIGN 4: forty mutants by hand and two hundred by machine that are not equivalent."""
    assert len(BY_HAND) >= 40
    assert len([life for life in rows if not life.equivalent]) >= 200


def test_every_kind_of_fault_is_made(rows: list[Life]) -> None:
    """DESIGN 4: guards, effects, bounds, ids, cancels, and the order of log and bus."""
    made = {(life.operator, life.name.split(":")[1]) for life in rows}
    wanted = {
        ("guard dropped", "_claim"),
        ("condition negated", "_dispatch"),
        ("statement dropped", "Turn.cancel"),
        ("statements swapped", "_tell"),
        ("off by one", "_fill"),
        ("wrong argument", "release"),
        ("order changed", "fail_all"),
    }
    assert wanted <= made


def test_every_row_has_its_mutants_or_says_why_not() -> None:
    """FACTS 7.1, 7.2: no known race is left out without a word."""
    assert [row for row, told in ROWS.items() if bool(told.mutants) == bool(told.why)] == []
    named = {name for told in ROWS.values() for name in told.mutants}
    assert named <= {mutant.__name__ for mutant in BY_HAND}


def test_every_kill_names_a_promise_or_a_crash(rows: list[Life]) -> None:
    """DESIGN 4: what kills a mutant is a promise by its name, or `step` that came to no end."""
    promises = {*SAFETY, ENDS, COMPLETES}
    for life in rows:
        for method, outcome in life.outcomes.items():
            if outcome.verdict == "killed":
                by = outcome.by
                assert by in promises or by.startswith((CRASH, SOMETIMES)), (life.name, method)


def test_every_mutant_that_differs_has_met_every_method(rows: list[Life]) -> None:
    """DESIGN 4: no method is left out for any mutant that can be told from the original."""
    for life in rows:
        assert tuple(life.outcomes) == (() if life.equivalent else METHODS), life.name


def test_every_other_mutant_dies_or_has_its_missing_property(rows: list[Life]) -> None:
    """DESIGN 4: contracts, search and liveness kill it, or a sentence says what nobody promised."""
    left = [life.name for life in survivors(rows)]
    assert sorted(set(left) - MISSING.keys()) == [], "say in survivors.py what is missing"
    assert sorted(MISSING.keys() - set(left)) == [], "these die, so nothing is missing"


def test_a_sample_of_the_table_comes_out_again(every: list[Mutant], rows: list[Life]) -> None:
    """DESIGN 1: who looks again finds the same: promise, world and length, for every kind."""
    asked = {life.name: life for life in _sample(rows)}
    again = [Task(mutant, EXHAUSTIVE) for mutant in every if mutant.name in asked]
    for life in lives(again, tables(), 1):
        assert _told(life) == _told(asked[life.name])


def _sample(rows: list[Life]) -> list[Life]:
    kinds: dict[str, list[Life]] = {kind: [] for kind in _AGAIN}
    left = {life.name for life in survivors(rows)}
    for life in rows:
        kind = "survives" if life.name in left else "killed"
        kinds["equivalent" if life.equivalent else kind].append(life)
    random = Random(7)
    return [
        life
        for kind, count in _AGAIN.items()
        for life in random.sample(kinds[kind], min(count, len(kinds[kind])))
    ]


def _told(life: Life) -> tuple[str, str, dict[str, Outcome]]:
    """All that must be the same again: not the seconds."""
    outcomes = {method: life.outcomes[method] for method in EXHAUSTIVE if method in life.outcomes}
    timeless = {method: replace(outcome, seconds=0.0) for method, outcome in outcomes.items()}
    return life.name, life.differs, timeless
