"""What a saga is: an immutable value with five pure functions (FACTS 3.1).

A saga never sees a clock, a socket or the log. It is told what happened, and returns its next
value together with one action. An author subclasses `SagaBase`, or writes any value that has
the five members of `Saga`.
"""

from typing import Protocol

from msgspec import Struct

from saga_core.engine.messages import BusEvent, Command

DEFAULT_TIMEOUT_SECONDS = 5.0
"""The deadline of a saga that doesn't name its own (FACTS 3.1)."""

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
"""A value that JSON can hold."""


class SagaContext(Struct, frozen=True, gc=False):
    """What a saga may know about itself: its id."""

    saga_id: int


class IssueCommand(Struct, frozen=True, gc=False):
    """Send `command` to `target` and stay in flight. The engine puts the saga's id into it."""

    target: str
    command: Command


class Wait(Struct, frozen=True, gc=False):
    """The event was not the awaited one: nothing to do."""


class Done(Struct, frozen=True, gc=False):
    """The saga has done all it had to do."""


class Failed(Struct, frozen=True, gc=False):
    """The saga gives up; `reason` is what subscribers and operators read."""

    reason: str


Action = IssueCommand | Wait | Done | Failed


class Saga(Protocol):
    """The five members. All are pure; one that raises fails its own saga only (FACTS R-10)."""

    def name(self) -> str:
        """The kind of saga: goes to `saga_started` and into the log."""

    def start(self, context: SagaContext, /) -> tuple["Saga", Action]:
        """Called once, after the bracket opened. Returns the next value and the first action."""

    def on_event(self, event: BusEvent, context: SagaContext, /) -> tuple["Saga", Action]:
        """Called with every event that carries this saga's id. Returns the next value and action.

        Any action but `Wait` says that this event was the answer to the pending step.
        """

    def input_snapshot(self) -> Json:
        """What the saga was started with, for the log's `input_json`; taken before `start`."""

    def timeout(self) -> float:
        """Seconds that the whole saga may take, all steps together.

        Asked once, before `start`; no next value of the saga may say otherwise.
        """


class SagaBase(Struct, frozen=True, gc=False):
    """The two members that have defaults, for sagas that are frozen structs."""

    def input_snapshot(self) -> Json:
        """No input: the log gets `null`."""
        return None

    def timeout(self) -> float:
        """`DEFAULT_TIMEOUT_SECONDS`."""
        return DEFAULT_TIMEOUT_SECONDS
