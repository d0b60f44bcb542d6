"""What the program is called."""

from importlib.metadata import version

PROGRAM = "agentmux-launcher"
DISTRIBUTION = "agentmux-launcher"


def own_version() -> str:
    """The distribution's version: it goes into `registered` and into the socket's name."""
    return version(DISTRIBUTION)
