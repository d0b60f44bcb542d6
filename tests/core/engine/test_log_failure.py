"""A log that can't be written: announced once, and once when it works again (FACTS R-44)."""

from tests.core.engine.store import Store
from tests.core.harness import emitted

from saga_core.engine import LogCommitFailed, LogCommitRecovered, LogDegraded, LogRecovered


def test_a_failing_log_is_announced_once() -> None:
    """FACTS R-44, DESIGN 7: the first failure tells; the ones after it change nothing."""
    store = Store()
    assert emitted(store.give(LogCommitFailed("disk\nfull", 3))) == [LogDegraded(3, "disk full", 1)]
    store.ignores(LogCommitFailed("disk full", 9))


def test_a_log_that_works_again_is_announced_once() -> None:
    """DESIGN 7: recovery tells how many records had waited, and the next failure tells again."""
    store = Store()
    store.ignores(LogCommitRecovered(1))
    store.give(LogCommitFailed("disk full", 3))
    assert emitted(store.give(LogCommitRecovered(12))) == [LogRecovered(12, 2)]
    store.ignores(LogCommitRecovered(12))
    assert emitted(store.give(LogCommitFailed("disk full"))) == [LogDegraded(0, "disk full", 3)]


def test_sagas_run_on_without_the_log() -> None:
    """FACTS 4.3: memory stays in charge while the log is gone."""
    store = Store()
    store.join_peers()
    store.give(LogCommitFailed("disk full"))
    store.order("a")
    store.answer_all(store.last)
    assert store.endings() == {1: "completed"}


def test_notices_from_elsewhere_concern_no_saga() -> None:
    """DESIGN 7: the two notices are events of ours; as input they are nobody's."""
    Store().ignores(LogDegraded(1, "x", 1), LogRecovered(1, 1))
