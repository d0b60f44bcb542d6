"""All that can happen in a world, as cues: the alphabet of `happenings`, in real names."""

from collections.abc import Iterator

from msgspec.structs import replace
from returns.result import Success

from saga_core.check.runs.capsule import Cue
from saga_core.check.runs.scene import Option, Scene, asked, awaited, choices
from saga_core.check.scope import Scenario, Scope
from saga_core.check.worlds.rows import recovery_of
from saga_core.check.worlds.sent import Sent
from saga_core.check.worlds.slots import CLOSING, FREE, OPEN
from saga_core.engine.events import (
    CommandReceived,
    ConnectionClosed,
    Event,
    FrameExpiry,
    LogCommitFailed,
    LogCommitRecovered,
    SagaDeadline,
    SendFailed,
    ShutdownRequested,
    TimerFired,
)
from saga_core.engine.ordered import sorted_keys
from saga_core.engine.state import Awaiting


class Options:
    """The moves of one scenario under the faults of one scope.

    That the process dies is no option of its own, except while the log fails: it can die in any.
    """

    def __init__(self, scenario: Scenario, scope: Scope) -> None:
        self.targets = tuple(t for t in scenario.peers for _ in range(scope.connections))
        self._scenario = scenario
        self._scope = scope
        self._faults = scope.faults

    def of(self, here: Scene) -> Iterator[Option]:
        """Everything that can happen here."""
        if here.state is None:
            down = replace(here.down, outcomes=(*here.ended, *here.down.outcomes))
            yield Option(Cue("start"), (recovery_of(down),), here)
            return
        for target in self._scenario.peers:
            yield from self._coming(here, target)
        yield from self._going(here)
        for sent in here.held:
            yield from self._answering(here, sent)
        for saga_id, step in awaited(here.state):
            yield from self._stuck(here, saga_id, step)
        yield from self._ending(here)
        yield from self._log(here)
        yield from self._triggers(here)

    def owns(self, connection: int) -> str:
        """The peer that a connection's number belongs to."""
        return self.targets[connection - 1]

    def _coming(self, here: Scene, peer: str) -> Iterator[Option]:
        mine = [number for number, owner in enumerate(self.targets, start=1) if owner == peer]
        free = [number for number in mine if here.slots[number - 1] == FREE]
        alone = len(free) == len(mine)
        if free and (alone or "second" in self._faults):
            cue = Cue("connect" if alone else "second", peer=peer, connection=free[0])
            yield Option(cue, self._scenario.connect(peer, free[0]), _slot(here, free[0], OPEN))
        kept = tuple(sent for sent in here.held if sent.target != peer)
        if alone and kept != here.held and "restart" in self._faults:
            yield Option(Cue("restart", peer=peer), (), here._replace(held=kept))

    def _going(self, here: Scene) -> Iterator[Option]:
        for number, state in enumerate(here.slots, start=1):
            if state == CLOSING or (state == OPEN and "disconnect" in self._faults):
                kind = "disconnect" if state == OPEN else "closed"
                cue = Cue(kind, peer=self.owns(number), connection=number)
                yield Option(cue, (ConnectionClosed(number),), _slot(here, number, FREE))

    def _answering(self, here: Scene, sent: Sent) -> Iterator[Option]:
        less = here._replace(held=tuple(other for other in here.held if other != sent))
        for number, state in enumerate(here.slots, start=1):
            if state != FREE and self.owns(number) == sent.target:
                yield from self._over(here, less, sent, number)
        if "lost" in self._faults:
            yield Option(replace(self._about("lost", sent), connection=0), (), less)

    def _over(self, here: Scene, less: Scene, sent: Sent, number: int) -> Iterator[Option]:
        answers = self._scenario.answers(sent.command)
        for says, answer in zip(choices(answers), answers, strict=True):
            event = CommandReceived(number, answer)
            cue = replace(self._about("answer", sent, number), says=says)
            yield Option(cue, (event,), less)
            if "twice" in self._faults:
                yield Option(replace(cue, move="twice"), (event,), here)
        if "failure" in self._faults:
            failure = CommandReceived(number, self._scenario.failure(sent.command))
            yield Option(self._about("failure", sent, number), (failure,), less)
        if "foreign" in self._faults:
            yield from self._foreign(here, sent, number)

    def _foreign(self, here: Scene, sent: Sent, number: int) -> Iterator[Option]:
        assert here.state is not None
        ids = (*sorted_keys(here.state.sagas), here.state.counters.next_saga_id)
        for saga_id in (other for other in ids if other != sent.saga_id):
            match self._scenario.application.address(sent.target, sent.command, saga_id):
                case Success(command):
                    answers = self._scenario.answers(command)
                case _:
                    answers = ()
            for says, answer in zip(choices(answers), answers, strict=True):
                cue = replace(self._about("foreign", sent, number), says=says, poses_as=saga_id)
                yield Option(cue, (CommandReceived(number, answer),), here)

    def _stuck(self, here: Scene, saga_id: int, step: Awaiting) -> Iterator[Option]:
        if step.connection is None:
            if "expiry" in self._faults and step.target in self._scenario.peers:
                timer = TimerFired(FrameExpiry(saga_id, step.stay))
                yield Option(Cue("expiry", saga_id=saga_id), (timer,), here)
        elif "send" in self._faults and here.slots[step.connection - 1] == OPEN:
            event = SendFailed(step.connection, step.command)
            wanted = step.target, step.command
            kept = tuple(s for s in here.held if (s.target, s.command) != wanted)
            yield Option(Cue("send", saga_id=saga_id), (event,), here._replace(held=kept))
            if kept != here.held:
                yield Option(Cue("send", saga_id=saga_id, taken=True), (event,), here)

    def _ending(self, here: Scene) -> Iterator[Option]:
        assert here.state is not None
        for saga_id in sorted_keys(here.state.sagas) if "deadline" in self._faults else ():
            timer = TimerFired(SagaDeadline(saga_id))
            yield Option(Cue("deadline", saga_id=saga_id), (timer,), here)
        if "shutdown" in self._faults and not here.state.stopping:
            yield Option(Cue("shutdown"), (ShutdownRequested("asked to end"),), here)
        if here.stuck is not None and "crash" in self._faults:
            yield Option(Cue("crash"), (), here)

    def _log(self, here: Scene) -> Iterator[Option]:
        assert here.state is not None
        if "log" not in self._faults:
            return
        if here.state.log_degraded:
            yield Option(Cue("heal"), (LogCommitRecovered(1),), here._replace(stuck=None))
        else:
            left = replace(here.down, outcomes=here.ended)
            event = LogCommitFailed("disk full", 1)
            yield Option(Cue("log"), (event,), here._replace(stuck=left))

    def _triggers(self, here: Scene) -> Iterator[Option]:
        for which, (name, _) in enumerate(self._scope.sagas):
            if here.left[which]:
                less = (*here.left[:which], here.left[which] - 1, *here.left[which + 1 :])
                events: tuple[Event, ...] = (self._scenario.triggers[name],)
                yield Option(Cue("trigger", saga=name), events, here._replace(left=less))

    def _about(self, move: str, sent: Sent, connection: int = 0) -> Cue:
        return Cue(
            move,
            saga_id=sent.saga_id,
            peer=sent.target,
            connection=connection,
            command=asked(self._scenario, sent),
        )


def _slot(here: Scene, number: int, state: int) -> Scene:
    return here._replace(slots=(*here.slots[: number - 1], state, *here.slots[number:]))
