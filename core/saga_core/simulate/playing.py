"""Making a move: its events go into `step`, what comes out is judged and carried out."""

from collections.abc import Callable

from saga_core.check.worlds.boundaries import left_over
from saga_core.engine.effects import Effect
from saga_core.engine.events import Event, FrameExpiry, RecoveryRequested
from saga_core.engine.history import Violation
from saga_core.engine.ordered import sorted_keys
from saga_core.engine.state import Awaiting
from saga_core.simulate.absorbing import absorb
from saga_core.simulate.moves import LIVES, Move
from saga_core.simulate.outside import Left
from saga_core.simulate.possible import events_of
from saga_core.simulate.world import World

RAISES = "raises"
"""`step` takes every event in every state: it never raises."""


def play(world: World, move: Move) -> bool:
    """Make a move; False if it isn't possible here."""
    events = events_of(world, move)
    if events is None:
        return False
    world.opened.clear()
    world.excused = move.saga if _is_excused(world, move) else 0
    if move.dies != LIVES:
        _play_to_death(world, move, events)
    else:
        _play_all(world, move, events)
        after = _AFTER.get(move.kind)
        if after is not None and world.broken is None:
            after(world, move)
    return True


def _is_excused(world: World, move: Move) -> bool:
    """Whether the saga of a move may fail though peers do what they are asked.

    A saga that was refused before that may have to undo what it did, and fails by the last answer.
    """
    return move.kind == "answer" and move.saga < world.promised


def _play_all(world: World, move: Move, events: tuple[Event, ...]) -> bool:
    """Give the world these events; False if a promise broke, or the peer is not heard any more."""
    several = len(events) > 1
    for event in events:
        effects = _step(world, move.kind, event)
        if effects:
            absorb(world, effects)
        if type(event) is RecoveryRequested:
            _begin(world, event, effects)
        if world.broken is not None or (several and not _is_heard(world, move.connection)):
            return False
    return True


def _play_to_death(world: World, move: Move, events: tuple[Event, ...]) -> None:
    """The process dies between two effects of one of the events, or with none between two moves."""
    count = len(events)
    last = move.dies % count if count else 0
    alive = _play_all(world, move, events[:last])
    left = world.behind if world.behind is not None else Left(world.state)
    if alive and count:
        effects = _step(world, move.kind, events[last])
        done = effects[: move.dies // count % (len(effects) + 1)]
        absorb(world, done)
        left.carry_out(done)
    if world.broken is None:
        world.die(left)


def _step(world: World, kind: str, event: Event) -> tuple[Effect, ...]:
    """One call of `step`, which is judged."""
    before = world.state
    world.tally.events += 1
    try:
        after, effects = world.reducer.step(before, event)
    except MemoryError:
        raise  # it is this machine that lacks memory, no promise that breaks
    except Exception as error:  # noqa: BLE001 -- a step that raises is what a simulation looks for
        world.broken = Violation(RAISES, f"step raised {type(error).__name__}: {error}")
        return ()
    world.trace.add(kind, event, effects)
    world.broken = world.judge.judge(before, event, after, effects)
    if after is not before:
        world.state = after
    if world.saw is not None:
        world.saw(after)
    return effects if world.broken is None else ()


def _is_heard(world: World, connection: int) -> bool:
    """Whether a connection lives: neither side ended it."""
    target = world.peers.owners[connection]
    return connection in world.peers.links[target].open


def _begin(world: World, recovery: RecoveryRequested, effects: tuple[Effect, ...]) -> None:
    """A new run starts with nothing in flight, and every bracket can be closed."""
    left, world.behind = world.behind, None
    if left is not None and world.broken is None:
        told = left.broken_by(recovery, effects)
        world.broken = told or left_over(world.initial, world.state)


def _is_newest(world: World, move: Move) -> None:
    target = world.peers.targets[move.which]
    newest = world.state.links[target].connection
    if newest != move.connection and _is_heard(world, move.connection):
        sentence = "the connection that came last is not the one that commands go to"
        world.broken = Violation("dispatch", sentence)


def _is_gone(world: World, move: Move) -> None:
    """A command that is known not to have been sent ends its connection (FACTS R-25, R-33)."""
    if _is_heard(world, move.connection):
        sentence = f"saga {move.saga} awaits an answer to what is known not to have been sent"
        world.broken = Violation("completes", sentence)


def _all_went_on(world: World, _move: Move) -> None:
    """Peers answered what they were asked: only what got lost on its way may still be awaited."""
    peers = world.peers
    for saga_id in sorted_keys(world.state.sagas):
        step = _step_of(world, saga_id)
        waits = step is not None and FrameExpiry(saga_id, step.stay) in world.expiries
        if not waits and saga_id not in peers.asked and saga_id not in peers.unheard:
            sentence = f"saga {saga_id} got every answer that it asked for, yet it goes on"
            world.broken = Violation("completes", sentence)
            return


def _all_ended(world: World, _move: Move) -> None:
    for saga_id in sorted_keys(world.state.sagas)[:1]:
        world.broken = Violation("ends", f"saga {saga_id} stays in flight for ever")
    world.broken = world.broken or world.judge.whole(world.state)


def _step_of(world: World, saga_id: int) -> Awaiting | None:
    flight = world.state.sagas.get(saga_id)
    return flight.awaiting if flight is not None else None


def _be_honest(world: World, _move: Move) -> None:
    world.honest = True
    world.promised = world.state.counters.next_saga_id


def _be_silent(world: World, _move: Move) -> None:
    world.honest = False


def _begin_to_fail(world: World, _move: Move) -> None:
    world.stuck = Left(world.state, excused=True)


def _work_again(world: World, _move: Move) -> None:
    world.stuck = None


_AFTER: dict[str, Callable[[World, Move], None]] = {
    "connect": _is_newest,
    "second": _is_newest,
    "send": _is_gone,
    "log": _begin_to_fail,
    "heal": _work_again,
    "end": lambda world, _: world.die(Left(world.state)),
    "crash": lambda world, _: world.die(Left(world.state)),
    "mend": _be_honest,
    "settled": _all_went_on,
    "overdue": _be_silent,
    "rest": _all_ended,
    "anew": lambda world, _: world.begin(),
}
