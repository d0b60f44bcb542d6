"""A saga that does something wrong fails alone (FACTS R-10, R-11)."""

from collections.abc import Callable
from math import inf, nan
from sys import float_info

import pytest
from pyrsistent import pmap
from tests.core.engine.odd_sagas import Bare, Odd, Scripted, always, ask, snapshot_of
from tests.core.engine.order_app import Books, Did, Do, Fulfil, Join, Placed, Shop
from tests.core.engine.store import Store
from tests.core.harness import Run, emitted, of

from saga_core.engine import (
    ArmTimer,
    BusEvent,
    Command,
    Config,
    Done,
    Failed,
    IssueCommand,
    Publish,
    Reaction,
    Reducer,
    Saga,
    SagaDeadline,
    SagaStarted,
    Wait,
    tag_of,
)
from saga_core.engine.guard import line


class Unspeakable:
    """Raises whenever somebody wants to know what it is."""

    def __repr__(self) -> str:
        """Raises."""
        raise RuntimeError("no")

    __str__ = __repr__


class UnspeakableError(Exception):
    """An exception that can't say what is wrong."""

    def __str__(self) -> str:
        """Raises."""
        raise RuntimeError("no")


def raising(error: BaseException) -> Callable[..., object]:
    """A function that raises."""

    def call(*_: object) -> object:
        raise error

    return call


def ending_of(saga: object, config: Config | None = None) -> str:
    """How that saga ends, beside a healthy one that must complete."""

    def opens(event: BusEvent) -> tuple[Saga, ...]:
        return (*always(saga)(event), *always(Fulfil("healthy"))(event))

    store = Store(config, opens)
    store.join_peers()
    store.answer_all(store.give(Placed("a")))
    assert store.endings().pop(2) == "completed"
    row = store.rows.sagas[1]
    assert row.pending == ()
    assert store.in_flight == []
    return store.endings()[1]


NOT_AN_ACTION = "not its next value and an action"

BAD_STARTS: tuple[tuple[Callable[..., object], str], ...] = (
    (raising(ValueError("two\nlines")), "saga raised ValueError: two lines"),
    (
        raising(UnspeakableError()),
        "saga raised UnspeakableError: (UnspeakableError without a text)",
    ),
    (lambda _: None, f"saga returned None, {NOT_AN_ACTION}"),
    (lambda _: Done(), f"saga returned a Done, {NOT_AN_ACTION}"),
    (lambda _: (Odd(), "done"), NOT_AN_ACTION),
    (lambda _: (Odd(), Wait(), 1), NOT_AN_ACTION),
    (lambda _: Unspeakable(), f"saga returned a Unspeakable, {NOT_AN_ACTION}"),
    (lambda _: (Odd(), Failed("x" * 600)), "x" * 500 + "…"),
    (lambda _: (Odd(), Failed("lone \ud800")), "lone \\ud800"),
    (lambda _: (Odd(), Failed(Unspeakable())), "a Unspeakable"),  # type: ignore[arg-type]  # on purpose: no text
    (lambda _: (Odd(), IssueCommand("moon", Do("reserve", "x"))), "unknown target moon"),
    (lambda _: (Odd(), IssueCommand("shop", Do("reserve", "x"))), "unknown target shop"),
    (lambda _: (Odd(), IssueCommand("bank", Join("bank"))), "bank does no such thing"),
    (lambda _: (Odd(), IssueCommand("shop_self", Join("x"))), "shop_self does no such thing"),
    (
        lambda _: (Odd(), IssueCommand("bank", Did("pay", "x"))),  # type: ignore[arg-type]  # on purpose: an event is no command
        "saga issued Did, which is no command",
    ),
)


@pytest.mark.parametrize(("start", "reason"), BAD_STARTS)
def test_a_bad_start_fails_that_saga_alone(start: Callable[..., object], reason: str) -> None:
    """FACTS R-10, R-11: a saga that raises, or issues what nobody takes, fails with one line."""
    ending = ending_of(Odd(start=start))
    assert ending.endswith(reason)
    assert "\n" not in ending


@pytest.mark.parametrize(
    ("on_event", "reason"),
    [
        (raising(KeyError("x")), "saga raised KeyError: 'x'"),
        (lambda *_: (Odd(), None), NOT_AN_ACTION),
        (lambda *_: (Odd(), Failed("enough")), "enough"),
        (lambda *_: (Odd(), ask("moon", "x")), "unknown target moon"),
    ],
)
def test_a_bad_answer_fails_that_saga_alone(on_event: Callable[..., object], reason: str) -> None:
    """FACTS R-10: what goes wrong in `on_event` ends that saga, and no other."""
    asking = Odd(start=lambda _: (Odd(on_event=on_event), ask("bank", "pay")))
    assert ending_of(asking).endswith(reason)


def test_the_step_before_a_bad_command_succeeded() -> None:
    """FACTS R-09, R-10: the answer was good, the next command was not: row and saga say so."""
    saga = Scripted(ask("bank", "pay"), (("pay", ask("moon", "land")),))
    store = Store(opens=always(saga))
    store.join_peers()
    store.order("a")
    store.did("pay", 1)
    row = store.rows.sagas[1]
    assert [step.state for step in row.steps.values()] == ["succeeded"]
    assert (row.state, row.reason) == ("failed", "unknown target moon")


@pytest.mark.parametrize(
    ("saga", "reason"),
    [
        (Odd(name=raising(ValueError("x"))), "saga raised ValueError: x"),
        (Odd(name=lambda: 7), "saga name() returned 7, not a name"),
        (Odd(name=lambda: ""), "saga name() returned '', not a name"),
        (Odd(name=lambda: "two\nlines"), "saga name() returned 'two\\nlines', not a name"),
        (Odd(input_snapshot=raising(ValueError("x"))), "saga raised ValueError: x"),
        (Odd(input_snapshot=snapshot_of(Unspeakable())), "saga raised TypeError: "),
        (Odd(input_snapshot=snapshot_of("\ud800")), "saga raised UnicodeEncodeError: "),
        (Odd(timeout=raising(ValueError("x"))), "saga raised ValueError: x"),
        (Bare(), "saga raised AttributeError: 'Bare' object has no attribute 'name'"),
    ],
)
def test_a_saga_that_describes_itself_badly_still_has_a_bracket(saga: object, reason: str) -> None:
    """FACTS R-10: it opens under a stand-in name and input, and fails with one line."""
    assert ending_of(saga).startswith(reason)


@pytest.mark.parametrize("seconds", [0, -1, inf, nan, 10**400, "5", None])
def test_a_deadline_must_be_a_positive_time(seconds: object) -> None:
    """FACTS 3.1, R-10: a saga without a sensible deadline fails at once, under the default one."""
    store = Store(opens=always(Odd(timeout=lambda: seconds)))
    (armed,) = of(ArmTimer, store.give(Placed("a")))
    assert armed == ArmTimer(SagaDeadline(1), 5.0)
    (reason,) = store.endings().values()
    assert reason.startswith("saga timeout() returned ")
    assert reason.endswith(", not a positive number of seconds")


@pytest.mark.parametrize("seconds", [0.5, 1, float_info.max])
def test_any_positive_time_is_a_deadline(seconds: float) -> None:
    """FACTS 3.1: whole numbers and fractions of seconds, however short or long."""
    store = Store(opens=always(Odd(timeout=lambda: seconds)))
    assert of(ArmTimer, store.give(Placed("a"))) == [ArmTimer(SagaDeadline(1), seconds)]


def test_a_timeout_given_from_outside_makes_up_for_the_sagas() -> None:
    """DESIGN 6: `--saga-timeout` counts before the saga's own word."""
    odd = Odd(timeout=lambda: None)
    store = Store(Config(timeouts=pmap({"odd": 2.5})), always(odd))
    assert of(ArmTimer, store.give(Placed("a"))) == [ArmTimer(SagaDeadline(1), 2.5)]
    assert store.in_flight == [1]


def test_a_next_value_that_is_no_saga_fails_at_its_first_event() -> None:
    """FACTS R-10: even looking up its members can't hurt anybody else."""
    assert ending_of(Odd(start=lambda _: (None, ask("bank", "pay")))) == (
        "saga raised AttributeError: 'NoneType' object has no attribute 'on_event'"
    )


def test_a_bad_name_is_replaced_by_the_type() -> None:
    """FACTS R-10: subscribers and operators still get a name they can read."""
    store = Store(opens=always(Odd(name=lambda: "\ud800")))
    assert emitted(store.give(Placed("a")))[0] == SagaStarted(1, "Odd", 1)
    assert store.rows.sagas[1].input_json == "null"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("x" * 500, "x" * 500),
        ("x" * 501, "x" * 500 + "…"),
        (" a\t\r\n b ", "a b"),
        ("lone \ud800", "lone \\ud800"),
        (UnspeakableError(), "(UnspeakableError without a text)"),
        (Unspeakable(), "a Unspeakable"),
        ((1, {"b", "a"}), "(1, a set)"),
    ],
)
def test_a_reason_is_one_line_of_bounded_length(text: object, shown: str) -> None:
    """FACTS R-10: whatever a saga hands over, what subscribers read is one encodable line."""
    assert line(text) == shown


@pytest.mark.parametrize("error", [SystemExit(3), GeneratorExit(), UnspeakableError()])
def test_whatever_a_saga_raises_is_its_own_failure(error: BaseException) -> None:
    """FACTS R-10: a saga that would end the process fails alone, too."""
    assert ending_of(Odd(start=raising(error))).startswith(f"saga raised {type(error).__name__}: ")


def test_ctrl_c_is_no_saga_s_doing() -> None:
    """FACTS R-10: who interrupts the process while a saga's code runs interrupts it."""
    store = Store(opens=always(Odd(start=raising(KeyboardInterrupt()))))
    with pytest.raises(KeyboardInterrupt):
        store.give(Placed("a"))


@pytest.mark.parametrize("returned", [object(), {"a", "b", "c"}, (object(), Done), lambda: None])
def test_a_reason_names_no_address(returned: object) -> None:
    """DESIGN 3: the same reason on every machine and hash seed, whatever a saga returned."""
    ending = ending_of(Odd(start=lambda _: returned))
    assert " at 0x" not in ending
    assert "{" not in ending


def own_loop() -> Scripted:
    """A saga that books for ever."""
    book = ask("shop_self", "book")
    return Scripted(book, (("book", book),))


def test_a_loop_on_the_own_target_is_cut() -> None:
    """FACTS R-10, R-11: a saga that issues to its own process without end fails alone."""
    store = Store(Config(own_commands_per_step=9), always(own_loop()))
    store.order("a")
    assert store.endings() == {1: "shop_self loop: over 9 in one step"}
    assert [step.state for step in store.rows.sagas[1].steps.values()] == ["succeeded"] * 9
    assert store.state.mirror.booked == 9


def test_the_bound_on_own_commands_counts_anew_in_each_step() -> None:
    """DESIGN 4: the bound is per step, so an honest saga never meets it."""
    honest = Scripted(ask("shop_self", "book"), (("book", Done()),))
    store = Store(Config(own_commands_per_step=1), always(honest))
    store.order("a", "b", "c")
    assert set(store.endings().values()) == {"completed"}


class Echo(Shop):
    """A shop in which every booking is another order."""

    def on_own_command(self, mirror: Books, command: Command) -> Reaction[Books]:
        """Order again."""
        return Reaction(mirror, (Publish(Placed(tag_of(command))),))


def test_a_chain_of_sagas_that_start_each_other_is_cut() -> None:
    """FACTS R-10: a loop through triggers ends as well; only the saga at its end fails for it."""
    shop = Echo(always(Scripted(ask("shop_self", "book"))))
    run = Run(Reducer(shop), Config(own_commands_per_step=3))
    run.give(Placed("a"))
    assert run.endings() == {4: "shop_self loop: over 3 in one step"}
    assert run.in_flight == [1, 2, 3]


def test_what_is_no_event_is_a_callers_bug() -> None:
    """DESIGN 3: exceptions are for bugs: `step` takes events and nothing else."""
    store = Store()
    with pytest.raises(TypeError, match="step takes events, not Do"):
        store.reducer.step(store.state, Do("reserve", "a"))  # type: ignore[arg-type]  # on purpose: a command is no event


def test_a_command_type_of_another_application_is_refused_by_its_target() -> None:
    """FACTS R-10: the engine asks the application what a target takes."""

    class Strange(Command, frozen=True, tag="strange"):
        """Nobody takes this."""

    assert ending_of(Scripted(IssueCommand("bank", Strange()))) == "bank does no such thing"
