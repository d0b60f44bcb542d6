"""Wrong variants that a reduction would hide, if it didn't look at the twins of what it merges."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from saga_core.engine import (
    BusEvent,
    SagaCompleted,
    ShutdownRequested,
    links,
    progress,
    reasons,
    reducer,
)
from saga_core.engine.endings import fail_all
from saga_core.engine.ordered import sorted_keys
from saga_core.engine.outcomes import last
from saga_core.engine.turn import Turn

Mutant = Callable[[pytest.MonkeyPatch], None]
AnyTurn = Turn[Any]

_THREE = 3


def outage_spares_all_but_one(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-16, R-44: while the log fails, a shutdown ends the first saga and no other."""

    def shutdown_requested(turn: AnyTurn, _event: ShutdownRequested) -> None:
        turn.stopping = True
        in_flight = sorted_keys(turn.sagas)
        ended = in_flight[:1] if turn.log_degraded else in_flight
        fail_all(turn, ended, reasons.shutting_down(turn.app.process))

    patch.setitem(reducer._RULES, ShutdownRequested, shutdown_requested)


def outage_returns_the_newest_first(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-30, R-44: while the log fails, commands come back in the opposite order."""
    original = links._in_order

    def in_order(turn: AnyTurn, saga_ids: Iterable[int]) -> tuple[int, ...]:
        returned = original(turn, saga_ids)
        return returned[::-1] if turn.log_degraded else returned

    patch.setattr(links, "_in_order", in_order)


def three_return_by_id(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-30: three commands or more come back in the order of their sagas' ids."""
    original = links._in_order

    def in_order(turn: AnyTurn, saga_ids: Iterable[int]) -> tuple[int, ...]:
        returned = original(turn, saga_ids)
        return returned if len(returned) < _THREE else tuple(sorted(returned))

    patch.setattr(links, "_in_order", in_order)


def returned_in_one_pass(patch: pytest.MonkeyPatch) -> None:
    """FACTS R-30: commands that come back are sorted by one pass, which is enough for two."""

    def in_order(turn: AnyTurn, saga_ids: Iterable[int]) -> tuple[int, ...]:
        found = sorted(saga_ids)
        issued = {saga_id: links._pending(turn, saga_id).issued for saga_id in found}
        for place in range(len(found) - 1):
            first, second = found[place : place + 2]
            if issued[first] > issued[second]:
                found[place : place + 2] = second, first
        return tuple(found)

    patch.setattr(links, "_in_order", in_order)


def late_answer_completes_again(patch: pytest.MonkeyPatch) -> None:
    """FACTS F-29, R-39: a late answer ends a saga once more that is remembered as completed."""
    original = progress.answer

    def answer(turn: AnyTurn, saga_id: int, event: BusEvent) -> None:
        ended = [outcome.saga_id for outcome in last(turn.outcomes, turn.config.outcomes_kept)]
        if saga_id in ended:
            turn.emit(SagaCompleted(saga_id, turn.take_version()))
        original(turn, saga_id, event)

    patch.setattr(reducer, "answer", answer)
