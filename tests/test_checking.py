"""The page for authors is true: its example is the tests' own, its output the command's."""

import ast
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from tests.core.check.logged.logbook import Logbook
from tests.core.check.returns import SELFISH, STUBBORN
from tests.core.check.running import watch
from tests.core.check.shop import LOGGED_SHOP
from tests.core.check.test_scopes import SCOPES
from tests.shell.cli.recorded import save
from tests.shell.cli.terminal import agentmux, here

from saga_core.check import Limits, Scope, check
from saga_shell.cli.program import PROGRAM

MIXED = [
    scope
    for name, scope in SCOPES.items()
    if name in {"one of each", "three, mixed", "four, mixed"}
]

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "CHECKING.md").read_text()
SHOP = ROOT / "tests" / "core" / "check" / "shop.py"
FILES = (
    "core/check/shop.py",
    "shell/testing/test_saga_machine.py",
    "core/check/returns.py",
    "core/check/returns.py",
    "shell/testing/test_returns.py",
)
"""Where each block of Python stands."""

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


def commands() -> list[str]:
    """The commands of the page that a user types as they are."""
    return [block.strip() for block in fenced("") if not block.startswith("python -m ")]


def test_the_authors_code_is_the_one_that_is_checked_and_short() -> None:
    """DESIGN 1: a saga of one's own and its scenario take at most 30 lines."""
    code, *_ = fenced("python")
    assert code in SHOP.read_text()
    assert len(code_lines(code)) <= LINES_OF_AN_AUTHOR


def test_all_code_is_that_of_a_test() -> None:
    """DESIGN 1: what the page shows is run as it stands there."""
    for code, file in zip(fenced("python"), FILES, strict=True):
        assert code in (ROOT / "tests" / file).read_text()


@pytest.mark.parametrize("typed", commands())
def test_each_command_does_what_the_page_says(typed: str, tmp_path: Path) -> None:
    """DESIGN 6: every command of the page holds for the tests' own sagas."""
    book = Logbook(LOGGED_SHOP)
    book.join()
    log = save(tmp_path / "sagas.db", book.trigger("send").answer(1, 1).sagas())
    program, *words = shlex.split(typed)
    assert program == PROGRAM
    ran = agentmux(*(log if word == log.name else word for word in words), cwd=ROOT)
    assert ran.code == 0, ran
    assert {"check": "HOLDS", "simulate": "HOLDS", "check-log": "POSSIBLE"}[words[0]] in ran.out


def test_a_saga_that_asks_again_for_ever_is_not_searched_to_its_end() -> None:
    """DESIGN 4: each of its steps is another world, and the check says what cut it."""
    refused = Scope((("order", 1),), 1, frozenset({"failure"}))
    depths = []
    for worlds in (500, 1_000):
        report = check(STUBBORN, refused, watch(), Limits(states=worlds))
        assert report.verdict == "undetermined"
        depths.append(report.depth)
    assert depths[0] < depths[1]


def test_a_saga_that_goes_by_its_own_id_is_checked_without_reductions() -> None:
    """DESIGN 4: reductions call sagas by other names."""
    scope = Scope((("order", 2),), 1, frozenset({"failure", "deadline"}), reductions=frozenset())
    assert check(SELFISH, scope, watch()).verdict == "holds"


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


def test_the_authors_options_are_offered() -> None:
    """DESIGN 6: the options that the page names are those of its commands."""
    page, long_runs = PAGE.split("## More ways to run it")
    long_runs, rest = long_runs.split("**Hypothesis.**")
    for text, command in ((page, "check"), (long_runs, "simulate"), (rest, "check")):
        helped = here(command, "--help").out
        named = re.findall(r"`(--[a-z-]+)", text)
        assert named
        for option in named:
            assert f"  {option} " in helped, option
