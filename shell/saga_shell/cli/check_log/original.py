"""Sagas of the original launcher, read as what our records would have said (FACTS 4, DESIGN 7).

It wrote each row by itself, and some not at all. The rules:

1.  Its step rows hold the command before the saga's id went into it: 0 (FACTS R-42). That is how
    such a saga is known; one that is younger than a saga of ours is none.
2.  What our step writes at once it wrote one after the other: such rows count as of one time.
3.  It left the step of a saga that failed, or died with it, pending (R-08, R-40): that step failed
    with its saga, for the same reason.
4.  Its start called cleanly failed sagas `failed_compensation`, with the old reason in front, and
    overwrote when they had ended (R-38): such a saga failed for that reason, at a time not known,
    so as early as it can be.
"""

from msgspec.structs import replace
from returns.result import Success

from saga_core.agentmux import wire
from saga_core.engine import reasons
from saga_shell.log import SagaRow, SagaRows, StepRow

_PLACEHOLDER = '"saga_id":0'
_RELABELLED = f" | recovered: {reasons.restarted('launcher', 'failed')}"


class Original:
    """Reads one log, ids ascending. `sagas` counts those of the original launcher."""

    def __init__(self) -> None:
        self.sagas = 0
        self._ours = False

    def read(self, rows: SagaRows) -> SagaRows:
        """The rows as ours would be; ours stay as they are."""
        if rows.saga is None or not rows.steps:
            return rows
        commands = [_addressed(step, rows.saga_id) for step in rows.steps]
        self._ours = self._ours or commands[0] is None
        if self._ours:
            return rows
        self.sagas += 1
        saga = _failed_cleanly(rows.saga, rows.steps)
        steps = tuple(
            replace(step, cmd_json=command or step.cmd_json)
            for step, command in zip(rows.steps, commands, strict=True)
        )
        return _at_once(saga, _ended_with(saga, steps))


def _addressed(step: StepRow, saga_id: int) -> str | None:
    """The step's command with the saga's id in place of none; None if it has an id."""
    text = step.cmd_json
    if text is None or _PLACEHOLDER not in text:
        return None
    match wire.decode_command(text.encode()):
        case Success(command) if getattr(command, "saga_id", None) == 0:
            return wire.encode(replace(command, saga_id=saga_id)).decode()
        case _:
            return None


def _failed_cleanly(saga: SagaRow, steps: tuple[StepRow, ...]) -> SagaRow:
    """The saga before a later start relabelled it (rule 4)."""
    reason = saga.failure_reason or ""
    if saga.state != "failed_compensation" or not reason.endswith(_RELABELLED):
        return saga
    last = steps[-1]
    clean = reason.removesuffix(_RELABELLED)
    known = last.ended_at or last.started_at
    return replace(saga, state="failed", failure_reason=clean, ended_at=known)


def _ended_with(saga: SagaRow, steps: tuple[StepRow, ...]) -> tuple[StepRow, ...]:
    """The steps with the last one failed, if its saga did (rule 3)."""
    *before, last = steps
    if last.state != "pending" or saga.state not in {"failed", "failed_compensation"}:
        return steps
    failed = replace(
        last, state="failed", ended_at=saga.ended_at, failure_reason=saga.failure_reason
    )
    return (*before, failed)


def _at_once(saga: SagaRow, steps: tuple[StepRow, ...]) -> SagaRows:
    """The rows with one time for what our step writes at once (rule 2)."""
    at = saga.started_at
    timed: list[StepRow] = []
    for step in steps:
        timed.append(replace(step, started_at=at))
        at = step.ended_at or at
    if saga.state == "completed":
        saga = replace(saga, ended_at=at)
    return SagaRows(saga.saga_id, saga, tuple(timed))
