"""The reasons that subscribers and operators read in `saga_failed` (FACTS 1.3)."""

TIMEOUT = "saga timeout"
"""The saga's deadline passed."""


def action_failed(target: str, reason: str) -> str:
    """The peer reported that it could not do what the saga asked."""
    return f"{target} action failed: {reason}"


def unreachable(target: str) -> str:
    """The command waited too long for its peer."""
    return f"{target} unreachable"


def overflow(target: str) -> str:
    """Newer commands pushed this one out of the peer's buffer."""
    return f"{target} pipe backpressure overflow"


def shutting_down(process: str) -> str:
    """The process ended in good order while the saga was in flight."""
    return f"{process} shutting down"


def restarted(process: str, state: str) -> str:
    """The process died while the saga was in flight."""
    return f"{process} restarted while saga in state '{state}'"
