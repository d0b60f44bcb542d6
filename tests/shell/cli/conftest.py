"""A place for launchers: a data directory, and a short directory for the default socket."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data directory that exists and is empty."""
    directory = tmp_path / "data"
    directory.mkdir()
    return directory


@pytest.fixture
def runtime_dir(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Default sockets and configuration files are looked for here, by child processes too."""
    directory = Path(tempfile.mkdtemp(prefix="cli-"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(directory))
    monkeypatch.setenv("HOME", str(directory))
    monkeypatch.delenv("AGENTMUX_LAUNCHER_PIPE", raising=False)
    yield directory
    shutil.rmtree(directory)
