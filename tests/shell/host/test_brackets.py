"""When a host that was told to quit may leave."""

from saga_core.engine import SagaCompleted, SagaFailed, SagaStarted
from saga_shell.host.brackets import Brackets


def settled(brackets: Brackets) -> bool:
    """Asked anew each time."""
    return brackets.settled


def test_open_brackets_hold_the_host_back() -> None:
    """FACTS F-42: every saga that the bus opened has to end, in whatever way."""
    brackets = Brackets()
    brackets.heard(SagaStarted(1, "a", 1))
    brackets.heard(SagaStarted(2, "b", 2))
    brackets.heard(SagaCompleted(1, 3))
    assert not settled(brackets)
    brackets.heard(SagaFailed(2, "saga timeout", 4))
    assert settled(brackets)


def test_a_close_promises_a_saga() -> None:
    """FACTS 2.10: the close's saga counts before its bracket opens, and only that saga."""
    brackets = Brackets()
    brackets.window_closed("main")
    assert not settled(brackets)
    brackets.commanded(8, "other")
    brackets.heard(SagaCompleted(8, 1))
    assert not settled(brackets)
    brackets.commanded(9, "main")
    brackets.heard(SagaCompleted(9, 2))
    assert settled(brackets)


def test_the_last_close_counts() -> None:
    """FACTS 2.10: an earlier close's saga has its bracket on the bus already."""
    brackets = Brackets()
    brackets.window_closed("a")
    brackets.commanded(1, "a")
    brackets.window_closed("b")
    brackets.heard(SagaCompleted(1, 1))
    assert not settled(brackets)
