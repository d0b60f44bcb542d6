"""The README says what is true: its example runs, its rooms exist, its options are offered."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def fenced(language: str) -> list[str]:
    """The fenced blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def test_the_example_prints_what_it_says() -> None:
    """The Python block runs as it stands and prints the line in its last comment."""
    (example,) = fenced("python")
    done = subprocess.run(
        [sys.executable, "-c", example], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == example.strip().splitlines()[-1].removeprefix("# ")


def test_the_two_commands_come_first() -> None:
    """The first two fenced blocks are single lines: one plays the demo, one runs the tests."""
    demo, tests = re.findall(r"^```\w*\n(.*?)^```", README, re.DOTALL | re.MULTILINE)[:2]
    assert demo.count("\n") == tests.count("\n") == 1
    assert demo.rstrip().endswith("agentmux-launcher demo")
    assert tests.rstrip().endswith("pytest")


def test_every_room_exists() -> None:
    """Each folder of the table is there, and each module named below it."""
    folders = re.findall(r"^\| `((?:core|shell|tests|stubs)[^`]*)` \|", README, re.MULTILINE)
    assert len(folders) >= 9
    assert all((ROOT / folder).is_dir() for folder in folders)
    for module in re.findall(r"`((?:engine|agentmux|launcher)/\w+\.py)`", README):
        assert list(ROOT.glob(f"*/*/{module}")), module


def test_every_command_is_offered() -> None:
    """Each `agentmux-launcher` command of the README has a help text with the options it names."""
    names = r"agentmux-launcher (run|diag \w+|demo|check-log|check|simulate|bench)\b"
    for command in re.findall(names, README):
        done = subprocess.run(
            [sys.executable, "-m", "saga_shell", *command.split(), "--help"],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        assert "Usage:" in done.stdout
    for option in ("--no-host", "--host-cmd", "--srv-cmd", "--on-log-failure"):
        assert option in README
