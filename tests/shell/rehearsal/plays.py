"""Plays to rehearse: the runs of the replay's tests, the corpus, random lives."""

import random
from collections.abc import Sequence
from pathlib import Path

from tests.core.check.corpus import FOLDER
from tests.core.check.test_replay import RUNS, capsule

from saga_core.agentmux.commands import GetEvents, Register
from saga_core.agentmux.events import WindowClosed
from saga_core.check import AGENTMUX, FAULTS, Capsule, Played, capsule_of, played
from saga_core.check.agentmux import SCENARIO
from saga_core.engine import CommandReceived, Config, ConnectionOpened
from saga_shell.rehearsal import Rehearsal, rehearse
from saga_shell.testing import Life, endless

SMALL = Config(buffer_cap=1)

REPLAYED: tuple[Played, ...] = (
    Played("trigger", (WindowClosed("main", 0),)),
    Played("connect", (ConnectionOpened(1), CommandReceived(1, Register("host", 7, "1")))),
    Played("ask", (CommandReceived(1, GetEvents(0)),)),
    Played("ask", (CommandReceived(1, GetEvents(2)),)),
    Played("ask", (CommandReceived(1, GetEvents(1_000)),)),
)
"""A peer asks what was on the bus."""


def play_of(run: Capsule | str) -> tuple[Played, ...]:
    """A capsule, or one of the named runs, as plain events."""
    found = capsule(*RUNS[run]) if isinstance(run, str) else run
    return played(found, SCENARIO)


def read(file: Path) -> Capsule:
    """The capsule of a file."""
    return capsule_of(file.read_text()).unwrap()


CAPSULES = [file for file in sorted(FOLDER.glob("*.json")) if read(file).application == AGENTMUX]
"""Those of the launcher, which is what the shell runs."""


def life(seed: int, moves: int, faults: frozenset[str] = frozenset(FAULTS)) -> Life:
    """A random life of AgentMux."""
    choices = random.Random(seed)
    found = Life(SCENARIO, endless(SCENARIO, faults))
    for _ in range(moves):
        assert found.go_on(choices.randrange).broken is None, found.story()
    return found


def performed(play: Sequence[Played], place: Path, *, hurried: bool = False) -> Rehearsal:
    """The play as the shell performs it, judged by every promise."""
    return rehearse(SCENARIO.application, play, place, SMALL, hurried=hurried).unwrap()


def went_well(found: Rehearsal) -> bool:
    """Whether the shell did what the reducer says; fails with what it did, if not."""
    assert found.divergence is None, found.divergence
    assert found.broken is None, found.broken
    return True
