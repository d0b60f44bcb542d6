"""Logs that a run wrote: whatever happened in it, every record is possible."""

from collections.abc import Callable

import pytest
from tests.core.check.logged.logbook import Logbook
from tests.core.check.shop import LOGGED_SHOP

from saga_core.agentmux import PoolRespawn, WindowCleanup

POOL, CLEANUP = PoolRespawn.NAME, WindowCleanup.NAME


def completed(book: Logbook) -> None:
    """Both sagas complete, side by side."""
    book.join()
    book.trigger(CLEANUP, POOL).answer(1, 2).trigger(CLEANUP, CLEANUP).answer(4, 1, 3, which=0)
    book.answer(4, which=1).answer(3, which=1)


def failed(book: Logbook) -> None:
    """Deadlines pass, and a peer can't."""
    book.join()
    book.trigger(CLEANUP, POOL, POOL).answer(1).refuse(2).deadline(1, 3)
    book.trigger(POOL).refuse(4, "").trigger(CLEANUP).deadline(5)


def unreachable(book: Logbook) -> None:
    """Commands wait too long: all of them, and some beside others that are answered."""
    book.trigger(POOL, CLEANUP).expire(2).expire(1)
    first = book.join()
    book.trigger(POOL, CLEANUP, POOL).leave(first).expire(4)
    book.join()
    book.answer(3, 5)


def overflowing(book: Logbook) -> None:
    """Newer commands push older ones out, one by one while nobody is there."""
    book.trigger(*[POOL] * 9)
    book.join()
    book.answer(8, 9)


def returning(book: Logbook) -> None:
    """A connection ends with more unanswered commands than fit."""
    first = book.join()
    book.trigger(*[CLEANUP] * 6).answer(2, 5).leave(first)
    book.trigger(POOL)
    book.join()
    book.answer(7)


def two_hosts(book: Logbook) -> None:
    """An older connection ends first, and what was sent on the newest stays."""
    first = book.join()
    book.trigger(POOL, POOL, POOL, POOL)
    second = book.join()
    book.trigger(CLEANUP).leave(second).leave(first).deadline(5)


def dropped_in_turn(book: Logbook) -> None:
    """What helped to push one out is pushed out later, and some of it waits too long."""
    book.trigger(POOL, CLEANUP, POOL, CLEANUP, POOL).expire(4)
    book.trigger(POOL, POOL)
    second = book.join()
    book.trigger(POOL).leave(second).trigger(CLEANUP)


def shut_down(book: Logbook) -> None:
    """A shutdown ends all; what opens afterwards fails at once; the next run goes on."""
    book.join()
    book.trigger(POOL, CLEANUP, POOL).answer(2).shut_down().trigger(POOL, CLEANUP)
    book.crash().start().join()
    book.trigger(POOL).answer(6)


def crashed(book: Logbook) -> None:
    """A start settles what a death left; ids jump."""
    book.join()
    book.trigger(POOL, CLEANUP, CLEANUP).answer(2).deadline(1).crash().start(1000).join()
    book.trigger(POOL).answer(1000).crash().start(5000).join()
    book.trigger(CLEANUP)


def died_in_a_step(book: Logbook) -> None:
    """Rows that a death cut off: of an opening, an answer, an end, a shutdown and a start."""
    book.trigger(CLEANUP, died=1).start(10)
    book.join()
    book.trigger(CLEANUP).answer(10, died=2).start(20)
    book.trigger(POOL, POOL).shut_down(died=2).start(30)
    book.trigger(POOL, CLEANUP, POOL).crash().start(40, died=5).start(50)
    book.trigger(POOL)


def never_came_back(book: Logbook) -> None:
    """The last process died in the middle of its first step that matters."""
    book.trigger(POOL, CLEANUP, POOL).crash().start(10, died=4)


def died_and_left_nothing(book: Logbook) -> None:
    """A death after the last row of a saga, before its end was told."""
    book.join()
    book.trigger(POOL).answer(1, died=2).start(10)
    book.trigger(POOL)


def died_at_the_first_row(book: Logbook) -> None:
    """The last process died over its first row."""
    book.trigger(POOL, died=1)


def at_once(book: Logbook) -> None:
    """A batch: all of it has one time, and ids, drops and ends stand in any order."""
    book.join()
    book.trigger(CLEANUP, CLEANUP, POOL)
    with book.at_once():
        book.answer(2).trigger(POOL).deadline(3).answer(2).trigger(CLEANUP).answer(1)
    with book.at_once():
        book.refuse(4).trigger(POOL).shut_down().trigger(POOL)


def dropped_at_once(book: Logbook) -> None:
    """A batch in which commands are dropped, others end, and others go on."""
    book.trigger(CLEANUP, POOL)
    first = book.join()
    with book.at_once():
        book.answer(1).trigger(POOL, CLEANUP).leave(first).trigger(POOL).deadline(4)
    with book.at_once():
        book.trigger(POOL, POOL, POOL)
        book.join()


def ended_beside_a_drop(book: Logbook) -> None:
    """A batch that ends one saga and drops a command which came back together with its own."""
    first = book.join()
    book.trigger(POOL, POOL, POOL).leave(first)
    second = book.join()
    book.trigger(POOL, POOL)
    with book.at_once():
        book.refuse(2).leave(second)


def nothing(book: Logbook) -> None:
    """Nothing happened."""


LIVES = (
    completed,
    failed,
    unreachable,
    overflowing,
    returning,
    two_hosts,
    dropped_in_turn,
    shut_down,
    crashed,
    died_in_a_step,
    never_came_back,
    died_and_left_nothing,
    died_at_the_first_row,
    at_once,
    dropped_at_once,
    ended_beside_a_drop,
    nothing,
)


@pytest.mark.parametrize("cap", [0, 1, 2, 3, 64])
@pytest.mark.parametrize("life", LIVES, ids=lambda life: str(life.__name__))
def test_what_a_run_wrote_is_possible(life: Callable[[Logbook], None], cap: int) -> None:
    """DESIGN 4: whatever happens to sagas, the log that it leaves is a path of the graph."""
    book = Logbook(buffer_cap=cap)
    life(book)
    report = book.check()
    assert report.verdict == "possible", report
    records = sum(len(saga.records) for saga in book.sagas())
    assert (report.sagas, report.records) == (len(book.sagas()), records)
    assert (report.missing_ids, report.times_back, report.impossible) == (0, 0, None)


def test_the_saga_of_another_application_is_checked_as_well() -> None:
    """DESIGN 4: two steps in a shop; its author says how the log is read."""
    book = Logbook(LOGGED_SHOP, buffer_cap=1)
    first = book.join()
    book.trigger("send", "send").answer(1, 2, 1).refuse(2).trigger("send").leave(first)
    book.trigger("send").deadline(4)
    report = book.check()
    assert (report.verdict, report.sagas, report.in_flight) == ("possible", 4, 0), report
