"""The same run once more, performed by the launcher's own shell on a virtual clock."""

import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from msgspec import Struct
from returns.result import Failure, Success

from saga_core.check import Capsule, Played, Scenario, played
from saga_core.engine import Config
from saga_shell.cli.refusal import EXIT_USAGE, Refusal
from saga_shell.rehearsal import Rehearsal, rehearse

_PACES = {False: "one by one", True: "in a hurry"}


class Performance(Struct, frozen=True):
    """What the asyncio shell made of a run, with its runner, bus and saga log, on a virtual clock.

    `agrees`: all that it did is what the reducer says. `diverges`: in move number `move` it did
    something else. `breaks`: move number `move` breaks `promise` there. `inapplicable`: the shell
    can't perform this run, `sentence` says why.
    """

    verdict: Literal["agrees", "diverges", "breaks", "inapplicable"]
    sentence: str
    move: int | None = None
    promise: str | None = None


def perform(capsule: Capsule, scenario: Scenario) -> Performance:
    """Perform the moves that the reducer could play, one by one and then in a hurry."""
    play, config = played(capsule, scenario), Config(buffer_cap=capsule.scope.buffer_cap)
    found = Performance("agrees", "")
    for hurried, pace in _PACES.items():
        match _rehearsed(scenario, play, config, hurried=hurried):
            case Success(rehearsal):
                found = _told(rehearsal, pace)
            case Failure(reason):
                found = Performance("inapplicable", reason)
        if found.verdict != "agrees":
            break
    return found


def _rehearsed(
    scenario: Scenario, play: Sequence[Played], config: Config, *, hurried: bool
) -> Success[Rehearsal] | Failure[str]:
    try:
        with _quietly(), tempfile.TemporaryDirectory(prefix="agentmux-check-") as folder:
            return rehearse(scenario.application, play, Path(folder), config, hurried=hurried)
    except OSError as error:
        problem = f"no room for the shell's saga log: {error.strerror}: mend it, or set TMPDIR"
        raise Refusal(f"--replay: {problem}", EXIT_USAGE) from None


def _told(rehearsal: Rehearsal, pace: str) -> Performance:
    if (broken := rehearsal.broken) is not None:
        return Performance("breaks", f"{pace}, {broken.sentence}", broken.move + 1, broken.promise)
    if (divergence := rehearsal.divergence) is not None:
        return Performance("diverges", f"{pace}, {divergence.sentence}", divergence.move + 1)
    did = f"all {rehearsal.moves} moves, {' and '.join(_PACES.values())}"
    took = f"{rehearsal.events} event(s), {rehearsal.processes} process(es)"
    return Performance("agrees", f"{did}: {took}, {rehearsal.seconds:.0f} s of virtual time")


@contextmanager
def _quietly() -> Iterator[None]:
    """What the launcher has to say is about the play, and nothing for the user to act on."""
    logger = logging.getLogger("saga_shell")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)
