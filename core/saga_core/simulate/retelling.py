"""A run of a simulation in the checker's terms, so that a capsule holds it and it can be replayed.

The run is played twice side by side: in its own world, which knows what a move's numbers mean, and
on the stage where counterexamples are told, which takes a move by what people call it. Both drive
the same reducer, so they call sagas the same; connections are numbered anew, as a stage does.

The marks of the second phase are no moves of a stage. What breaks only by them, a capsule can't
hold; so it is replayed before it is handed out.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from msgspec.structs import replace
from returns.result import Success

from saga_core.check.checker import COMPLETES
from saga_core.check.report import Counterexample
from saga_core.check.runs.capsule import AGENTMUX, FORMAT, Bounds, Capsule, Cue, scope_of
from saga_core.check.runs.lanes import line_of
from saga_core.check.runs.replay import replay
from saga_core.check.runs.scene import Scene, asked, choices
from saga_core.check.runs.stage import Stage, Taken
from saga_core.check.runs.swaps import swaps
from saga_core.check.scope import FAULTS, HONEST, Scenario
from saga_core.check.worlds.sent import Sent
from saga_core.check.worlds.slots import FREE
from saga_core.engine.history import Violation
from saga_core.simulate.again import Again
from saga_core.simulate.moves import DEMANDS, LIVES, Move
from saga_core.simulate.peers import Held
from saga_core.simulate.plan import Plan, cap_of
from saga_core.simulate.playing import play
from saga_core.simulate.world import World

_FEW = 40
"""Of a run as short as this it is told whose order matters: that takes as many runs."""

_UNFAIR = (FAULTS.keys() - HONEST) | {"late", "end"}
"""The moves after which a saga may fail, since a peer or the process did not do what it should."""

_DEATHS = ("crash", "shutdown", "connect", "closed", "disconnect", "second")
"""In which move a process dies that dies between two: one that leaves nothing behind, if it does
not come to anything."""


def retold(scenario: Scenario, plan: Plan, left: Again, broken: Violation) -> Counterexample | None:
    """The run `left` of a plan as a counterexample; None, if a capsule can't hold it.

    It must break `broken`, and not by raising. The capsule says that the application is AgentMux:
    whoever simulated another one puts its name there.
    """
    moves = _in_the_last_world(left.moves)
    frame = _frame(scenario, plan, left, moves, broken)
    honest = broken.invariant == COMPLETES and not {move.called for move in moves} & _UNFAIR
    stage = Stage(scenario, scope_of(frame), honest=honest)
    run = _Retelling(scenario, plan, stage).run(moves)
    capsule = _capsule(frame, run)
    if capsule is None or replay(capsule, scenario).verdict != "breaks":
        return None
    return Counterexample(
        capsule.promise,
        capsule.sentence,
        False,
        tuple(line_of(taken, stage.fresh) for taken in run),
        capsule.repeats,
        swaps(capsule, scenario) if len(run) <= _FEW else (),
        capsule,
    )


def _in_the_last_world(moves: tuple[Move, ...]) -> tuple[Move, ...]:
    """The moves of the round in which the promise broke."""
    rounds = [place for place, move in enumerate(moves, start=1) if move.kind == "anew"]
    return moves[rounds[-1] :] if rounds else moves


def _frame(
    scenario: Scenario, plan: Plan, left: Again, moves: tuple[Move, ...], broken: Violation
) -> Capsule:
    """The capsule of a run without its moves: whatever they need is allowed."""
    names = tuple(scenario.triggers)
    triggered = Counter(names[move.which] for move in moves if move.kind == "trigger")
    sagas = dict(triggered) or {names[0]: 1}
    bounds = Bounds(sagas, cap_of(plan), max(1, left.connections), tuple(FAULTS))
    return Capsule(FORMAT, AGENTMUX, bounds, broken.invariant, broken.sentence, ())


def _capsule(frame: Capsule, run: Sequence[Taken]) -> Capsule | None:
    """The capsule of a run. If its last move breaks nothing, a saga may stay where it is."""
    if not run:
        return None
    cues = tuple(taken.cue for taken in run)
    used = {cue.move for cue in cues} | {"crash" for cue in cues if cue.dies_after is not None}
    scope = replace(frame.scope, faults=tuple(fault for fault in FAULTS if fault in used))
    told = replace(frame, scope=scope, moves=cues)
    last = run[-1].broken
    if last is not None:
        return replace(told, promise=last.invariant, sentence=last.sentence)
    return replace(told, repeats=len(cues)) if frame.promise == COMPLETES else None


class _Retelling:
    """One run on its way from the world that it was played in to a stage."""

    def __init__(self, scenario: Scenario, plan: Plan, stage: Stage) -> None:
        self._scenario = scenario
        self._world = World(scenario, plan, thorough=True)
        self._stage = stage
        self._here: Scene = stage.first()
        self._numbers: dict[int, int] = {}

    def run(self, moves: Sequence[Move]) -> list[Taken]:
        """The moves on the stage, up to the first that breaks a promise; none if it can't go on."""
        run: list[Taken] = []
        for move in moves:
            if move.kind not in DEMANDS:
                taken = self._taken(move)
                if taken is None:
                    return []
                run.append(taken)
                if taken.broken is not None:
                    break
                self._here = taken.here
            play(self._world, move)
        return run

    def _taken(self, move: Move) -> Taken | None:
        """The move on the stage: the first way to call it that is possible there."""
        cues = _CUES.get(move.kind, _plain)(self, move)
        lived = next(filter(None, (self._stage.play(self._here, cue) for cue in cues)), None)
        if lived is None or move.dies == LIVES:
            return lived
        return self._dying(lived, move.dies)

    def _dying(self, lived: Taken, dies: int) -> Taken | None:
        """The move once more, now with the process dying in it, as `playing` reads the number."""
        cue, count = lived.cue, 1
        if cue.move in {"connect", "second"}:
            count = len(self._scenario.connect(cue.peer, cue.connection))
        place = dies % count
        if place >= len(lived.deeds):
            return None
        done = dies // count % (len(lived.deeds[place].effects) + 1)
        return self._stage.play(self._here, replace(cue, dies_in=place + 1, dies_after=done))

    def trigger(self, move: Move) -> Iterator[Cue]:
        """An event opens a saga."""
        yield Cue("trigger", saga=self._world.names[move.which])

    def connect(self, move: Move) -> Iterator[Cue]:
        """A peer comes in; a stage gives it the first number that is free."""
        peer = self._scenario.peers[move.which]
        owners = zip(self._stage.options.targets, self._here.slots, strict=True)
        free = (n for n, told in enumerate(owners, start=1) if told == (peer, FREE))
        number = self._numbers[move.connection] = next(free)
        yield Cue(move.kind, peer=peer, connection=number)

    def disconnect(self, move: Move) -> Iterator[Cue]:
        """A connection ends."""
        number = self._numbers[move.connection]
        yield Cue(move.kind, peer=self._stage.options.owns(number), connection=number)

    def answer(self, move: Move) -> Iterator[Cue]:
        """A peer says something about a saga in flight, or never takes what it was asked."""
        commands = self._world.peers.held[move.saga]
        held = commands[move.which % len(commands)]
        cue = self._about(move, held)
        match move.kind:
            case "answer" | "twice":
                yield replace(cue, says=self._says(held.command, move.more))
            case "foreign":
                posed = self._world.app.address(held.target, held.command, move.more)
                assert isinstance(posed, Success), "it was answered"
                says = self._says(posed.unwrap(), move.more)
                yield replace(cue, says=says, poses_as=move.more)
            case _:
                yield cue

    def late(self, move: Move) -> Iterator[Cue]:
        """A peer says something about a saga that ended, and may do so again."""
        commands = self._world.peers.late.of(move.saga)
        held = commands[move.which % len(commands)]
        answers = self._scenario.answers(held.command)
        place = move.more % (len(answers) + 1)
        cue = replace(self._about(move, held), move="failure")
        if place < len(answers):
            cue = replace(cue, move="twice", says=self._says(held.command, place))
        yield cue

    def stale(self, move: Move) -> Iterator[Cue]:
        """A timer fires that is not armed."""
        event = "expiry" if move.which else "deadline"
        yield Cue("foreign event", event=event, saga_id=move.saga)

    def send(self, move: Move) -> Iterator[Cue]:
        """A command is known not to have been sent; that it was taken is said if it makes sense."""
        if move.more:
            yield Cue("send", saga_id=move.saga, taken=True)
        yield Cue("send", saga_id=move.saga)

    def restart(self, move: Move) -> Iterator[Cue]:
        """A peer's process dies."""
        yield Cue("restart", peer=self._scenario.peers[move.which])

    def crash(self, _move: Move) -> Iterator[Cue]:
        """The process dies between two moves: before anything is done of one that comes."""
        options = {option.cue.move: option.cue for option in self._stage.options.of(self._here)}
        kind = next(kind for kind in _DEATHS if kind in options)
        yield replace(options[kind], dies_after=None if kind == "crash" else 0)

    def _about(self, move: Move, held: Held) -> Cue:
        command = asked(self._scenario, Sent(move.saga, held.target, held.command))
        number = self._numbers.get(move.connection, 0)
        return Cue(
            move.kind, saga_id=move.saga, peer=held.target, connection=number, command=command
        )

    def _says(self, command: Any, which: int) -> dict[str, Any]:
        says = choices(self._scenario.answers(command))
        return says[which % len(says)]


def _plain(_retelling: _Retelling, move: Move) -> Iterator[Cue]:
    """What needs no more than the saga it is about."""
    yield Cue(move.kind, saga_id=move.saga)


_CUES: dict[str, Callable[[_Retelling, Move], Iterator[Cue]]] = {
    "trigger": _Retelling.trigger,
    "connect": _Retelling.connect,
    "second": _Retelling.connect,
    "disconnect": _Retelling.disconnect,
    "closed": _Retelling.disconnect,
    "answer": _Retelling.answer,
    "twice": _Retelling.answer,
    "failure": _Retelling.answer,
    "foreign": _Retelling.answer,
    "lost": _Retelling.answer,
    "late": _Retelling.late,
    "stale": _Retelling.stale,
    "send": _Retelling.send,
    "restart": _Retelling.restart,
    "crash": _Retelling.crash,
    "end": _Retelling.crash,
}
"""How a stage calls a move; the others are called alike in both."""
