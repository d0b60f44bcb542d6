"""A world makes the moves that are possible in it, and no others."""

from typing import Any

import pytest
from msgspec.structs import replace
from returns.result import Failure, Success
from tests.core.check import mutants
from tests.core.engine.order_app import Do, Join, Placed, Say, Shop
from tests.core.simulate.worlds import CLEANUP, CONNECT, RESPAWN, promise, world

from saga_core.agentmux.commands import Register, ReportPoolWindowPromoted
from saga_core.check import Scenario
from saga_core.check.agentmux import SCENARIO
from saga_core.engine import (
    CloseConnection,
    Command,
    CommandReceived,
    ConnectionClosed,
    ConnectionOpened,
    Emit,
    Event,
    Reducer,
    SagaFailed,
)
from saga_core.simulate import Plan, simulate
from saga_core.simulate.bag import Bag
from saga_core.simulate.judge import Judge
from saga_core.simulate.lately import Lately
from saga_core.simulate.moves import Move
from saga_core.simulate.playing import play

ANSWER = Move("answer", saga=1, connection=1)
LOST = Move("lost", saga=1)
LOG, SHUTDOWN, CRASH, START = Move("log"), Move("shutdown"), Move("crash"), Move("start")
MEND = Move("mend")


@pytest.mark.parametrize(
    ("made", "move"),
    [
        ((), Move("trigger", which=2)),
        ((), Move("second", connection=1)),
        ((CONNECT,), CONNECT),
        ((CONNECT,), Move("second", connection=1)),
        ((), Move("disconnect", connection=1)),
        ((CONNECT,), Move("closed", connection=1)),
        ((CONNECT,), ANSWER),
        ((CONNECT, RESPAWN), Move("answer", saga=1, connection=2)),
        ((CONNECT,), Move("failure", saga=1, connection=1)),
        ((CONNECT,), LOST),
        ((CONNECT, RESPAWN), Move("foreign", saga=1, connection=1, more=1)),
        ((CONNECT,), Move("foreign", saga=1, connection=1, more=2)),
        ((CONNECT,), Move("late", saga=1, connection=1)),
        ((CONNECT, RESPAWN, Move("deadline", saga=1)), Move("late", saga=1, connection=2)),
        ((), Move("deadline", saga=1)),
        ((), Move("expiry", saga=1)),
        ((CONNECT, RESPAWN), Move("expiry", saga=1)),
        ((RESPAWN,), Move("stale", saga=1)),
        ((RESPAWN,), Move("stale", saga=1, which=1)),
        ((CONNECT,), Move("send", saga=1, connection=1)),
        ((RESPAWN,), Move("send", saga=1, connection=1)),
        ((CONNECT,), Move("restart")),
        ((), Move("restart")),
        ((LOG,), LOG),
        ((), Move("heal")),
        ((SHUTDOWN,), SHUTDOWN),
        ((), Move("end")),
        ((), START),
        ((CRASH,), RESPAWN),
        ((), MEND),
        ((CONNECT, LOG), MEND),
        ((CONNECT, SHUTDOWN), MEND),
        ((), Move("settled")),
        ((RESPAWN,), Move("rest")),
    ],
    ids=lambda given: given.kind if isinstance(given, Move) else str(len(given)),
)
def test_what_is_not_possible_is_not_made(made: tuple[Move, ...], move: Move) -> None:
    """A move needs what it is about; without it the world stays as it is."""
    before = world(*made)
    state, events = before.state, before.tally.events
    assert not play(before, move)
    assert (before.state, before.tally.events, before.broken) == (state, events, None)


@pytest.mark.parametrize(
    ("made", "move"),
    [
        ((CONNECT, MEND), LOG),
        ((CONNECT, MEND), replace(RESPAWN, dies=0)),
        ((CONNECT, MEND, Move("disconnect", connection=1)), RESPAWN),
        ((CONNECT, RESPAWN, CLEANUP, MEND), Move("disconnect", connection=1)),
    ],
)
def test_honest_peers_do_no_harm(made: tuple[Move, ...], move: Move) -> None:
    """While every saga must complete, nothing happens that could keep one from it."""
    assert not play(world(*made, buffer_cap=1), move)


def test_a_round_has_so_many_triggers() -> None:
    """A trigger that came as often as the scope allows comes again only in a new round."""
    scope = (("pool_respawn_on_promote", 1),)
    made = world(RESPAWN, scope=scope)
    assert not play(made, RESPAWN)
    assert not play(made, CLEANUP)
    assert play(made, Move("anew"))
    assert play(made, RESPAWN)


class Picky(Shop):
    """A shop whose peers take commands of the first saga only."""

    def address(
        self, target: str, command: Command, saga_id: int
    ) -> Success[Command] | Failure[str]:
        """Refuse all others."""
        return super().address(target, command, saga_id) if saga_id == 1 else Failure("no")


def test_what_can_not_be_addressed_is_not_answered() -> None:
    """A peer can't answer as if a saga had asked that may not ask."""
    made = world(CONNECT, RESPAWN, scenario=replace(FULFIL, application=Picky()))
    assert not play(made, Move("foreign", saga=1, connection=1, more=2))


def test_honest_peers_may_reconnect() -> None:
    """What all fits into the buffer is sent again, and completes."""
    moves = (CONNECT, RESPAWN, LOST, MEND, Move("disconnect", connection=1), CONNECT, ANSWER)
    made = world(*moves, Move("settled"), Move("overdue"), Move("rest"))
    assert (made.tally.started, made.tally.completed) == (1, 1)


def test_what_got_lost_may_be_waited_for() -> None:
    """A saga whose command never came, or waits for its peer, is not to blame for going on."""
    away = Move("disconnect", connection=1)
    for moves in ((CONNECT, RESPAWN, LOST, MEND), (CONNECT, RESPAWN, MEND, away)):
        assert promise(world(*moves, Move("settled"))) is None


def test_a_peer_may_have_got_what_was_not_sent() -> None:
    """FACTS R-33: a command whose sending failed is lost, or the peer has it all the same."""
    for taken, asked in ((0, 0), (1, 1)):
        made = world(CONNECT, RESPAWN, Move("send", saga=1, connection=1, more=taken))
        assert len(made.peers.asked) == asked
        assert made.peers.links["host"].closing == [1]


def test_a_restart_forgets_what_ended_sagas_asked() -> None:
    """A peer that restarts answers nothing that it was asked before."""
    down = (CONNECT, RESPAWN, CLEANUP, Move("deadline", saga=1), Move("disconnect", connection=1))
    made = world(*down, Move("restart"))
    assert made.peers.late.of(1) == []
    assert not len(made.peers.asked)


def test_a_saga_that_fails_though_all_is_well_is_a_finding() -> None:
    """DESIGN 4, liveness: with a host that answers, every saga completes."""
    said = replace(SCENARIO, answers=lambda command: (SCENARIO.failure(command),))
    made = world(CONNECT, MEND, RESPAWN, scenario=said)
    assert play(made, ANSWER)
    assert promise(made) == "completes"
    before = world(CONNECT, RESPAWN, MEND, ANSWER, scenario=said)
    assert (before.tally.failed, promise(before)) == (1, None)


def test_a_saga_of_before_may_fail_by_its_own_answer_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN 4, liveness: an answer for another saga is no reason, and neither is a connection."""
    original = Reducer.step

    def step(self: Reducer[Any], state: Any, event: Any) -> Any:
        after, effects = original(self, state, event)
        if (
            isinstance(event, CommandReceived | ConnectionClosed)
            and state.counters.next_saga_id > 2
        ):
            effects = (*effects, Emit(SagaFailed(1, "for no reason", 99)))
        return after, effects

    monkeypatch.setattr(Reducer, "step", step)
    monkeypatch.setattr(Judge, "judge", lambda *_: None)
    for moves in ((replace(ANSWER, saga=2),), (Move("disconnect", connection=1),)):
        made = world(CONNECT, RESPAWN, CLEANUP, MEND)
        assert all(play(made, move) for move in moves)
        assert promise(made) == "completes"


def test_a_saga_that_nothing_ends_is_a_finding() -> None:
    """DESIGN 4, liveness: once no deadline is left, nothing is in flight."""
    made = world(CONNECT, RESPAWN)
    made.deadlines.clear()
    assert play(made, Move("rest"))
    assert promise(made) == "ends"


def test_a_connection_that_nobody_has_can_be_hung_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong reducer may end what ended already; the world goes on."""
    original = Reducer.step

    def step(self: Reducer[Any], state: Any, event: Any) -> Any:
        after, effects = original(self, state, event)
        return after, (*effects, CloseConnection(99, "who?"))

    monkeypatch.setattr(Reducer, "step", step)
    assert promise(world(CONNECT)) is None


def hasty(_target: str, connection: int) -> tuple[Event, ...]:
    """A peer that reports before it registered, and is hung up."""
    report = ReportPoolWindowPromoted("w")
    said = (report, Register("host", connection, "1"))
    return ConnectionOpened(connection), *(CommandReceived(connection, one) for one in said)


def test_who_was_hung_up_is_not_heard() -> None:
    """FACTS 2.7: a report before `register` ends the connection; what follows it is not read."""
    scenario = replace(SCENARIO, connect=hasty)
    made = world(CONNECT, scenario=scenario)
    assert made.tally.events == 2
    assert made.peers.links["host"].closing == [1]
    dying = world(replace(CONNECT, dies=2), scenario=scenario)
    assert (dying.tally.events, dying.running) == (2, False)
    assert simulate(scenario, Plan(1, 500)).broken is None


def _said(command: Command, problem: str) -> Command:
    assert isinstance(command, Do)
    return Say(command.work, command.order, command.saga_id, problem)


FULFIL = Scenario(
    application=Shop(),
    triggers={"fulfil": Placed("book")},
    connect=lambda target, number: (
        ConnectionOpened(number),
        CommandReceived(number, Join(target)),
    ),
    answers=lambda command: (_said(command, ""),),
    failure=lambda command: _said(command, "no"),
    peers=("warehouse", "bank"),
)


def test_two_peers_and_the_process_itself_take_commands() -> None:
    """DESIGN 4, targets: a saga of four steps with two peers and one of its own completes."""
    run = simulate(FULFIL, Plan(1, 3_000))
    assert run.broken is None
    assert run.completed > 100


def test_a_connection_is_hung_up_once() -> None:
    """A peer that was hung up twice notices one end; nothing can be sent to it any more."""
    made = world(CONNECT, RESPAWN)
    for _ in range(2):
        made.peers.hung_up(1)
    assert made.peers.links["host"].closing == [1]
    assert not play(made, Move("send", saga=1, connection=1))


def test_a_wrong_step_is_seen_though_the_process_dies_in_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """FACTS R-03: what breaks a promise is the finding, not the crash."""
    mutants.deadline_not_armed(monkeypatch)
    made = world()
    assert play(made, replace(RESPAWN, dies=0))
    assert (promise(made), made.running) == ("I6", True)


def test_a_bag_keeps_one_of_each() -> None:
    """What is in it already is not put in again, and what is not in it can't be taken out."""
    bag: Bag[int] = Bag()
    for item in (5, 7, 5):
        bag.add(item)
    bag.discard(9)
    assert (list(bag), len(bag), 7 in bag, bag[0]) == ([5, 7], 2, True, 5)
    bag.discard(5)
    assert list(bag) == [7]


def test_the_oldest_is_forgotten_first() -> None:
    """A memory of two sagas: what is added to a known one stays with it."""
    lately: Lately[str] = Lately(2)
    for saga_id, thing in ((1, "a"), (2, "b"), (1, "c"), (3, "d")):
        lately.add(saga_id, [thing])
    assert (lately.of(1), lately.of(2), lately.of(3)) == ([], ["b"], ["d"])
    assert (len(lately), lately.forgotten) == (2, 1)
