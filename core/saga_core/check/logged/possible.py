"""What was possible in a state, for whoever reads that something else was recorded."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from msgspec.structs import replace

from saga_core.check.logged.fold import Attempt, Fold
from saga_core.check.logged.peers import Course, newer_than, pending
from saga_core.check.logged.said import Said, told
from saga_core.check.runs.scene import choices
from saga_core.check.worlds.rows import Down
from saga_core.engine.events import SagaDeadline, TimerFired
from saga_core.engine.messages import tag_of
from saga_core.engine.state import Awaiting, State

OTHERS_SHOWN = 2
"""Records of other sagas that are told of one event; the rest is counted."""


def possible(fold: Fold, saga_id: int) -> tuple[str, ...]:
    """Each event that could have come for a saga, and the records that it would have written."""
    return tuple(_lines(fold, saga_id))


def _lines(fold: Fold, saga_id: int) -> Iterator[str]:
    here = fold.here
    if isinstance(here, Down):
        yield _line("the process starts and recovers", saga_id, fold.restarted())
        return
    version = max(here.counters.version, fold.reached)
    here = replace(here, counters=replace(here.counters, version=version))
    ways = _of_saga(fold, here, saga_id) if saga_id in here.sagas else _of_opening(fold, here)
    for what, course in ways:
        attempt = fold.attempt(course)
        if attempt.written:
            yield _line(what, saga_id, attempt)
    if len(here.sagas):
        yield _line(
            "the process is asked to end", saga_id, fold.attempt(fold.causes.ends_all(here))
        )
        yield _line("the process dies, starts and recovers", saga_id, fold.restarted())


def _of_opening(fold: Fold, here: State[Any]) -> Iterator[tuple[str, Course]]:
    """The saga is not in flight: what can open is the next one."""
    for name, event in fold.scenario.triggers.items():
        yield f"{name} is triggered ({tag_of(event)})", (here, event)


def _of_saga(fold: Fold, here: State[Any], saga_id: int) -> Iterator[tuple[str, Course]]:
    step = here.sagas[saga_id].awaiting
    if step is not None:
        yield from _of_peer(fold, here, saga_id, step)
    yield f"the deadline of saga {saga_id} passes", (here, TimerFired(SagaDeadline(saga_id)))


def _of_peer(
    fold: Fold, here: State[Any], saga_id: int, step: Awaiting
) -> Iterator[tuple[str, Course]]:
    asked = f"{tag_of(step.command)} of saga {saga_id}"
    said = list(fold.causes.answers(here, saga_id))
    for (_, course), fields in zip(said, choices(tuple(a for a, _ in said)), strict=True):
        which = "".join(f", {name} {str(value).lower()}" for name, value in fields.items())
        yield f"{step.target} answers {asked}{which}", course
    failure = fold.causes.report_of_failure(here, step)
    if failure is not None:
        yield f"{step.target} reports a failure of {asked}", failure
    if step.target in fold.scenario.peers:
        yield from _of_buffer(fold, here, saga_id, asked)


def _of_buffer(
    fold: Fold, here: State[Any], saga_id: int, asked: str
) -> Iterator[tuple[str, Course]]:
    target = pending(here, saga_id).target
    for course in islice(fold.peers.wait_out(here, saga_id), 1):
        yield f"{asked} waits too long for {target}", course
    if len(newer_than(here, pending(here, saga_id))) >= here.config.buffer_cap:
        for course in islice(fold.peers.push_out(here, saga_id, fold.doom), 1):
            yield f"newer commands push {asked} out of the buffer for {target}", course


def _line(what: str, saga_id: int, attempt: Attempt) -> str:
    own = [record for record in attempt.written if record.saga_id == saga_id]
    others = [record for record in attempt.written if record.saga_id != saga_id]
    shown: list[Said] = own or others[:OTHERS_SHOWN]
    more = len(attempt.written) - len(shown)
    rest = f"; and {more} record(s) of other sagas" if more else ""
    return f"{what} → {told(shown)}{rest}"
