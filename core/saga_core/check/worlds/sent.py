"""Commands that peers got, and what peers may say to them."""

from typing import NamedTuple

from saga_core.check.scope import Scenario
from saga_core.check.worlds.view import readdressed
from saga_core.engine.messages import Command


class Sent(NamedTuple):
    """A command that a peer got."""

    saga_id: int
    target: str
    command: Command

    def by(self, scenario: Scenario, saga_id: int) -> "Sent":
        """The same command, sent by another saga."""
        if saga_id == self.saga_id:
            return self
        command = readdressed(scenario, self.target, self.command, saga_id)
        return Sent(saga_id, self.target, command)


def said(scenario: Scenario, command: Command) -> tuple[Command, ...]:
    """All that a peer may say to a command; the failure report comes last."""
    return (*scenario.answers(command), scenario.failure(command))
