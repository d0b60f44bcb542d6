"""The real shell does what the pure reducer says, whatever the play."""

from itertools import chain
from pathlib import Path

import pytest
from tests.core.check.test_replay import RUNS
from tests.shell.rehearsal.plays import (
    CAPSULES,
    REPLAYED,
    life,
    performed,
    play_of,
    read,
    went_well,
)

from saga_core.agentmux.events import EventList
from saga_core.check import FAULTS
from saga_core.check.runs.capsule import KINDS
from saga_core.engine import LogDegraded, LogRecovered, SagaFailed

paces = pytest.mark.parametrize("hurried", [False, True], ids=["one by one", "in a hurry"])


@paces
@pytest.mark.parametrize("name", RUNS)
def test_each_run_is_performed(name: str, hurried: bool, tmp_path: Path) -> None:
    """DESIGN 2: the runner, the bus and the saga log do what `step` says, in its order."""
    play = play_of(name)
    found = performed(play, tmp_path, hurried=hurried)
    assert went_well(found)
    assert found.moves == len(play)


def test_the_runs_have_every_kind_of_move() -> None:
    """DESIGN 4: nothing that the checker lets happen is left out here."""
    kinds = {move.kind for name in RUNS for move in play_of(name)}
    assert kinds == set(KINDS)


@paces
@pytest.mark.parametrize("file", CAPSULES, ids=lambda file: str(file.stem))
def test_each_capsule_of_the_corpus_is_performed(file: Path, hurried: bool, tmp_path: Path) -> None:
    """DESIGN 4: what a bug was found by is performed too, and the shell does what is right."""
    play = play_of(read(file))
    found = performed(play, tmp_path, hurried=hurried)
    assert went_well(found)
    assert found.processes == 1 + sum(move.kind == "start" for move in play)


@paces
@pytest.mark.parametrize("seed", range(8))
def test_random_lives_are_performed(seed: int, hurried: bool, tmp_path: Path) -> None:
    """DESIGN 4: under all faults at once, with many deaths and outages."""
    faults = frozenset(FAULTS) - ({"shutdown"} if seed % 2 else set())
    found = performed(life(seed, 150, faults).played(), tmp_path, hurried=hurried)
    assert went_well(found)
    assert found.moves == 150


def test_a_play_is_performed_the_same_way_each_time(tmp_path: Path) -> None:
    """DESIGN 3: nothing but the play decides, in a hurry neither: not even the rows' times."""
    play = life(3, 120).played()
    first = performed(play, tmp_path / "here", hurried=True)
    (tmp_path / "here").rename(tmp_path / "elsewhere")
    assert performed(play, tmp_path / "here", hurried=True) == first


def test_in_a_hurry_moves_share_commits(tmp_path: Path) -> None:
    """DESIGN 5: the group commit: fewer batches, the same bus and the same rows."""
    play = life(5, 120, frozenset({"disconnect", "failure", "twice"})).played()
    slow = performed(play, tmp_path / "slow")
    fast = performed(play, tmp_path / "fast", hurried=True)
    assert fast.batches < slow.batches / 4
    assert fast.bus == slow.bus
    assert [row.saga.state for row in fast.rows] == [row.saga.state for row in slow.rows]


def test_what_is_heard_is_what_was_on_the_bus(tmp_path: Path) -> None:
    """FACTS R-50: a peer hears its own registration on, then each event, and its commands."""
    found = performed(play_of("a saga completes"), tmp_path)
    kinds = [type(message).__name__ for message in found.heard[1]]
    assert kinds == [
        *("ProcessSpawned", "LifecyclePhaseChanged", "Registered"),
        *("SagaStarted", "ReapPanes", "PanesReaped", "DrainPoolIfLast", "PoolNotLast"),
        "SagaCompleted",
    ]


@paces
def test_a_replay_is_the_rings(hurried: bool, tmp_path: Path) -> None:
    """FACTS 6.4, F-13: the answer to `get_events` is what the bus was told, and no more."""
    found = performed(REPLAYED, tmp_path, hurried=hurried)
    assert went_well(found)
    lists = [message for message in found.heard[1] if isinstance(message, EventList)]
    assert [len(told.events) for told in lists] == [len(found.bus), len(found.bus) - 2, 0]


def test_an_outage_is_told_and_loses_nothing(tmp_path: Path) -> None:
    """FACTS R-44: the commit of the trigger fails, the rows come in order once the disk is back."""
    trigger, fails, more, _, _, _, heals, *_ = play_of("a failing log")
    found = performed([trigger, fails, more, heals], tmp_path)
    assert went_well(found)
    notices = [event for event in found.bus if isinstance(event, LogDegraded | LogRecovered)]
    assert [type(notice) for notice in notices] == [LogDegraded, LogRecovered]
    assert [row.saga.saga_id for row in found.rows] == [1, 2]


def test_a_death_during_an_outage_loses_its_rows(tmp_path: Path) -> None:
    """DESIGN 5: what waited in memory is gone, and its ids are not used again (FACTS R-18)."""
    trigger, fails, more, dies, starts, *_ = play_of("a failing log")
    found = performed([trigger, fails, more, dies, starts, trigger], tmp_path)
    assert went_well(found)
    (row,) = found.rows
    assert row.saga.saga_id > 2


@pytest.mark.parametrize(("effects", "rows"), [(0, 0), (1, 1), (2, 1), (99, 1)])
def test_a_step_s_rows_are_there_or_not_as_a_whole(effects: int, rows: int, tmp_path: Path) -> None:
    """FACTS I3: a death before the commit leaves none of a step's rows, one after it leaves all."""
    (trigger,) = play_of("a failing log")[:1]
    start = play_of("a failing log")[4]
    found = performed([trigger._replace(died=effects), start], tmp_path)
    assert went_well(found)
    assert [row.saga.state for row in found.rows] == ["failed_compensation"] * rows
    assert [len(row.steps) for row in found.rows] == [1] * rows
    assert sum(isinstance(event, SagaFailed) for event in found.bus) == rows


def test_timers_fire_when_they_are_due(tmp_path: Path) -> None:
    """FACTS 1.2: a deadline of AgentMux's takes its seconds of virtual time."""
    play = play_of("everything a peer says")
    assert play[-1].kind == "deadline"
    before = performed(play[:-1], tmp_path / "before").seconds
    after = performed(play, tmp_path / "after").seconds
    assert before < 1
    assert after > 5


def test_the_moves_of_a_life_are_of_every_kind() -> None:
    """DESIGN 4: eight lives under all faults meet all that can happen."""
    plays = chain.from_iterable(life(seed, 150).played() for seed in range(8))
    assert {move.kind for move in plays} == set(KINDS)
