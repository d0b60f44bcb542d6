"""The user's actions as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from returns.result import Failure, Success

from saga_shell.host.faults import Crash, Fault
from saga_shell.host.scenario import (
    GRAMMAR,
    NAMES,
    NESTING,
    AbortNow,
    Close,
    CrashNow,
    Fill,
    Pause,
    Promote,
    Quit,
    Repeat,
    SetFault,
    UserAction,
    parse_line,
    parse_text,
)


@pytest.mark.parametrize(
    ("line", "actions"),
    [
        ("promote", (Promote(),)),
        ("  close   newest ", (Close("newest"),)),
        ("fill", (Fill(),)),
        ("wait 0.5", (Pause(0.5),)),
        ("fault reap_panes:crash", (SetFault(Fault("reap_panes", Crash())),)),
        ("crash", (CrashNow(),)),
        ("abort 86", (AbortNow(86),)),
        ("quit", (Quit(),)),
        ("promote; close main;; fill # not a remark", None),
        ("promote; # a remark; quit", (Promote(),)),
        ("fill; repeat 2 promote; wait 1", (Fill(), Repeat(2, (Promote(), Pause(1))))),
        ("repeat 2 fill; repeat 3 quit", (Repeat(2, (Fill(), Repeat(3, (Quit(),)))),)),
        ("", ()),
        ("# promote", ()),
    ],
)
def test_a_line(line: str, actions: tuple[UserAction, ...] | None) -> None:
    """The grammar of the help text, action by action."""
    if actions is None:
        assert isinstance(parse_line(line), Failure)
    else:
        assert parse_line(line) == Success(actions)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("dance", "unknown action 'dance' (use promote, close, "),
        ("promote now", "promote takes nothing after it"),
        ("close", "close needs a label"),
        ("wait", "wait needs a number of seconds, not ''"),
        ("wait nan", "wait needs a number of seconds, not 'nan'"),
        ("abort", "abort needs an exit code from 0 to 255, not ''"),
        ("abort 999", "abort needs an exit code from 0 to 255, not '999'"),
        ("fault x", "fault 'x': unknown command 'x'"),
        ("repeat", "repeat needs a whole number above 0 and actions, not ''"),
        ("repeat 0 fill", "repeat needs a whole number above 0 and actions, not '0'"),
        ("repeat 2", "repeat needs actions after the number"),
        ("repeat 2 dance", "unknown action 'dance'"),
        ("repeat 1 " * (NESTING + 1) + "fill", f"repeat is nested more than {NESTING} times"),
    ],
)
def test_a_wrong_line_says_what_is_wrong(line: str, reason: str) -> None:
    """One line that says what was expected."""
    assert parse_line(line).failure().startswith(reason)


def test_a_text_names_the_line_that_is_wrong() -> None:
    """FILE:LINE, counted from 1, remarks and empty lines included."""
    assert parse_text("fill\n\n# x\ndance\n", "demo").failure().startswith("demo:4: unknown")
    assert parse_text("fill\n\nquit", "demo") == Success((Fill(), Quit()))


def test_the_help_text_names_every_action() -> None:
    """Nothing that can be written is missing from the help."""
    described = [line.split()[0] for line in GRAMMAR.splitlines()[:-1]]
    assert described[:-1] == [name for name in described[:-1] if name in NAMES]
    assert set(NAMES) == set(described[:-1])


@given(st.text())
def test_any_text_is_actions_or_a_line(text: str) -> None:
    """No text raises, and an error is one line."""
    match parse_text(text, "x"):
        case Failure(reason):
            assert "\n" not in reason
        case Success(actions):
            assert isinstance(actions, tuple)
