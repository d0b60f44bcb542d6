"""What must have happened at least once, or the check proved less than it seems to."""

from collections.abc import Callable

from saga_core.check.scope import Scope
from saga_core.check.worlds.places import Places
from saga_core.engine.effects import Dispatch, Effect, Emit
from saga_core.engine.messages import SagaCompleted, SagaFailed

_Effects = tuple[Effect, ...]
_NEED_A_BUFFER = frozenset({"expiry", "restart"})
"""Faults that need a command which outlives its connection; without a buffer none does."""


def unmet(places: Places) -> list[str]:
    """The faults of the scope that never happened, and the outcomes that were never seen."""
    scope = places.scope
    fired = places.passed_over | {move.kind for move in places.moves}
    if any(move.died is not None for move in places.moves):
        fired.add("crash")
    missing = [f"fault {fault}" for fault in sorted(scope.faults - fired - _impossible(scope))]
    missing += [kind for kind in ("trigger", "connect", "answer") if kind not in fired]
    wanted = {name: seen for name, (when, seen) in _OUTCOMES.items() if when(scope)}
    for arc in places.memo.all_arcs():
        wanted = {name: seen for name, seen in wanted.items() if not seen(arc.deed.effects)}
    return [*missing, *wanted]


def _impossible(scope: Scope) -> frozenset[str]:
    no_buffer = frozenset() if scope.buffer_cap else _NEED_A_BUFFER
    return no_buffer | ({"second"} if scope.connections == 1 else set())


def _completes(effects: _Effects) -> bool:
    return any(isinstance(e, Emit) and isinstance(e.event, SagaCompleted) for e in effects)


def _failures(effects: _Effects) -> list[str]:
    events = [effect.event for effect in effects if isinstance(effect, Emit)]
    return [event.reason for event in events if isinstance(event, SagaFailed)]


def _sent(effects: _Effects) -> list[Dispatch]:
    return [e for e in effects if isinstance(e, Dispatch) and e.connection is not None]


_OUTCOMES: dict[str, tuple[Callable[[Scope], bool], Callable[[_Effects], bool]]] = {
    "a saga completes": (lambda _: True, _completes),
    "a command is sent again": (
        lambda scope: "disconnect" in scope.faults,
        lambda effects: any(dispatch.redelivery for dispatch in _sent(effects)),
    ),
    "a command is pushed out of a full buffer": (
        lambda scope: scope.triggers > scope.buffer_cap,
        lambda effects: any("overflow" in reason for reason in _failures(effects)),
    ),
    "two sagas end in one step": (
        lambda scope: scope.triggers > 1 and "shutdown" in scope.faults,
        lambda effects: len(_failures(effects)) > 1,
    ),
    "recovery ends a saga": (
        lambda scope: "crash" in scope.faults,
        lambda effects: any("restarted" in reason for reason in _failures(effects)),
    ),
}
