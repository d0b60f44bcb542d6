"""The page of promises: each names tests that exist, and each figure can be measured again."""

import re
import subprocess
import sys

from tests.named import TESTS, missing_in, names_in

from saga_shell.bench.parts import PARTS
from saga_shell.launcher.bounds import MEANINGS, Bounds, option_name

PAGE = (TESTS.parent / "RELIABILITY.md").read_text()
PROMISES = re.findall(r"^\| \d+ \| (.+?) \| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE)


def test_each_promise_is_held_by_tests_that_exist() -> None:
    """RELIABILITY: each promise stands with the test that holds it and what was measured."""
    assert len(PROMISES) >= 12
    for promise, tests, figure in PROMISES:
        assert names_in(tests), f"{promise}: name its test"
        assert missing_in(tests) == [], promise
        assert figure.strip(), f"{promise}: say what was measured"


def test_each_command_can_be_given() -> None:
    """A figure that nobody can repeat is none: each command's options and parts are there."""
    commands = re.findall(
        r"^(?:\w+=\S+ )*(agentmux-launcher|pytest|python) (.+)$", PAGE, re.MULTILINE
    )
    assert commands
    for program, arguments in commands:
        words = arguments.split("#")[0].split()
        if program == "agentmux-launcher":
            command, *rest = words
            helped = _help(command)
            assert all(word in PARTS for word in rest if not word.startswith("-"))
            assert all(word in helped for word in rest if word.startswith("--"))
        else:
            assert all(
                (TESTS.parent / word).exists() for word in words if word.startswith("tests/")
            )


def test_each_bound_is_on_the_page() -> None:
    """RELIABILITY 11: each bound stands with its default, as `run --bound` takes it."""
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| ([\d,.]+) [a-z]+ \|", PAGE, re.MULTILINE))
    defaults = {option_name(name): getattr(Bounds(), name) for name in MEANINGS}
    assert {name: float(value.replace(",", "")) for name, value in rows.items()} == defaults


def _help(command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "saga_shell", command, "--help"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout
