"""A random life of a run: what can happen in its state, how readily, and what then comes in.

Who chooses is the caller's: Hypothesis, or a seeded generator.
"""

from collections.abc import Callable
from typing import Any

from tests.core.agentmux.launcher import Launcher
from tests.core.engine.order_app import Placed
from tests.core.engine.store import Store
from tests.core.harness import PeeredRun, of, sent

from saga_core.agentmux.events import PoolWindowPromoted, WindowClosed
from saga_core.engine import (
    Config,
    Dispatch,
    Effect,
    Event,
    FrameExpiry,
    SagaActionFailed,
    SagaDeadline,
    SendFailed,
    TimerFired,
)

Choose = Callable[[list[Any]], Any]
SMALL = Config(buffer_cap=3)


class Life:
    """A run, the sockets of its peers, and all that was ever sent to them."""

    def __init__(self, run: PeeredRun[Any], triggers: tuple[Event, ...]) -> None:
        self.run = run
        self.triggers = triggers
        self.sockets: dict[int, str] = {}
        self.sent: list[Dispatch] = []

    def moves(self) -> dict[str, int]:
        """What can happen now, and how readily."""
        busy = len(self.run.state.sagas)
        return {
            "trigger": 6 if busy < 8 else 1,
            "join": 4 if len(self.sockets) < 3 else 0,
            "leave": 2 if self.sockets else 0,
            "answer": 12 if self.sent else 0,
            "answer_late": 3 if self.sent else 0,
            "send_fails": 1 if self.sent else 0,
            "action_fails": 1 if busy else 0,
            "deadline": 1 if busy else 0,
            "expire": 2 if of(FrameExpiry, self.run.timers) else 0,
            "stray": 2,
        }

    def go_on(self, choose: Choose) -> None:
        """One move, the likelier ones more often."""
        weighed = [move for move, weight in self.moves().items() for _ in range(weight)]
        getattr(self, choose(weighed))(choose)

    def trigger(self, choose: Choose) -> None:
        """A saga starts."""
        self.notice(self.run.give(choose(list(self.triggers))))

    def join(self, choose: Choose) -> None:
        """A peer connects."""
        target = choose(list(self.run.reducer.application.peers))
        self.sockets[self.run.join_peer(target)] = target
        self.notice(self.run.last)

    def leave(self, choose: Choose) -> None:
        """A socket ends."""
        socket = choose(sorted(self.sockets))
        del self.sockets[socket]
        self.notice(self.run.close(socket))

    def answer(self, choose: Choose) -> None:
        """A peer answers one of the newest commands that it got."""
        self.notice(self.run.answer(choose(self.sent[-4:])))

    def answer_late(self, choose: Choose) -> None:
        """A peer answers any command that was ever sent, once more perhaps."""
        self.notice(self.run.answer(choose(self.sent)))

    def send_fails(self, choose: Choose) -> None:
        """A write is known to have failed."""
        dispatch = choose(self.sent[-4:])
        self.notice(self.run.give(SendFailed(dispatch.connection, dispatch.command)))

    def action_fails(self, choose: Choose) -> None:
        """A peer can't do what it was asked."""
        saga_id = choose(self.run.in_flight)
        self.notice(self.run.give(SagaActionFailed(saga_id, "no", 0)))

    def deadline(self, choose: Choose) -> None:
        """A saga's time is up."""
        self.notice(self.run.deadline(choose(self.run.in_flight)))

    def expire(self, choose: Choose) -> None:
        """A command has waited for too long."""
        waiting = sorted(of(FrameExpiry, self.run.timers), key=lambda timer: timer.saga_id)
        self.notice(self.run.fire(choose(waiting)))

    def stray(self, choose: Choose) -> None:
        """Something comes for a saga that ended, or never was."""
        ended = [saga_id for saga_id in self.run.rows.ended if saga_id not in self.run.in_flight]
        saga_id = choose([*ended[-3:], 10**9])
        self.run.ignores(TimerFired(SagaDeadline(saga_id)), TimerFired(FrameExpiry(saga_id, 1)))
        self.run.ignores(SagaActionFailed(saga_id, "no", 0))

    def notice(self, effects: tuple[Effect, ...]) -> None:
        """Remember what was sent."""
        self.sent += sent(effects)


def launcher_life() -> Life:
    """The launcher with both of its sagas."""
    return Life(Launcher(SMALL), (PoolWindowPromoted("w", 0), WindowClosed("main", 0)))


def shop_life() -> Life:
    """The shop with its orders."""
    return Life(Store(SMALL), (Placed("a"),))
