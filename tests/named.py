"""Tests that a page names, as `folder/file.py::name`."""

import re
from pathlib import Path

TESTS = Path(__file__).parent


def names_in(text: str) -> list[tuple[str, str]]:
    """File, below `tests`, and name of every test that `text` names."""
    return re.findall(r"`(?:tests/)?([\w/]+\.py)::(\w+)`", text)


def missing_in(text: str) -> list[str]:
    """What `text` names and nobody finds."""
    return [f"{file}::{name}" for file, name in names_in(text) if not _exists(TESTS / file, name)]


def _exists(file: Path, name: str) -> bool:
    return file.is_file() and re.search(rf"def {name}\(", file.read_text()) is not None
