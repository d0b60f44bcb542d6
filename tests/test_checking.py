"""The page for authors is true: its example is the tests' own, its output the command's."""

import ast
import re
import subprocess
import sys
from pathlib import Path

from tests.core.check.test_scopes import SCOPES

MIXED = [
    scope
    for name, scope in SCOPES.items()
    if name in {"one of each", "three, mixed", "four, mixed"}
]

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "CHECKING.md").read_text()
SHOP = ROOT / "tests" / "core" / "check" / "shop.py"
LINES_OF_AN_AUTHOR = 30


def fenced(language: str) -> list[str]:
    """The fenced blocks of a language, in order."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    return [block for its, block in blocks if its == language]


def code_lines(source: str) -> list[str]:
    """The lines of `source` that are neither blank nor part of a docstring."""
    prose: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            prose.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines = enumerate(source.splitlines(), start=1)
    return [line for number, line in lines if line.strip() and number not in prose]


def test_the_authors_code_is_the_one_that_is_checked_and_short() -> None:
    """DESIGN 1: a saga of one's own and its scenario take at most 30 lines."""
    (code,) = fenced("python")
    assert code in SHOP.read_text()
    assert len(code_lines(code)) <= LINES_OF_AN_AUTHOR


def test_the_counterexample_is_what_the_command_says() -> None:
    """DESIGN 4: the page shows what its command prints, to the letter."""
    (shown,) = fenced("text")
    (command,) = [block for block in fenced("") if block.startswith("python -m ")]
    ran = subprocess.run(
        [sys.executable, *command.split()[1:]],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=60,
    )
    assert (ran.returncode, ran.stderr) == (1, "")
    assert f"\n{shown}\n" in ran.stdout


def test_the_worlds_of_few_sagas_are_those_that_the_tests_count() -> None:
    """DESIGN 4: how far a check gets is what every test run sees, as far as it goes itself."""
    rows = re.findall(r"^\| (\d) \| ([\d,]+) \| ([\d,]+) \|", PAGE, re.MULTILINE)
    shown = {int(n): (int(w.replace(",", "")), int(t.replace(",", ""))) for n, w, t in rows}
    counted = {sum(n for _, n in sagas): counts[:2] for _, sagas, counts in MIXED}
    assert {2, 3, 4} == counted.keys()
    assert {n: shown[n] for n in counted} == counted


def test_the_authors_command_is_offered() -> None:
    """DESIGN 6: the options that the page names are those of the command."""
    helped = subprocess.run(
        [sys.executable, "-m", "saga_shell", "check", "--help"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    for option in re.findall(r"`(--[a-z-]+)", PAGE):
        assert option in helped.stdout, option
