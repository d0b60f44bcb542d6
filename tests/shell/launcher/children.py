"""The children of a test's launcher: what they wrote, and that none of them is left."""

import asyncio
import os
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from tests.shell.launcher.parts import polled

FOR_EVER = "exec sleep 1000"
"""What a child that doesn't end by itself does."""


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run a test's coroutine, and see that it leaves no child behind."""
    asyncio.run(main)
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def said_in(path: Path) -> str:
    """The line that a child has written to a file; empty as long as it has not."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        return ""
    return text.strip() if text.endswith("\n") else ""


async def appears(path: Path) -> str:
    """Wait until a child has written a line, and return it."""
    await polled(lambda: said_in(path) != "")
    return said_in(path)
