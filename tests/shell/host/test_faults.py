"""Faults: how they are written and whom they strike."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from returns.result import Failure, Success

from saga_shell.host.faults import (
    GRAMMAR,
    Abort,
    Crash,
    Delay,
    Fail,
    Fault,
    FaultPlan,
    Ignore,
    parse_fault,
    parse_faults,
)


@pytest.mark.parametrize(
    ("spec", "fault"),
    [
        ("spawn_pool_window:fail=no @2 room", Fault("spawn_pool_window", Fail("no @2 room"))),
        ("reap_panes:delay=0.5@3", Fault("reap_panes", Delay(0.5), 3, 3)),
        ("drain_pool_if_last:ignore@2-4", Fault("drain_pool_if_last", Ignore(), 2, 4)),
        ("spawn_pool_window:crash", Fault("spawn_pool_window", Crash())),
        ("probe_ui_thread:abort=86@1", Fault("probe_ui_thread", Abort(86), 1, 1)),
    ],
)
def test_every_effect_can_be_written(spec: str, fault: Fault) -> None:
    """The grammar of the help text, effect by effect, with and without a count."""
    assert parse_fault(spec) == Success(fault)


@pytest.mark.parametrize(
    ("spec", "part"),
    [
        ("dance:crash", "unknown command 'dance' (use drain_pool_if_last, probe_ui_thread, "),
        ("reap_panes", "the effect is none of"),
        ("reap_panes:dance", "the effect is none of"),
        ("reap_panes:dance=1", "the effect is none of"),
        ("reap_panes:fail=", "the effect is none of"),
        ("reap_panes:delay=soon", "the effect is none of"),
        ("reap_panes:delay=-1", "the effect is none of"),
        ("reap_panes:delay=inf", "the effect is none of"),
        ("reap_panes:abort=256", "the effect is none of"),
        ("reap_panes:abort=-1", "the effect is none of"),
        ("reap_panes:crash=now", "the effect is none of"),
        ("reap_panes:crash@0", "the effect is none of"),
        ("reap_panes:crash@4-2", "the range 4-2 is empty"),
    ],
)
def test_a_wrong_fault_is_one_line(spec: str, part: str) -> None:
    """What is wrong and what would be right, in one line that quotes the fault."""
    reason = parse_fault(spec).failure()
    assert reason.startswith(f"fault {spec!r}: ")
    assert part in reason
    assert "\n" not in reason


def test_several_faults_in_one_text() -> None:
    """The form of the environment variable: separated by `;`, blanks don't matter."""
    assert parse_faults(" reap_panes:crash ; ;reap_panes:ignore") == Success(
        (Fault("reap_panes", Crash()), Fault("reap_panes", Ignore()))
    )
    assert parse_faults("") == Success(())
    assert isinstance(parse_faults("reap_panes:crash;x"), Failure)


@given(st.text())
def test_any_text_is_a_fault_or_a_line(spec: str) -> None:
    """No text raises."""
    assert isinstance(parse_fault(spec), Success | Failure)


def test_every_effect_of_the_help_text_is_right() -> None:
    """The examples of the grammar are faults, with numbers for SECONDS and CODE."""
    examples = [line.split()[0] for line in GRAMMAR.splitlines() if ":" in line.split()[0]]
    assert len(examples) == 5
    for example in examples:
        spec = example.replace("SECONDS", "1").replace("CODE", "1")
        assert isinstance(parse_fault(spec), Success), spec


def test_counts_are_per_command_and_start_when_the_fault_is_set() -> None:
    """`@2` strikes the second such command, and each fault has its own count."""
    plan = FaultPlan((Fault("reap_panes", Crash(), 2, 2),))
    assert plan.take("reap_panes") == ()
    assert plan.take("spawn_pool_window") == ()
    plan.add(Fault("reap_panes", Delay(1), 1, 2))
    assert plan.take("reap_panes") == (Crash(), Delay(1))
    assert plan.take("reap_panes") == (Delay(1),)
    assert plan.take("reap_panes") == ()
