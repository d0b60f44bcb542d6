"""Worlds to make single moves in."""

from typing import Any

from saga_core.check import Scenario
from saga_core.check.agentmux import SCENARIO
from saga_core.simulate.moves import Move
from saga_core.simulate.plan import Plan
from saga_core.simulate.playing import play
from saga_core.simulate.world import World

CONNECT = Move("connect", connection=1)
RESPAWN, CLEANUP = Move("trigger", which=0), Move("trigger", which=1)


def world(
    *moves: Move, scenario: Scenario = SCENARIO, thorough: bool = False, **plan: Any
) -> World:
    """A world in which these moves were made, each of which is possible."""
    made = World(scenario, Plan(1, **plan), thorough=thorough)
    for move in moves:
        assert play(made, move), move
        assert made.broken is None, made.broken
    return made


def promise(made: World) -> str | None:
    """The promise that the last move broke."""
    return made.broken.invariant if made.broken is not None else None
