"""AgentMux's launcher as an application of the saga engine."""

from saga_core.agentmux.application import AgentMux
from saga_core.agentmux.mirror import LauncherIdentity, Mirror, initial_mirror
from saga_core.agentmux.sagas import SAGA_NAMES, PoolRespawn, WindowCleanup
from saga_core.engine import Config, Reducer, State

_REDUCER = Reducer(AgentMux())

step = _REDUCER.step


def initial_state(
    config: Config | None = None, identity: LauncherIdentity | None = None
) -> State[Mirror]:
    """The launcher before its first event.

    `config`: the bounds, FACTS 1.2 by default. `identity`: what `registered` tells of the
    launcher.
    """
    return _REDUCER.initial_state(config, initial_mirror(identity))


__all__ = [
    "SAGA_NAMES",
    "AgentMux",
    "LauncherIdentity",
    "Mirror",
    "PoolRespawn",
    "WindowCleanup",
    "initial_state",
    "step",
]
