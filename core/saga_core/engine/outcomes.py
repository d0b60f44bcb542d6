"""The last sagas that ended, as an immutable queue that costs little to push to."""

from itertools import chain

from msgspec import Struct

from saga_core.engine.records import SagaOutcome

_BLOCK = 16


class Outcomes(Struct, frozen=True, gc=False):
    """Oldest first: full blocks, then a tail of fewer than a block."""

    blocks: tuple[tuple[SagaOutcome, ...], ...] = ()
    tail: tuple[SagaOutcome, ...] = ()


def push(outcomes: Outcomes, outcome: SagaOutcome, keep: int) -> Outcomes:
    """`outcomes` with one more at the end; at least the last `keep` stay."""
    tail = (*outcomes.tail, outcome)
    if len(tail) < _BLOCK:
        return Outcomes(outcomes.blocks, tail)
    blocks_kept = -(-keep // _BLOCK)
    blocks = (*outcomes.blocks, tail)
    return Outcomes(blocks[max(0, len(blocks) - blocks_kept) :])


def last(outcomes: Outcomes, keep: int) -> tuple[SagaOutcome, ...]:
    """The last `keep` outcomes, oldest first."""
    everything = (*chain.from_iterable(outcomes.blocks), *outcomes.tail)
    return everything[max(0, len(everything) - keep) :]
