"""A run played again: by calls of `step` alone, with every promise judged at every move."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from tests.core.check import link_mutants, mutants
from tests.core.check.corpus import FOLDER
from tests.core.check.shop import DEAF, SHOP

from saga_core.agentmux import PoolRespawn, WindowCleanup
from saga_core.check import FAULTS, Capsule, Scenario, capsule_of, misfit, played, replay
from saga_core.check.agentmux import SCENARIO
from saga_core.check.runs.capsule import AGENTMUX, FORMAT, Bounds, Cue
from saga_core.engine import Config, Emit, Reducer, tag_of

POOL, CLEANUP = PoolRespawn.NAME, WindowCleanup.NAME
EVERYTHING = Bounds({POOL: 1, CLEANUP: 1}, 1, 2, tuple(FAULTS))
CONNECT = Cue("connect", peer="host", connection=1)
SPAWN, REAP = {"cmd": "spawn_pool_window"}, {"cmd": "reap_panes", "label": "main"}
DRAIN = {"cmd": "drain_pool_if_last", "label": "main"}


def capsule(*moves: Cue, promise: str = "I7", repeats: int | None = None, **told: Any) -> Capsule:
    """A run of AgentMux under all faults."""
    whole = Capsule(FORMAT, AGENTMUX, EVERYTHING, promise, "as told", moves, repeats)
    return replace(whole, **told)


def about(move: str, command: dict[str, Any], saga_id: int = 1, **told: Any) -> Cue:
    """A move of the host over its first connection, about a command."""
    cue = Cue(move, peer="host", connection=1, saga_id=saga_id, command=command)
    return replace(cue, **told)


RUNS: dict[str, tuple[Cue, ...]] = {
    "a saga completes": (
        CONNECT,
        Cue("trigger", saga=CLEANUP),
        about("answer", REAP),
        about("answer", DRAIN, says={"was_last": False}),
    ),
    "everything a peer says": (
        CONNECT,
        Cue("trigger", saga=CLEANUP),
        Cue("trigger", saga=POOL),
        about("foreign", REAP, poses_as=2),
        about("twice", REAP),
        about("failure", SPAWN, saga_id=2),
        about("lost", DRAIN, connection=0),
        Cue("deadline", saga_id=1),
    ),
    "connections come and go": (
        CONNECT,
        Cue("second", peer="host", connection=2),
        Cue("trigger", saga=CLEANUP),
        Cue("send", saga_id=1, taken=True),
        Cue("closed", peer="host", connection=2),
        Cue("disconnect", peer="host", connection=1),
        Cue("restart", peer="host"),
        Cue("expiry", saga_id=1),
    ),
    "a failing log": (
        Cue("trigger", saga=CLEANUP),
        Cue("log"),
        Cue("trigger", saga=POOL),
        Cue("crash"),
        Cue("start"),
        Cue("log"),
        Cue("heal"),
        Cue("shutdown"),
    ),
    "deaths": (
        replace(CONNECT, dies_in=2, dies_after=1),
        Cue("start"),
        CONNECT,
        Cue("trigger", saga=CLEANUP, dies_after=2),
        Cue("start", dies_after=0),
        Cue("start"),
        Cue("log"),
        Cue("trigger", saga=POOL, dies_after=3),
        Cue("start"),
    ),
    "foreign events": (
        CONNECT,
        Cue("trigger", saga=CLEANUP),
        Cue("foreign event", event="deadline", saga_id=9),
        Cue("foreign event", event="expiry", saga_id=1),
        Cue("foreign event", event="expiry", saga_id=9),
        Cue("foreign event", event="failure"),
        Cue("foreign event", event="end", saga_id=9),
        Cue("foreign event", event="connection's end"),
        Cue("foreign event", event="broken line"),
        about("foreign event", REAP | {"saga_id": 9}, saga_id=9, event="send failure"),
        about("foreign event", REAP | {"saga_id": 9}, saga_id=9, event="answer"),
        about("foreign event", REAP | {"saga_id": 9}, saga_id=9, event="failure report"),
        about(
            "foreign event",
            DRAIN | {"saga_id": 9},
            saga_id=9,
            event="answer",
            says={"was_last": True},
        ),
    ),
}

every_run = pytest.mark.parametrize("moves", RUNS.values(), ids=RUNS.keys())


@every_run
def test_a_run_of_the_reducer_keeps_every_promise(moves: tuple[Cue, ...]) -> None:
    """DESIGN 4: each kind of move is played, and nothing breaks."""
    outcome = replay(capsule(*moves), SCENARIO)
    assert (outcome.verdict, outcome.move, outcome.promise) == ("holds", None, None), outcome
    assert outcome.sentence == f"all {len(moves)} moves were played, every promise held"
    assert len(outcome.lines) == len(moves)


@every_run
def test_a_run_as_plain_events_does_the_same(moves: tuple[Cue, ...]) -> None:
    """DESIGN 2: the events of a played run, stepped by anybody, tell the bus what its lines say."""
    run = capsule(*moves)
    reducer = Reducer(SCENARIO.application)
    state = fresh = reducer.initial_state(Config(buffer_cap=run.scope.buffer_cap))
    events = played(run, SCENARIO)
    assert [move.kind for move in events] == [cue.move for cue in moves]
    for move, line in zip(events, replay(run, SCENARIO).lines, strict=True):
        told: list[str] = []
        for number, event in enumerate(move.events, start=1):
            state, effects = reducer.step(state, event)
            done = effects if number < len(move.events) else effects[: move.died]
            told += [tag_of(effect.event) for effect in done if isinstance(effect, Emit)]
        if move.died is not None or move.kind == "crash":
            state = fresh
        assert told == [part.split()[0] for part in line.bus.split(", ") if part]


@pytest.mark.parametrize(
    ("mutant", "moves", "found"),
    [
        (
            link_mutants.purge_forgotten,
            (Cue("trigger", saga=POOL), Cue("deadline", saga_id=1)),
            ("I2", 2),
        ),
        (mutants.version_skipped, (CONNECT, Cue("shutdown")), ("I5", 1)),
        (link_mutants.sent_to_an_older_one, RUNS["connections come and go"], ("dispatch", 2)),
        (mutants.late_answer_stops, RUNS["foreign events"], ("contracts", 11)),
        (mutants.any_saga_fails, RUNS["foreign events"], ("contracts", 6)),
        (mutants.recovery_is_silent, RUNS["deaths"], ("I1", 5)),
    ],
)
def test_the_first_broken_promise_is_named(
    mutant: Any, moves: tuple[Cue, ...], found: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """DESIGN 4: with a fault in the reducer the run ends where it breaks, whatever broke before."""
    mutant(monkeypatch)
    outcome = replay(capsule(*moves), SCENARIO)
    assert (outcome.verdict, outcome.promise, outcome.move) == ("breaks", *found)
    assert len(outcome.lines) == outcome.move


@pytest.mark.parametrize(
    ("moves", "stopped"),
    [
        ((CONNECT, CONNECT), 2),
        ((Cue("deadline", saga_id=1),), 1),
        ((Cue("heal"),), 1),
        ((Cue("start"),), 1),
        ((Cue("trigger", saga=POOL), Cue("trigger", saga=POOL)), 2),
        ((Cue("trigger", saga=POOL, dies_after=0), Cue("trigger", saga=CLEANUP)), 2),
        ((*RUNS["a saga completes"][:3], about("answer", DRAIN, says={"was_last": 7})), 4),
        ((CONNECT, Cue("trigger", saga=POOL), about("answer", SPAWN | {"speed": 9})), 3),
        ((Cue("trigger", saga=POOL), Cue("foreign event", event="deadline", saga_id=1)), 2),
        ((Cue("log"), Cue("crash"), Cue("foreign event", event="failure")), 3),
        (
            (
                CONNECT,
                Cue("trigger", saga=POOL),
                about("foreign event", SPAWN | {"saga_id": 1}, event="send failure"),
            ),
            3,
        ),
        ((about("foreign event", {"cmd": "fly"}, saga_id=9, event="send failure"),), 1),
        ((about("foreign event", {"cmd": "fly"}, saga_id=9, event="answer"),), 1),
        (
            (
                about(
                    "foreign event",
                    DRAIN | {"saga_id": 9},
                    saga_id=9,
                    event="answer",
                    says={"was_last": 7},
                ),
            ),
            1,
        ),
    ],
)
def test_a_move_that_is_not_possible_ends_the_run(moves: tuple[Cue, ...], stopped: int) -> None:
    """DESIGN 4: it says which move that is, and what is possible there instead."""
    run = capsule(*moves)
    outcome = replay(run, SCENARIO)
    assert (outcome.verdict, outcome.move) == ("impossible", stopped)
    assert outcome.promise is None
    assert outcome.instead
    assert outcome.sentence not in outcome.instead
    assert len(played(run, SCENARIO)) == len(outcome.lines) == stopped - 1


@pytest.mark.parametrize(
    ("scenario", "named", "problem"),
    [
        (SHOP, {}, "the application has no saga 'pool_respawn_on_promote', it has send"),
        (SCENARIO, {"moves": (replace(CONNECT, peer="srv"),)}, "no peer 'srv', it has host"),
    ],
)
def test_a_capsule_of_another_application_is_no_run(
    scenario: Scenario, named: dict[str, Any], problem: str
) -> None:
    """DESIGN 6: what the application doesn't have is named, before anything is played."""
    other = capsule(CONNECT, **named)
    assert problem in str(misfit(other, scenario))
    with pytest.raises(AssertionError, match="the application has no"):
        replay(other, scenario)


BROKEN_FOR_EVER = {
    "foreign_answer_taken": "in the end host answers drain_pool_if_last of saga 2 (was_last true)",
    "deadline_ignored": "no saga is in flight all the time",
}


@pytest.mark.parametrize("name", BROKEN_FOR_EVER)
def test_a_run_for_ever_comes_to_an_end_once_it_is_mended(name: str) -> None:
    """DESIGN 4, liveness: what the mended reducer does instead is said."""
    run = capsule_of((Path(FOLDER) / f"{name}.json").read_text()).unwrap()
    outcome = replay(run, SCENARIO)
    assert outcome.verdict == "holds"
    assert outcome.sentence.endswith(BROKEN_FOR_EVER[name])


def test_a_round_that_leads_on_is_no_round() -> None:
    """DESIGN 4, liveness: the last moves must lead back to where they set out from."""
    moves = (Cue("trigger", saga=POOL), CONNECT)
    outcome = replay(capsule(*moves, promise="ends", repeats=1), SCENARIO)
    assert outcome.sentence == "all 2 moves were played: they lead on, and not round"


def test_a_round_in_which_nothing_runs_is_none() -> None:
    """DESIGN 4, liveness: a process that stays dead is started in the end."""
    dies = Cue("trigger", saga=POOL, dies_after=1)
    outcome = replay(capsule(dies, promise="ends", repeats=1), SCENARIO)
    assert outcome.sentence == "all 1 moves were played: in the end the process starts and recovers"


def test_a_round_from_the_first_world_needs_a_saga() -> None:
    """DESIGN 4, liveness: nothing has to end where nothing began."""
    outcome = replay(capsule(promise="ends", repeats=0), SCENARIO)
    assert outcome.sentence == "all 0 moves were played: no saga is in flight all the time"


def test_a_round_that_takes_every_fair_action_breaks() -> None:
    """DESIGN 4, liveness: peers whose answers are of no use, and a saga that waits for ever."""
    asked = {"cmd": "do", "work": "reserve", "order": "book"}
    moves = (
        Cue("connect", peer="warehouse", connection=1),
        Cue("trigger", saga="send"),
        Cue("answer", peer="warehouse", connection=1, saga_id=1, command=asked),
    )
    bounds = Bounds({"send": 1}, 1, 1, ("disconnect",))
    run = capsule(*moves, promise="completes", repeats=3, scope=bounds)
    outcome = replay(run, DEAF)
    assert (outcome.verdict, outcome.promise, outcome.move) == ("breaks", "completes", 3)
    back = Cue("disconnect", peer="warehouse", connection=1)
    again = (*moves[:2], back, moves[0])
    round_trip = replay(replace(run, moves=again, repeats=2), DEAF)
    assert round_trip.sentence.startswith("all 4 moves were played: in the end warehouse answers")
