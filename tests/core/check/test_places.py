"""What only a broken process leaves behind, and what only odd applications do."""

from typing import ClassVar

import pytest
from msgspec.structs import replace
from returns.result import Failure, Success
from tests.core.check import mutants
from tests.core.check.running import POOL, run, watch
from tests.core.check.shop import SHOP, opened
from tests.core.engine.order_app import Do, Placed, Shop

from saga_core.agentmux.commands import Ping, SpawnPoolWindow
from saga_core.check import ENDS, Limits, Scope
from saga_core.check.agentmux import SCENARIO, answers
from saga_core.check.search import Search
from saga_core.check.worlds.places import Places
from saga_core.check.worlds.rows import Down, Row
from saga_core.check.worlds.sent import Sent
from saga_core.check.worlds.view import readdressed
from saga_core.engine import (
    Action,
    BusEvent,
    Command,
    IssueCommand,
    Saga,
    SagaBase,
    SagaContext,
    Wait,
)


def broken_start(down: Down) -> str | None:
    """The promise that a start from this breaks."""
    places = Places(SCENARIO, Scope(POOL))
    broken = places.ways(places.dead(down)).broken
    return None if broken is None else broken[1].invariant


def test_an_end_that_was_heard_before_its_row_closed() -> None:
    """DESIGN 4: recovery would tell the end a second time; after an outage it was warned of."""
    row = Row(1, "pool_respawn_on_promote", (0,), ended=True)
    assert broken_start(Down(2, (row,))) == "bus"
    assert broken_start(Down(2, (replace(row, ended=False),))) is None
    assert broken_start(Down(2, (row,), excused=True)) is None


def test_an_announcement_without_a_row() -> None:
    """DESIGN 4: nobody will ever close that bracket; after an outage it was warned of."""
    assert broken_start(Down(2, lost=(1,))) == "bracket"
    assert broken_start(Down(2, lost=(1,), excused=True)) is None


class Idle(SagaBase, frozen=True):
    """A saga that awaits nothing, or works at home."""

    own: bool

    def name(self) -> str:
        """The kind of saga."""
        return "idle"

    def start(self, _context: SagaContext) -> tuple[Saga, Action]:
        """Do nothing, or something that the shop itself does."""
        if self.own:
            return self, IssueCommand("shop_self", Do("book", "book"))
        return self, Wait()

    def on_event(self, _event: BusEvent, _context: SagaContext) -> tuple[Saga, Action]:
        """Nothing is of interest."""
        return self, Wait()


@pytest.mark.parametrize("own", [True, False])
def test_sagas_that_await_no_peer(own: bool) -> None:
    """DESIGN 4: a saga that awaits no peer is checked like any other, and its deadline ends it."""
    idle = replace(SHOP, application=Shop(lambda event: (Idle(own),) * isinstance(event, Placed)))
    report = run((("send", 2),), idle, faults=frozenset({"deadline", "expiry", "crash"}))
    assert report.properties["I6"] == report.properties[ENDS] == "holds"
    found = report.counterexample
    assert found is not None
    assert found.promise == "completes"


class Choosy(Shop):
    """A shop whose peers take nothing from saga 2."""

    process: ClassVar[str] = "shop"

    def address(
        self, target: str, command: Command, saga_id: int
    ) -> Success[Command] | Failure[str]:
        """Saga 2 is refused."""
        if saga_id == 2:
            return Failure("saga 2 is refused")
        return super().address(target, command, saga_id)


def test_what_no_peer_takes() -> None:
    """FACTS R-10: a saga whose command is refused fails alone, and no answer can name it."""
    choosy = replace(SHOP, application=Choosy(opened))
    report = run((("send", 3),), choosy, faults=frozenset({"deadline", "foreign"}))
    assert "violated" not in {report.properties[name] for name in ("I1", "I2", "I6", "contracts")}


def test_a_contract_for_a_command_that_came_up_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN 4: states that were left before a command was known are held to it all the same."""
    search = Search(Places(SCENARIO, Scope(POOL)), Limits(), watch())
    assert search.run() is None
    mutants.late_answer_stops(monkeypatch)
    search.places.memo.holding.bit(Sent(9, "host", SpawnPoolWindow(9)))
    found = search.run()
    assert found is not None
    assert (found.violation.invariant, found.late) == ("contracts", True)


def test_the_host_answers_what_sagas_send() -> None:
    """FACTS 2.5: what no saga sends has no answer; to ask for one is a bug."""
    with pytest.raises(AssertionError, match="no saga sends"):
        answers(Ping(1))


def test_a_saga_is_named_anew_only_if_its_peer_takes_it_all_the_same() -> None:
    """DESIGN 4: an application that looks at the value of an id can't be reduced by names."""
    with pytest.raises(AssertionError, match="but not from saga 2: saga 2 is refused"):
        readdressed(replace(SHOP, application=Choosy(opened)), "warehouse", Do("ship", "book"), 2)
