"""A world as it is, with nothing merged, renamed or remembered: what counterexamples are told in.

A search goes through millions of worlds as small integers. A counterexample is one run, so it is
played by calling `Reducer.step` along its moves, in a second reading of the same world: what a
search found is held against code that shares none of its tables.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from saga_core.check.runs.capsule import Cue
from saga_core.check.scope import Scenario
from saga_core.check.worlds.rows import Down
from saga_core.check.worlds.sent import Sent
from saga_core.check.worlds.view import readdressed
from saga_core.engine.events import Event
from saga_core.engine.messages import Command
from saga_core.engine.ordered import sorted_items
from saga_core.engine.records import SagaOutcome
from saga_core.engine.state import Awaiting, State


class Scene(NamedTuple):
    """One world. `state` is None while the process is dead.

    `down`: what is left if it dies here, with nothing under way; `ended`: the sagas whose rows
    closed before. `stuck`: what a failing log holds, None while it works. `slots` says what each
    connection's number stands for (`happenings.FREE` …), the first number is 1. `held`: what peers
    got and may still answer; `sent`: all that was ever sent. `left`: how often each trigger of the
    scope may still come.
    """

    state: State[Any] | None
    down: Down
    ended: tuple[SagaOutcome, ...]
    stuck: Down | None
    slots: tuple[int, ...]
    held: tuple[Sent, ...]
    sent: tuple[Sent, ...]
    left: tuple[int, ...]


class Option(NamedTuple):
    """A move that is possible: its cue, its events, and the world when they come in."""

    cue: Cue
    events: tuple[Event, ...]
    here: Scene


def fits(cue: Cue, option: Cue) -> bool:
    """Whether `cue` means `option`; what it leaves out of a message may be anything.

    When the process dies in it makes no difference: that is possible in every move.
    """
    plain = msgspec.structs.replace(
        cue,
        command=option.command if _within(cue.command, option.command) else cue.command,
        says=option.says if _within(cue.says, option.says) else cue.says,
        dies_in=option.dies_in,
        dies_after=option.dies_after,
    )
    return plain == option


def awaited(state: State[Any]) -> Iterator[tuple[int, Awaiting]]:
    """The sagas that await an answer, and the step that they await it for."""
    for saga_id, flight in sorted_items(state.sagas):
        if flight.awaiting is not None:
            yield saga_id, flight.awaiting


def asked(scenario: Scenario, sent: Sent) -> dict[str, Any]:
    """A command's wire form without the saga's id, whatever the application calls that."""
    other = readdressed(scenario, sent.target, sent.command, sent.saga_id + 1)
    fields, others = wire_form(sent.command), wire_form(other)
    return {name: value for name, value in fields.items() if others[name] == value}


def choices(answers: tuple[Command, ...]) -> list[dict[str, Any]]:
    """Of each answer, the fields that tell it from the others."""
    forms = [wire_form(answer) for answer in answers]
    return [
        {name: value for name, value in form.items() if not _shared(name, value, forms)}
        for form in forms
    ]


def wire_form(command: Command) -> dict[str, Any]:
    """A command as JSON has it, its name included."""
    fields: dict[str, Any] = msgspec.to_builtins(command)
    return fields


def _within(part: dict[str, Any], whole: dict[str, Any]) -> bool:
    return all(name in whole and whole[name] == value for name, value in part.items())


def _shared(name: str, value: object, forms: list[dict[str, Any]]) -> bool:
    return all(name in form and form[name] == value for form in forms)
