"""The machine over the real shell: a shell that is wrong anywhere is found."""

import tempfile
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import settings
from tests.core.check.link_mutants import redelivery_forgotten
from tests.core.check.shop import SHOP
from tests.shell.rehearsal import wrong_shells as wrong
from tests.shell.testing.finding import LIVES, found_by

from saga_shell.testing import ShellMachine

TestShell = ShellMachine.TestCase
TestShell.settings = settings(max_examples=25, stateful_step_count=40, deadline=None)

FOUND: dict[wrong.Wrong, str] = {
    wrong.timer_not_cancelled: "step by step, at move ",
    wrong.hears_on_after_its_end: "step by step, at move ",
    wrong.an_event_is_lost: "step by step, at move ",
    wrong.commits_less: "step by step, at move ",
    wrong.open_sagas_overlooked: "step by step, at move ",
    wrong.ids_from_the_start: "step by step, at move ",
    wrong.never_fires: "step by step, at move ",
    wrong.ends_with_a_bug: "step by step, at move ",
    wrong.hurries_badly: "in a hurry, at move ",
}


@pytest.mark.parametrize("patched", FOUND, ids=wrong.name_of)
def test_a_wrong_shell_is_found(patched: wrong.Wrong, monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN 1: the first difference from the reducer ends a life, and its report tells it."""
    patched(monkeypatch)
    assert found_by(ShellMachine).startswith(FOUND[patched])


class Outages(ShellMachine):
    """Lives in which the log fails more often than anything else."""

    faults: ClassVar[frozenset[str]] = frozenset({"log"})


@pytest.mark.parametrize(
    "patched", [wrong.retries_are_forgotten, wrong.never_well_again], ids=wrong.name_of
)
def test_a_wrong_shell_is_found_in_an_outage(
    patched: wrong.Wrong, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FACTS R-44: a subclass may say what goes wrong, and so find it sooner."""
    patched(monkeypatch)
    assert found_by(Outages).startswith("step by step, at move ")


def test_a_wrong_reducer_is_found_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN 4: a life that breaks a promise is not performed any further."""
    redelivery_forgotten(monkeypatch)
    assert found_by(ShellMachine).startswith("promise dispatch is broken: ")


def test_another_application_is_refused() -> None:
    """DESIGN 6: one line says what to do."""

    class Machine(ShellMachine):
        scenario = SHOP

    with pytest.raises(TypeError) as refused:
        found_by(Machine)
    assert str(refused.value) == "Machine: the shell runs AgentMux, not Shop: make it a SagaMachine"


def test_nothing_is_left_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each life's files go with it, also those of a life that was cut off by what it found."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert found_by(ShellMachine, settings(LIVES, max_examples=5)) == ""
    wrong.dispatch_forgotten(monkeypatch)
    assert found_by(ShellMachine) != ""
    assert list(tmp_path.iterdir()) == []
