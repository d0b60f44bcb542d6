"""Logs of sagas that AgentMux doesn't have: the checker knows no application."""

from typing import Any

import pytest
from msgspec.structs import replace
from tests.core.check.logged.logbook import Logbook, edited
from tests.core.check.shop import LOGGED, LOGGED_DEAF
from tests.core.check.shop import LOGGED_SHOP as SENDING
from tests.core.engine.order_app import Did, Do, Placed, Refused, Shop

from saga_core.check import LogForm, Scenario
from saga_core.check.logged import LoggedSaga
from saga_core.engine import (
    Action,
    BusEvent,
    Done,
    Failed,
    IssueCommand,
    Saga,
    SagaBase,
    SagaContext,
    SagaDeadline,
    TimerFired,
    Wait,
)


class Twice(SagaBase, frozen=True):
    """Has its order done by whoever it takes two answers of; gives up at a refusal."""

    answers: int = 0
    target: str = "warehouse"

    def name(self) -> str:
        """The kind of saga."""
        return "twice"

    def start(self, _context: SagaContext) -> tuple[Saga, Action]:
        """Ask once."""
        return self, IssueCommand(self.target, Do("reserve", "book"))

    def on_event(self, event: BusEvent, _context: SagaContext) -> tuple[Saga, Action]:
        """The first answer is not enough."""
        if isinstance(event, Refused) or (isinstance(event, Did) and event.work == "dusting"):
            return self, Failed("gave up")
        if self.answers == 0:
            return replace(self, answers=1), Wait()
        return self, Done()


class Idle(SagaBase, frozen=True):
    """Asks nobody; `ends` at once, or waits."""

    ends: Action = Wait()

    def name(self) -> str:
        """The kind of saga."""
        return "idle"

    def start(self, _context: SagaContext) -> tuple[Saga, Action]:
        """As told."""
        return self, self.ends

    def on_event(self, _event: BusEvent, _context: SagaContext) -> tuple[Saga, Action]:
        """Nothing concerns it."""
        return self, Wait()


def scenario(*sagas: Saga, together: bool = False, **more: Any) -> Scenario:
    """A shop in which an order for `n` opens saga number n; `together`, `all` opens them all."""

    def opens(event: BusEvent) -> tuple[Saga, ...]:
        if not isinstance(event, Placed):
            return ()
        return sagas if event.order == "all" else (sagas[int(event.order)],)

    by_name = {saga.name(): Placed(str(number)) for number, saga in enumerate(sagas)}
    form = LogForm(
        trigger_of=lambda name, _: Placed("all") if together else by_name.get(name),
        event_of=LOGGED.event_of,
        line_of=LOGGED.line_of,
    )
    return replace(SENDING, application=Shop(opens), triggers=by_name, log=form, **more)


def test_answers_that_wrote_no_record_are_found() -> None:
    """DESIGN 4: an answer that a saga only counts leaves no row, and must have come."""
    book = Logbook(scenario(Twice()))
    book.join()
    book.trigger("twice", "twice").answer(1, 2, 1, 2)
    report = book.check()
    assert (report.verdict, report.records) == ("possible", 8), report


def test_a_saga_that_gives_up_at_an_answer_is_found() -> None:
    """FACTS R-09: the answer that it gave up at is in no row."""
    dusting = scenario(
        Twice(), answers=lambda command: (replace(SENDING.answers(command)[0], work="dusting"),)
    )
    book = Logbook(dusting)
    book.join()
    book.trigger("twice").answer(1)
    assert book.records[1][-1].said.words == ("failed", "gave up")
    assert book.check().verdict == "possible"
    found = book.check(edited(book.sagas(), 1, 3, "failed", "gave in")).impossible
    assert found is not None
    assert (found.saga_id, found.step_index) == (1, None)
    assert found.instead[0].startswith("warehouse answers do of saga 1 → saga 1, step 0 failed: ")


@pytest.mark.parametrize("ends", [Done(), Failed("no need"), Wait()])
def test_a_saga_without_any_step_is_checked(ends: Action) -> None:
    """FACTS F-30: it opens and closes its bracket; one that waits ends by its deadline."""
    book = Logbook(scenario(Idle(ends)))
    book.trigger("idle", "idle").give(TimerFired(SagaDeadline(2)), TimerFired(SagaDeadline(1)))
    assert book.check().verdict == "possible"
    wrong = [LoggedSaga(s.saga_id, s.records) for s in edited(book.sagas(), 2, 1, "completed", "")]
    found = book.check(wrong).impossible
    assert found is not None
    assert (found.saga_id, found.step_index) == (2, None)


def test_an_event_that_opens_two_sagas_opens_both_at_once() -> None:
    """FACTS 3.2: their records are those of one step."""
    two = scenario(Twice(), Idle(), together=True)
    book = Logbook(two)
    book.join()
    book.give(Placed("all")).answer(1, 1)
    assert book.check().verdict == "possible"
    two = scenario(Twice(), Idle(), together=True)
    alone = Logbook(two).check(book.sagas()[:1], oldest_end=None)
    assert alone.verdict == "impossible"
    assert alone.impossible is not None
    assert (
        alone.impossible.why
        == "the step that writes it also writes saga 2 opened: idle, input null"
    )


def test_a_peer_that_the_scenario_doesnt_have_never_connects() -> None:
    """DESIGN 4: commands for it wait, and nothing else can be said of it."""
    book = Logbook(scenario(Twice(target="bank")), buffer_cap=1)
    book.trigger("twice", "twice").expire(2).trigger("twice")
    assert book.check().verdict == "possible"
    found = book.check(edited(book.sagas(), 2, 2, "never")).impossible
    assert found is not None
    assert [line.split(" → ")[0] for line in found.instead] == [
        "the deadline of saga 2 passes",
        "the process is asked to end",
        "the process dies, starts and recovers",
    ]


def test_a_step_of_the_process_itself_has_its_answer_in_the_same_step() -> None:
    """DESIGN 4, targets: its event carries a version that only the log knows."""
    form = LogForm(lambda _name, _: Placed("book"), LOGGED.event_of, LOGGED.line_of)
    whole = Scenario(
        application=Shop(),
        triggers={"fulfil": Placed("book")},
        connect=SENDING.connect,
        answers=SENDING.answers,
        failure=SENDING.failure,
        peers=("warehouse", "bank"),
        log=form,
    )
    book = Logbook(whole)
    for peer in whole.peers:
        book.join(peer)
    book.trigger("fulfil", "fulfil").answer(1, 2, 1, 2, 1, 2)
    assert book.check().verdict == "possible", book.check()
    old = str(book.records[1][6].said.words[0])
    found = book.check(edited(book.sagas(), 1, 6, old.replace('"version":', '"version":-')))
    assert found.verdict == "impossible"


def test_a_death_between_two_sagas_of_one_event_leaves_nothing_open() -> None:
    """DESIGN 4: the first one's rows are closed, the second one's never were."""
    book = Logbook(scenario(Idle(Done()), Idle(Done()), together=True))
    book.give(Placed("all"), died=4).start(10).give(Placed("all"))
    assert sorted(book.records) == [1, 10, 11]
    assert book.check().verdict == "possible"


def test_answers_that_change_nothing_explain_nothing() -> None:
    """DESIGN 4: what a peer may say all the time without effect is no way to an end."""
    book = Logbook(LOGGED_DEAF)
    book.join()
    book.trigger("send").deadline(1)
    found = book.check(edited(book.sagas(), 1, 2, "gave up")).impossible
    assert found is not None
    assert found.instead[0].startswith("warehouse reports a failure of do of saga 1 → ")
