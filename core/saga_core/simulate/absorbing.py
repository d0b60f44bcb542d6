"""What effects bring about in the world: timers, commands on their way, sagas that end."""

from collections.abc import Callable
from typing import Any

from saga_core.engine.effects import (
    ArmTimer,
    CancelTimer,
    CloseConnection,
    Dispatch,
    Effect,
    Emit,
    WriteLog,
)
from saga_core.engine.events import SagaDeadline
from saga_core.engine.history import Violation
from saga_core.engine.messages import SagaCompleted, SagaFailed, SagaStarted
from saga_core.simulate.peers import Held
from saga_core.simulate.world import World


def absorb(world: World, effects: tuple[Effect, ...]) -> None:
    """Carry out the effects, in their order."""
    for effect in effects:
        told: Any = effect
        kind: type = type(effect)
        if kind is WriteLog:
            continue
        if kind is Emit:
            told = told.event
            kind = type(told)
        rule = _RULES.get(kind)
        if rule is not None:
            rule(world, told)


def _started(world: World, event: SagaStarted) -> None:
    world.opened.append(event.saga_id)
    world.tally.started += 1


def _ended(world: World, event: SagaCompleted | SagaFailed) -> None:
    world.peers.ended(event.saga_id)
    world.tally.ended(event)
    if world.honest and type(event) is SagaFailed and event.saga_id != world.excused:
        sentence = f"saga {event.saga_id} fails: {event.reason}"
        world.broken = Violation("completes", sentence)


def _arm(world: World, effect: ArmTimer) -> None:
    timer = effect.timer
    if isinstance(timer, SagaDeadline):
        world.deadlines.add(timer.saga_id)
        world.tally.high_water = max(world.tally.high_water, len(world.deadlines))
    else:
        world.expiries.add(timer)


def _cancel(world: World, effect: CancelTimer) -> None:
    timer = effect.timer
    if isinstance(timer, SagaDeadline):
        world.deadlines.discard(timer.saga_id)
    else:
        world.expiries.discard(timer)
        world.stays.add(timer.saga_id, [timer])


def _send(world: World, effect: Dispatch) -> None:
    if effect.connection is None:
        return
    if effect.connection not in world.peers.links[effect.target].open:
        sentence = f"a command goes to connection {effect.connection}, which ended"
        world.broken = Violation("dispatch", sentence)
    saga_id = world.app.saga_id_of(effect.command)
    world.peers.take(saga_id, Held(effect.target, effect.command))


def _hang_up(world: World, effect: CloseConnection) -> None:
    if effect.connection in world.peers.owners:
        world.peers.hung_up(effect.connection)


_RULES: dict[type, Callable[[World, Any], None]] = {
    ArmTimer: _arm,
    CancelTimer: _cancel,
    Dispatch: _send,
    CloseConnection: _hang_up,
    SagaStarted: _started,
    SagaCompleted: _ended,
    SagaFailed: _ended,
}
"""By the type of an effect, or of the event in it."""
