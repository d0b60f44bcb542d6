"""Every known race has its row in `tests/README.md`, and every row names tests that exist."""

import re

from tests.named import TESTS, missing_in, names_in

TABLE = (TESTS / "README.md").read_text()
ROWS = re.findall(r"^\| ([FR]-\d\d) \| (.+?) \| (.+?) \|$", TABLE, re.MULTILINE)
FIXED_UPSTREAM = [f"F-{number:02}" for number in range(1, 48)]
OPEN_UPSTREAM = [f"R-{number:02}" for number in range(1, 65)]


def test_every_race_has_one_row() -> None:
    """F-01 to F-47 and R-01 to R-64, each once, in order."""
    assert [race for race, _, _ in ROWS] == FIXED_UPSTREAM + OPEN_UPSTREAM


def test_every_row_names_tests_that_exist() -> None:
    """A row names tests as `file::name`; a row without a test says why the race can't happen."""
    for race, rule, tests in ROWS:
        named = names_in(tests)
        assert named or "does not apply" in rule, f"{race}: name its test, or say why it has none"
        assert missing_in(tests) == [], race
