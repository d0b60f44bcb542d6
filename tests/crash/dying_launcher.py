"""The real launcher, with one addition: somebody ends with SIGKILL at the point that a test names.

`SAGA_CRASH_AT` holds `before NAME` or `after NAME`, where NAME is an effect, such as
`Emit saga_started`, or a commit, such as `commit SagaOpened StepOpened`. With `SAGA_POINTS_FILE`
every point that was passed is written there, one a line: so the points are found, not listed.
`SAGA_CRASH_WHO`: `launcher`, `host` (the supervised one) or `both`. With `SAGA_ARMED_FILE` nothing
of this happens before that file exists.
"""

import os
import signal
from collections.abc import Sequence
from pathlib import Path

from returns.result import Failure, Success

from saga_core import (
    ArmTimer,
    CancelTimer,
    CloseConnection,
    Dispatch,
    Effect,
    Emit,
    LogRecord,
    Reply,
    tag_of,
)
from saga_shell.cli.main import main
from saga_shell.launcher.interpreter import Interpreter
from saga_shell.log import LogWriter

CRASH_AT = os.environ.get("SAGA_CRASH_AT", "")
CRASH_WHO = os.environ.get("SAGA_CRASH_WHO", "launcher")
ARMED_FILE = os.environ.get("SAGA_ARMED_FILE", "")
POINTS_FILE = os.environ.get("SAGA_POINTS_FILE", "")

perform = Interpreter.perform
commit = LogWriter.commit


def name_of(effect: Effect) -> str:
    """What a point is called: the effect and what it is about."""
    kind = type(effect).__name__
    match effect:
        case Emit(event):
            return f"{kind} {tag_of(event)}"
        case Dispatch(command=command):
            return f"{kind} {tag_of(command)}"
        case ArmTimer(timer) | CancelTimer(timer):
            return f"{kind} {type(timer).__name__}"
        case Reply(event=event):
            return f"{kind} {tag_of(event)}"
        case CloseConnection():
            return kind
        case _:
            return kind


def reach(point: str) -> None:
    """Kill here, if this is the place; else say that it was passed."""
    if ARMED_FILE and not Path(ARMED_FILE).exists():
        return
    if point == CRASH_AT:
        crash()
    if POINTS_FILE:
        with open(POINTS_FILE, "a") as file:  # noqa: PTH123 -- one short line, then closed
            file.write(point + "\n")


def crash() -> None:
    """Kill whom it concerns, once: a host that comes later lives."""
    if CRASH_WHO != "launcher":
        for child in Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split():
            os.kill(int(child), signal.SIGKILL)
    if CRASH_WHO != "host":
        os.kill(os.getpid(), signal.SIGKILL)
    Path(ARMED_FILE).unlink()


def perform_or_die(self: Interpreter, effect: Effect) -> None:
    """`Interpreter.perform` with a point on either side."""
    name = name_of(effect)
    reach(f"before {name}")
    perform(self, effect)
    reach(f"after {name}")


async def commit_or_die(
    self: LogWriter, records: Sequence[LogRecord]
) -> Success[None] | Failure[str]:
    """`LogWriter.commit` with a point on either side."""
    name = "commit " + " ".join(type(record).__name__ for record in records)
    reach(f"before {name}")
    done = await commit(self, records)
    reach(f"after {name}")
    return done


Interpreter.perform = perform_or_die  # type: ignore[method-assign]  # the addition itself
LogWriter.commit = commit_or_die  # type: ignore[method-assign]  # the addition itself

if __name__ == "__main__":
    main()
