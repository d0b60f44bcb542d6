"""Every reduced trace replays: what was found under shared names happens under real ones too."""

import pytest
from tests.core.check.running import POOL, watch

from saga_core.check import Limits, Scope
from saga_core.check.agentmux import SCENARIO
from saga_core.check.guide import follow
from saga_core.check.lanes import lines
from saga_core.check.places import Places
from saga_core.check.search import Search


def test_every_world_of_a_reduced_search_is_reached_without_reductions() -> None:
    """DESIGN 4: the shortest way to each world replays, move by move, and can be told."""
    reduced = Search(Places(SCENARIO, Scope(POOL)), Limits(), watch())
    assert reduced.run() is None
    plain = Search(Places(SCENARIO, Scope(POOL, reductions=frozenset())), Limits(), watch())
    for number in range(len(reduced.worlds)):
        path = reduced.path_to(number)
        steps = follow(reduced, path, plain)
        kinds = [reduced.places.moves[move].kind for move, _ in path]
        assert [plain.places.moves[step.move].kind for step in steps] == kinds
        told = list(lines(plain, steps))
        assert all(line.move for line in told)
        assert len(told) == len(path)


def test_a_trace_that_does_not_replay_is_a_bug_of_the_checker() -> None:
    """DESIGN 4: a move that is not there without the reductions is noticed."""
    reduced = Search(Places(SCENARIO, Scope(POOL)), Limits(), watch())
    assert reduced.run() is None
    plain = Search(Places(SCENARIO, Scope((), reductions=frozenset())), Limits(), watch())
    with pytest.raises(AssertionError, match="nothing like"):
        follow(reduced, reduced.path_to(len(reduced.worlds) - 1), plain)
