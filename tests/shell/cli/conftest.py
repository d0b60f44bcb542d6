"""What commands need: a data directory, a place for sockets, an end for what they leave."""

import gc
import shutil
import tempfile
from collections.abc import Iterator
from multiprocessing import resource_tracker
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


@pytest.fixture
def no_process_stays() -> Iterator[None]:
    """End the process that multiprocessing keeps beside those of a swarm."""
    yield
    gc.collect()  # what a swarm held must be given back before
    resource_tracker._resource_tracker._stop()  # type: ignore[attr-defined]  # it has no other end
