"""Open files: as many as the connections need, or as many connections as the system allows."""

import resource

import pytest

from saga_shell.launcher.bounds import Bounds
from saga_shell.launcher.descriptors import OWN_FILES, with_files_for


class System:
    """A system with limits of its own."""

    def __init__(self, patch: pytest.MonkeyPatch, soft: int, hard: int) -> None:
        self.limits = (soft, hard)
        patch.setattr(resource, "getrlimit", lambda _which: self.limits)
        patch.setattr(resource, "setrlimit", self._set)

    def _set(self, _which: int, limits: tuple[int, int]) -> None:
        self.limits = limits


UNBOUNDED = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("soft", "hard", "soft_after"),
    [
        (256, 1_000_000, 1_000 + OWN_FILES),
        (256, UNBOUNDED, 1_000 + OWN_FILES),
        (5_000, 1_000_000, 5_000),
        (UNBOUNDED, UNBOUNDED, UNBOUNDED),
    ],
)
def test_the_limit_is_raised_as_far_as_needed(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, soft_after: int
) -> None:
    """What the process may open is what its connections may take; no more is asked for."""
    system = System(monkeypatch, soft, hard)
    bounds = Bounds(connections=1_000)
    assert with_files_for(bounds) == bounds
    assert system.limits == (soft_after, hard)


@pytest.mark.parametrize(("hard", "connections"), [(256, 256 - OWN_FILES), (10, 1)])
def test_connections_are_bounded_by_what_the_system_allows(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    hard: int,
    connections: int,
) -> None:
    """FACTS R-63: peers are turned away before the system runs out of files; one line says so."""
    system = System(monkeypatch, min(hard, 128), hard)
    assert with_files_for(Bounds()) == Bounds(connections=connections)
    assert system.limits == (hard, hard)
    (line,) = caplog.messages
    assert f"at most {connections} peers at a time, not 4096" in line
