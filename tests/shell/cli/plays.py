"""Plays in the real shell whose logs are checked: those of the corpus, and random ones."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest

from saga_core.agentmux import PoolRespawn, WindowCleanup
from saga_core.check import FAULTS, Played, Scope
from saga_core.check.agentmux import SCENARIO
from saga_core.check.runs.stage import Stage, Taken
from saga_core.engine import Config
from saga_shell.log import LogOptions, current_path
from saga_shell.rehearsal import process, rehearse

_READILY = {"trigger": 6, "answer": 6, "connect": 4, "start": 6, "heal": 2}
_HARDLY = {"shutdown", "log", "foreign", "twice"}
_IMMORTAL = {"crash", "log", "heal"}
"""No process dies in these: it is dead already, or its disk is all that changes."""


def random_play(seed: int, moves: int = 40) -> tuple[Played, ...]:
    """What may happen to up to eight sagas, with deaths in the middle of a step."""
    rng = Random(seed)
    sagas = ((PoolRespawn.NAME, 4), (WindowCleanup.NAME, 4))
    stage = Stage(SCENARIO, Scope(sagas, cap_of(seed), frozenset(FAULTS), 2, frozenset()))
    here, play = stage.first(), []
    for _ in range(moves):
        taken = _any_move(stage, here, rng)
        deeds = tuple(deed.event for deed in taken.deeds)
        play.append(Played(taken.cue.move, deeds, taken.cue.dies_after))
        here = taken.here
    return tuple(play)


def cap_of(seed: int) -> int:
    """The cap of a random play's buffers."""
    return seed % 4


def performed(
    play: tuple[Played, ...], directory: Path, cap: int, *, hurried: bool = False
) -> Path:
    """The log that the real shell writes in a play."""
    config = Config(buffer_cap=cap)
    done = rehearse(SCENARIO.application, play, directory, config, hurried=hurried, judged=False)
    assert done.unwrap().divergence is None
    return current_path(directory)


@contextmanager
def ticking(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each commit has a time of its own, as on a clock that doesn't stand still."""
    ticks = count(1)

    def later(clock: Callable[[], datetime]) -> Callable[[], datetime]:
        return lambda: clock() + timedelta(microseconds=next(ticks))

    def options(**told: Any) -> LogOptions:
        return LogOptions(**{**told, "clock": later(told["clock"])})

    with monkeypatch.context() as patch:
        patch.setattr(process, "LogOptions", options)
        yield


def _any_move(stage: Stage, here: Any, rng: Random) -> Taken:
    options = list(stage.options.of(here))
    kinds = sorted({option.cue.move for option in options})
    weights = [0.3 if kind in _HARDLY else _READILY.get(kind, 1) for kind in kinds]
    (kind,) = rng.choices(kinds, weights)
    option = rng.choice([option for option in options if option.cue.move == kind])
    mortal = kind not in _IMMORTAL and rng.random() < 0.04
    deaths = list(stage.deaths(here, option)) if mortal else []
    return rng.choice(deaths) if deaths else stage.take(here, option)
