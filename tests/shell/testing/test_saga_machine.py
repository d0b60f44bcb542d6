"""The machine for authors: a few lines find what is wrong with a saga."""

import builtins
import sys
from typing import Any, ClassVar

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from msgspec.structs import replace
from tests.core.check import link_mutants, mutants
from tests.core.check.returns import FORGETFUL, RETURNS
from tests.core.check.shop import DEAF, SHOP, Send
from tests.core.engine.order_app import Did, Placed, Shop
from tests.shell.testing.finding import LIVES, found_by

import saga_shell.testing
from saga_core.check.agentmux import SCENARIO
from saga_core.engine import Action, BusEvent, Saga, SagaContext, Wait
from saga_shell.testing import BrokenPromiseError, SagaMachine


class AgentMuxMachine(SagaMachine):
    """All that has to be said of AgentMux."""

    scenario = SCENARIO


class ShopMachine(SagaMachine):
    """All that has to be said of the shop."""

    scenario = SHOP


TestShop = ShopMachine.TestCase
TestShop.settings = settings(max_examples=25, stateful_step_count=40, deadline=None)


FOUND: dict[mutants.Mutant, str] = {
    link_mutants.cap_off_by_one: "I7",
    link_mutants.purge_forgotten: "I2",
    link_mutants.stale_expiry_accepted: "contracts",
    link_mutants.redelivery_forgotten: "dispatch",
    link_mutants.drained_backwards: "I7",
    link_mutants.failed_send_ignored: "completes",
    link_mutants.sent_over_an_older_one: "dispatch",
    mutants.claim_ignored: "I6",
    mutants.deadline_ignored: "ends",
    mutants.emit_before_log: "I3",
    mutants.foreign_answer_taken: "completes",
    mutants.ids_used_again: "I9",
    mutants.late_answer_stops: "contracts",
    mutants.outcome_forgotten: "bracket",
    mutants.recovery_forgets_to_start_afresh: "recovery",
    mutants.recovery_is_silent: "I1",
    mutants.steps_left_pending: "I4",
}


@pytest.mark.parametrize("mutant", FOUND, ids=lambda mutant: str(mutant.__name__))
def test_a_wrong_reducer_is_found(mutant: mutants.Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN 4: safety, recovery and liveness, each by the promise that breaks."""
    mutant(monkeypatch)
    assert found_by(AgentMuxMachine).startswith(f"promise {FOUND[mutant]} is broken: ")


@pytest.mark.parametrize("mutant", [link_mutants.drained_backwards, mutants.steps_left_pending])
def test_a_wrong_reducer_is_found_by_the_shop_too(
    mutant: mutants.Mutant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DESIGN 1: authors of other sagas get the same."""
    mutant(monkeypatch)
    assert found_by(ShopMachine).startswith(f"promise {FOUND[mutant]} is broken: ")


class Forgetful(Send, frozen=True):
    """Asks for both pieces of work, and does not notice that the second is done."""

    def on_event(self, event: BusEvent, context: SagaContext) -> tuple[Saga, Action]:
        """Wait on."""
        if isinstance(event, Did) and self.work == "ship":
            return self, Wait()
        return super().on_event(event, context)


def test_a_saga_that_never_ends_is_found() -> None:
    """DESIGN 4, liveness: its peers answer, and it waits on."""

    def opened(event: BusEvent) -> tuple[Saga, ...]:
        return (Forgetful(),) if isinstance(event, Placed) else ()

    class Machine(SagaMachine):
        scenario = replace(SHOP, application=Shop(opened))

    assert found_by(Machine).startswith("promise completes is broken: saga ")


def test_peers_whose_answers_are_of_no_use_are_found() -> None:
    """DESIGN 4, liveness: the scenario may be what is wrong."""

    class Machine(SagaMachine):
        scenario = DEAF

    assert found_by(Machine).startswith("promise completes is broken: saga ")


def test_compensation_is_no_finding_but_one_that_never_ends_is() -> None:
    """DESIGN 4, liveness: who was refused ends by failing, once it has undone what it did."""

    class Machine(SagaMachine):
        scenario = RETURNS

    class Wrong(SagaMachine):
        scenario = FORGETFUL

    assert found_by(Machine, settings(LIVES, max_examples=60)) == ""
    assert found_by(Wrong).startswith("promise completes is broken: saga ")


def test_a_report_tells_the_life(monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN 4: made as short as it gets: what broke, under which faults, and each move."""
    link_mutants.purge_forgotten(monkeypatch)
    shrunk = settings(LIVES, stateful_step_count=6, phases=(Phase.generate, Phase.shrink))
    with pytest.raises(BrokenPromiseError) as found:
        run_state_machine_as_test(AgentMuxMachine, settings=shrunk)
    first, faults, *moves = str(found.value).splitlines()
    assert first == "promise I2 is broken: ended sagas wait for host: (1,)"
    assert faults.startswith("faults that were switched on: ")
    assert moves[0] == "1. pool_respawn_on_promote is triggered"
    assert len(moves) == 2


def test_faults_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN 4: without crashes nothing recovers, so nothing is wrong with recovery."""
    mutants.recovery_is_silent(monkeypatch)

    class Machine(AgentMuxMachine):
        faults: ClassVar[frozenset[str]] = frozenset({"disconnect", "deadline"})

    assert found_by(Machine, settings(LIVES, max_examples=20)) == ""


class Nothing(SagaMachine):
    """A subclass that says nothing."""


class Earthquake(AgentMuxMachine):
    """A fault that there is not."""

    faults: ClassVar[frozenset[str]] = frozenset({"earthquake"})


@pytest.mark.parametrize(
    ("machine", "problem"),
    [
        (Nothing, "Nothing: say what it is about: `scenario`, a saga_core.check.Scenario"),
        (Earthquake, "Earthquake: there is no fault 'earthquake': it may be deadline, expiry, "),
    ],
)
def test_a_mistake_is_one_line(machine: type[SagaMachine], problem: str) -> None:
    """DESIGN 6: what is wrong with a subclass, and what to do."""
    with pytest.raises(TypeError) as refused:
        run_state_machine_as_test(machine)
    assert str(refused.value).startswith(problem)
    assert "\n" not in str(refused.value)


def test_without_hypothesis_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """DESIGN 8: Hypothesis comes with the extra `test`; a `Life` needs none."""
    original = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.split(".", maxsplit=1)[0] == "hypothesis":
            raise ImportError(f"No module named {name!r}")
        return original(name, *rest)

    for module in ("machine", "shell_machine"):
        monkeypatch.delitem(sys.modules, f"saga_shell.testing.{module}", raising=False)
        monkeypatch.delattr(saga_shell.testing, module, raising=False)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"pip install 'agentmux-launcher\[test\]'"):
        _ = saga_shell.testing.SagaMachine


def test_the_package_has_no_more_than_it_says() -> None:
    """Every name that it lists is there; any other is an `AttributeError`."""
    assert all(getattr(saga_shell.testing, name) for name in saga_shell.testing.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        _ = saga_shell.testing.Nonsense
