"""What became of the sagas of a run, in numbers."""

from saga_core.engine.messages import SagaCompleted, SagaFailed

REASONS_KEPT = 20
"""Different reasons that are counted by name."""

OTHER_REASONS = "(other reasons)"


class Tally:
    """Counts.

    `events` are calls of `step`; `high_water`: the most sagas in flight; `reasons` tells why sagas
    failed.
    """

    __slots__ = ("completed", "events", "high_water", "reasons", "started")

    def __init__(self) -> None:
        self.events = 0
        self.started = 0
        self.completed = 0
        self.high_water = 0
        self.reasons: dict[str, int] = {}

    @property
    def failed(self) -> int:
        """How many sagas failed."""
        return sum(self.reasons.values())

    def ended(self, event: SagaCompleted | SagaFailed) -> None:
        """A saga ended."""
        if isinstance(event, SagaCompleted):
            self.completed += 1
            return
        reasons, reason = self.reasons, event.reason
        if reason not in reasons and len(reasons) >= REASONS_KEPT:
            reason = OTHER_REASONS
        reasons[reason] = reasons.get(reason, 0) + 1
