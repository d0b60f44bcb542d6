"""What became of a mutant, as values that go into the kill table's file as they are."""

from typing import Literal

from msgspec import Struct

Verdict = Literal["killed", "survived"]

CRASH = "crash"
"""What kills a mutant whose `step` raises or never returns."""


class Outcome(Struct, frozen=True, omit_defaults=True):
    """What one method says of one mutant, and what that cost.

    `by`: the promise that broke, in which world, after how many moves; or a crash, and of what.
    `seconds` are of CPU time, and a matter of the machine.
    """

    verdict: Verdict
    seconds: float
    by: str = ""
    where: str = ""
    length: int | None = None


class Life(Struct, frozen=True, omit_defaults=True):
    """All about one mutant. `differs`: the first step whose result is another, or "" if none is.

    One that differs nowhere is equivalent within the scope and has no outcomes.
    """

    name: str
    operator: str
    fingerprint: str
    differs: str = ""
    outcomes: dict[str, Outcome] = {}

    @property
    def equivalent(self) -> bool:
        """Whether every step of every world has the same result as the original's."""
        return not self.differs

    def killed_by(self, *methods: str) -> bool:
        """Whether one of these methods kills it."""
        found = (self.outcomes.get(method) for method in methods)
        return any(outcome is not None and outcome.verdict == "killed" for outcome in found)
