"""Strays and foreign answers, where an application does not take every saga's commands."""

from msgspec.structs import replace
from returns.result import Failure, Success
from tests.core.check.shop import SHOP, Send
from tests.core.engine.order_app import Do, Placed, Shop

from saga_core.check import Scope
from saga_core.check.runs.capsule import Cue
from saga_core.check.runs.scene import Scene
from saga_core.check.runs.stage import Stage
from saga_core.check.runs.strays import stray_event, strays
from saga_core.check.worlds.sent import Sent
from saga_core.engine import Action, BusEvent, Command, Done, Saga, SagaContext

ASKED = {"cmd": "do", "work": "reserve", "order": "book"}


class Picky(Shop):
    """A shop in which the work of a third saga is never taken."""

    def address(
        self, target: str, command: Command, saga_id: int
    ) -> Success[Command] | Failure[str]:
        """Refuse that saga's."""
        return Failure("too much") if saga_id == 3 else super().address(target, command, saga_id)


class Quick(Send, frozen=True):
    """A saga that asks nobody."""

    def start(self, _context: SagaContext) -> tuple[Saga, Action]:
        """Be done."""
        return self, Done()


def opened(event: BusEvent) -> tuple[Saga, ...]:
    """Two sagas, of which one is over at once."""
    return (Send(), Quick()) if isinstance(event, Placed) else ()


PICKY = replace(SHOP, application=Picky(opened))


def asked() -> tuple[Stage, Scene]:
    """A world in which the warehouse was asked by saga 1, saga 2 ended and 3 is the next."""
    stage = Stage(PICKY, Scope((("send", 2),), faults=frozenset({"foreign"})))
    here = stage.first()
    for cue in (Cue("connect", peer="warehouse", connection=1), Cue("trigger", saga="send")):
        taken = stage.play(here, cue)
        assert taken is not None
        here = taken.here
    return stage, here


def test_no_peer_answers_what_no_saga_can_ask() -> None:
    """FACTS R-10: of a saga whose command is refused there is nothing to answer, early or late."""
    stage, here = asked()
    kinds = {option.cue.move for option in stage.options.of(here)}
    assert "answer" in kinds
    assert "foreign" not in kinds
    late = {cue.saga_id for cue in strays(PICKY, here, (), ids=(2, 3)) if cue.event == "answer"}
    assert late == {2}


def test_strays_may_be_about_some_sagas_only() -> None:
    """DESIGN 4: in a long life all that there ever were would be too many."""
    _, here = asked()
    some = {cue.saga_id for cue in strays(PICKY, here, (), ids=(2,)) if cue.event == "deadline"}
    everyone = {cue.saga_id for cue in strays(PICKY, here, ()) if cue.event == "deadline"}
    assert (some, everyone) == ({2}, {0, 2, 3})


def test_a_foreign_saga_is_not_addressed_at_all() -> None:
    """FACTS R-10: a command that is known, for a saga whose commands are refused."""
    _, here = asked()
    assert here.state is not None
    known = Sent(3, "warehouse", Do("reserve", "book", 3))
    told = [cue for cue in strays(PICKY, here, (known,), ids=()) if cue.saga_id == 3]
    assert told == []


def test_a_stray_whose_command_says_another_saga_is_none() -> None:
    """A capsule's cue must agree with itself."""
    _, here = asked()
    cue = Cue(
        "foreign event",
        saga_id=9,
        peer="warehouse",
        connection=1,
        command=ASKED | {"saga_id": 9},
        event="answer",
    )
    assert stray_event(SHOP, here, cue) is not None
    assert stray_event(SHOP, here, replace(cue, command=ASKED | {"saga_id": 8})) is None
