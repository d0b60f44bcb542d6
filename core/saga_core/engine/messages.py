"""The two kinds of message that an application defines, and those every application shares.

A *command* asks for something; a *bus event* tells that something happened. Both are frozen
`msgspec` structs whose tag is their name on the wire. The brackets around a saga and the two
notices about the log belong to the engine, so every application's subscribers get them.
"""

from functools import cache
from typing import Annotated

from msgspec import Meta, Struct

U64 = Annotated[int, Meta(ge=0)]
"""An unsigned 64 bit number. A codec keeps the upper bound, which a `Meta` can't express."""

UNSTAMPED = 0
"""The version of an event that the engine has not published yet."""


class Command(Struct, frozen=True, gc=False, tag_field="cmd"):
    """Base of every command. The tag of a subclass is its name on the wire."""


class BusEvent(Struct, frozen=True, gc=False, tag_field="event"):
    """Base of every event on the bus.

    Each subclass declares a field `version: int`, where the wire wants it. An application that
    publishes an event sets it to `UNSTAMPED`; the engine puts the real number in (FACTS R-56).
    """


class SagaStarted(BusEvent, frozen=True, tag="saga_started"):
    """The bracket of saga `saga_id` opens."""

    saga_id: U64
    name: str
    version: U64


class SagaCompleted(BusEvent, frozen=True, tag="saga_completed"):
    """The bracket of saga `saga_id` closes: all it had to do is done."""

    saga_id: U64
    version: U64


class SagaFailed(BusEvent, frozen=True, tag="saga_failed"):
    """The bracket of saga `saga_id` closes: it failed, `reason` says why."""

    saga_id: U64
    reason: str
    version: U64


class SagaActionFailed(BusEvent, frozen=True, tag="saga_action_failed"):
    """A peer could not do what saga `saga_id` asked of it. Ends that saga as failed."""

    saga_id: U64
    reason: str
    version: U64


class LogDegraded(BusEvent, frozen=True, tag="log_degraded"):
    """The durable log can't be written; `pending_records` wait in memory (FACTS R-44)."""

    pending_records: U64
    error: str
    version: U64


class LogRecovered(BusEvent, frozen=True, tag="log_recovered"):
    """The durable log works again; `records` that had waited are now in it."""

    records: U64
    version: U64


def tag_of(message: Command | BusEvent) -> str:
    """The name of a message on the wire, such as `pay_order`."""
    return _tag(type(message))


@cache
def _tag(kind: type[Command | BusEvent]) -> str:
    return str(kind.__struct_config__.tag)


def version_of(event: BusEvent) -> int:
    """The number of an event on the bus; `UNSTAMPED` if it has none yet."""
    return int(getattr(event, "version", UNSTAMPED))
