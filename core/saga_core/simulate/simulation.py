"""One run from its seed to its end, and what there is to say of it."""

from collections.abc import Callable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from saga_core.check.scope import Scenario
from saga_core.check.search import INTERRUPTED, OUT_OF_MEMORY, SPARE_BYTES
from saga_core.engine.history import Violation
from saga_core.simulate.exact import States, met
from saga_core.simulate.guide import Guide
from saga_core.simulate.moves import Move
from saga_core.simulate.plan import Plan, scope_of, swarm
from saga_core.simulate.player import Player, healing
from saga_core.simulate.playing import play
from saga_core.simulate.world import World

_TELL_EVERY = 1_000

_THROWS_EACH = 16
"""A throw may come to nothing; a run whose throws mostly do ends early."""


class Coverage(Struct, frozen=True):
    """What a run has seen.

    `pairs`: kinds of move that followed one another, of `pairs_of` that the faults allow at most.
    `states`: different states of the reducer in a small scope, of `states_of` that the checker
    knows; None, if the plan has no scope, or nobody asked the checker.
    """

    pairs: int
    pairs_of: int
    states: int | None = None
    states_of: int | None = None


class Simulation(Struct, frozen=True):
    """What a run did.

    `faults` are those that its seed kept. `moves` that were made, by kind; `events` are calls of
    `step`. Sagas are counted as the bus heard of them: a crash may come before a bracket opens.
    `trace_hash`: two runs that have the same did the same. `reasons` tells why sagas failed.
    `broken`: the promise that its last move broke. `cut`: what ended it early.
    """

    seed: int
    faults: tuple[str, ...]
    events: int
    trace_hash: str
    started: int
    completed: int
    failed: int
    reasons: dict[str, int]
    high_water: int
    moves: dict[str, int]
    coverage: Coverage
    broken: Violation | None = None
    cut: str | None = None


Tell = Callable[[int], None]
"""Is told now and then how many moves were made."""


def simulate(
    scenario: Scenario, plan: Plan, tell: Tell | None = None, exact: States | None = None
) -> Simulation:
    """Play a run to its end, or to the first promise that breaks. Ctrl-C and memory cut it.

    `exact`: all states of the plan's scope (`exact_states`), for the coverage.
    """
    run, spare = Run(scenario, plan), bytes(SPARE_BYTES)
    cut = None
    try:
        for count, _ in enumerate(run.moves()):
            if tell is not None and count % _TELL_EVERY == 0:
                tell(count)
    except KeyboardInterrupt:
        cut = INTERRUPTED
    except MemoryError:
        del spare
        cut, exact = OUT_OF_MEMORY, None
    return run.told(cut, exact)


class Run:
    """A run in the making."""

    def __init__(self, scenario: Scenario, plan: Plan) -> None:
        self.plan = swarm(plan)
        self.world = World(scenario, self.plan)
        self.guide = Guide(scenario, self.plan)
        if self.guide.exact:
            self.world.saw = self.guide.saw
            self.world.begin()

    def moves(self) -> Iterator[Move]:
        """Every move, once it is made."""
        world, guide = self.world, self.guide
        player = Player(self.plan, guide)
        steps, throws = self.plan.steps, _THROWS_EACH * self.plan.steps
        while steps > 0 and throws > 0:
            throws -= 1
            move = player.next(world)
            if move is None or not play(world, move):
                continue
            steps -= 1
            guide.made(move.called, world.left)
            yield move
            if world.broken is not None:
                return
        yield from self._healed()

    def _healed(self) -> Iterator[Move]:
        world = self.world
        for move in healing(world, self.plan):
            if play(world, move):
                self.guide.made(move.called, world.left)
                yield move
            if world.broken is not None:
                return
        world.broken = world.judge.whole(world.state)

    def told(self, cut: str | None, exact: States | None = None) -> Simulation:
        """What there is to say of it so far."""
        tally, guide = self.world.tally, self.guide
        return Simulation(
            self.plan.seed,
            tuple(sorted(self.plan.faults)),
            tally.events,
            self.world.trace.hexdigest(),
            tally.started,
            tally.completed,
            tally.failed,
            tally.reasons,
            tally.high_water,
            guide.moves(),
            self._coverage(exact),
            self.world.broken,
            cut,
        )

    def _coverage(self, exact: States | None) -> Coverage:
        guide, scope = self.guide, scope_of(self.plan)
        coverage = Coverage(guide.pairs_seen, guide.pairs_possible)
        if scope is None:
            return coverage
        if exact is None:
            return replace(coverage, states=len(guide.states))
        seen = met(self.world.scenario, scope, exact, guide.states.values())
        return replace(coverage, states=len(seen), states_of=len(exact))
