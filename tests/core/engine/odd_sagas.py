"""Sagas that are not well-behaved, and one that does what a test tells it to."""

from collections.abc import Callable

from msgspec import Struct
from tests.core.engine.order_app import Did, Do, Placed

from saga_core.engine import (
    Action,
    BusEvent,
    IssueCommand,
    Json,
    Saga,
    SagaBase,
    SagaContext,
    Wait,
)


class Scripted(SagaBase, frozen=True):
    """Starts with one action; `then` says what it makes of each piece of work that is done."""

    first: Action
    then: tuple[tuple[str, Action], ...] = ()
    seen: tuple[str, ...] = ()

    def name(self) -> str:
        """The kind of saga."""
        return "scripted"

    def start(self, _context: SagaContext) -> tuple[Saga, Action]:
        """The first action."""
        return self, self.first

    def on_event(self, event: BusEvent, _context: SagaContext) -> tuple[Saga, Action]:
        """The action for this work, and a value that remembers it."""
        assert isinstance(event, Did)
        after = Scripted(self.first, self.then, (*self.seen, event.work))
        return after, dict(self.then).get(event.work, Wait())


class Odd(Struct, frozen=True):
    """A saga whose members are what a test puts there, of any type at all."""

    name: Callable[[], object] = lambda: "odd"
    start: Callable[[SagaContext], object] = lambda _: (Odd(), Wait())
    on_event: Callable[[BusEvent, SagaContext], object] = lambda _, __: (Odd(), Wait())
    input_snapshot: Callable[[], object] = lambda: None
    timeout: Callable[[], object] = lambda: 5.0


class Bare(Struct, frozen=True):
    """A saga whose author forgot everything but its start."""

    def start(self, _context: SagaContext) -> tuple["Bare", Action]:
        """Ask the warehouse."""
        return self, ask("warehouse", "reserve")


def ask(target: str, work: str) -> IssueCommand:
    """Ask somebody for one piece of work."""
    return IssueCommand(target, Do(work, "x"))


def always(saga: object) -> Callable[[BusEvent], tuple[Saga, ...]]:
    """Every order starts this saga."""

    def opens(event: BusEvent) -> tuple[Saga, ...]:
        return (as_saga(saga),) if isinstance(event, Placed) else ()

    return opens


def as_saga(value: object) -> Saga:
    """`value` where a saga is wanted."""
    return value  # type: ignore[return-value]  # on purpose: it may be no saga at all


def snapshot_of(value: object) -> Callable[[], Json]:
    """An `input_snapshot` that returns a value of any type at all."""
    return lambda: value  # type: ignore[return-value]  # on purpose: it may be no JSON at all
