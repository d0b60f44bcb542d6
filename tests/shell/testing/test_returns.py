"""What an author's own machine finds: that compensation undid what it should (CHECKING.md)."""

from hypothesis import Phase, settings
from tests.core.check.returns import CARELESS, RETURNS
from tests.core.engine.order_app import Did
from tests.shell.testing.finding import LIVES, found_by

from saga_core.check.runs.stage import Taken
from saga_core.engine import Emit, SagaFailed
from saga_shell.testing import Life, SagaMachine


class ReturnsMachine(SagaMachine):
    """No order says that it is undone while something is reserved for it."""

    scenario = RETURNS

    def began(self, _life: Life) -> None:
        """Nothing is reserved."""
        self.reserved: set[int] = set()

    def followed(self, taken: Taken) -> None:
        """Keep track of what the bus told, and look at each order that fails."""
        for effect in taken.effects:
            match effect:
                case Emit(Did("reserve", _, saga_id)):
                    self.reserved.add(saga_id)
                case Emit(Did("release", _, saga_id)):
                    self.reserved.discard(saga_id)
                case Emit(SagaFailed(saga_id, "not shipped, and released")):
                    assert saga_id not in self.reserved, f"order {saga_id} is still reserved"
                case _:
                    pass


TestReturns = ReturnsMachine.TestCase
TestReturns.settings = settings(
    max_examples=50,
    stateful_step_count=30,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)


class Plain(SagaMachine):
    """No meaning of its own."""

    scenario = CARELESS


class Meaning(ReturnsMachine):
    """The same meaning for the wrong saga."""

    scenario = CARELESS


def test_what_a_saga_means_only_its_author_can_check() -> None:
    """DESIGN 1: a saga that undoes nothing keeps every promise; its author's invariant finds it."""
    assert found_by(Plain, settings(LIVES, max_examples=40)) == ""
    assert found_by(Meaning, LIVES).endswith(" is still reserved")
