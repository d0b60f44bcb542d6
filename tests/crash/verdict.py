"""Judging from the outside what a launcher left behind, and what the next one made of it."""

from tests.e2e.outside import Message, Peer, Place

OUTCOMES_TOLD = 256
"""How many sagas that ended a snapshot tells of (DESIGN 4)."""

RECOVERED = "launcher restarted while saga in state 'running'"


def brackets(messages: list[Message], event: str) -> dict[int, Message]:
    """The messages of that kind, by saga."""
    return {message["saga_id"]: message for message in messages if message.get("event") == event}


def judge(place: Place, before: Peer) -> None:
    """Hold a second run on the same data against what a subscriber of the first one heard."""
    place.launch()
    judge_next(place, before, frozenset())
    assert_ids_go_on(place, before)


def judge_next(place: Place, before: Peer, recovered_earlier: frozenset[int]) -> frozenset[int]:
    """The same for a next run that listens already; all sagas that were ever recovered."""
    after = place.connect()
    after.register("tool", 8)
    recovered = recovered_rows(place)
    assert_rows_are_settled(place)
    assert_same_story(place, before)
    assert_every_bracket_closes(before, after)
    assert_recovery_is_told(after, recovered - recovered_earlier)
    after.close()
    return recovered


def recovered_rows(place: Place) -> frozenset[int]:
    """The sagas that some start found in flight."""
    rows = place.rows("select saga_id from launcher_saga where state = 'failed_compensation'")
    return frozenset(saga_id for (saga_id,) in rows)


def assert_rows_are_settled(place: Place) -> None:
    """Nothing runs or pends, and the file is sound."""
    assert (
        place.rows("select * from launcher_saga where state in ('running', 'compensating')") == []
    )
    assert place.rows("select * from launcher_saga_step where state = 'pending'") == []
    assert place.rows("pragma integrity_check") == [("ok",)]
    assert place.rows("pragma foreign_key_check") == []


def assert_same_story(place: Place, before: Peer) -> None:
    """No announced saga without its row, no terminal on the bus that the log doesn't tell."""
    rows = {
        saga_id: (state, reason)
        for saga_id, state, reason in place.rows(
            "select saga_id, state, failure_reason from launcher_saga"
        )
    }
    assert brackets(before.heard, "saga_started").keys() <= rows.keys()
    for saga_id in brackets(before.heard, "saga_completed"):
        assert rows[saga_id] == ("completed", None)
    for saga_id, failed in brackets(before.heard, "saga_failed").items():
        assert rows[saga_id] == ("failed", failed["reason"])


def assert_every_bracket_closes(before: Peer, after: Peer) -> None:
    """The snapshot of the second run closes what the first one left open.

    It tells of the last 256 that ended; what ended before those is at least not in flight.
    """
    outcomes = {saga["saga_id"]: saga for saga in after.snapshot()["sagas"]}
    ended = brackets(before.heard, "saga_completed") | brackets(before.heard, "saga_failed")
    held = brackets(before.heard, "saga_started").keys() - ended.keys()
    for saga_id in held & outcomes.keys():
        assert outcomes[saga_id]["state"] != "running"
    assert held <= outcomes.keys() or len(outcomes) >= OUTCOMES_TOLD, held - outcomes.keys()


def assert_recovery_is_told(after: Peer, recovered: frozenset[int]) -> None:
    """Each saga that was in flight, and no other, has its `saga_failed` in the new run."""
    told = brackets(after.events(), "saga_failed")
    assert recovered <= told.keys()
    for saga_id, failed in told.items():
        assert (saga_id in recovered) == (failed["reason"] == RECOVERED)


def assert_ids_go_on(place: Place, before: Peer) -> None:
    """A new saga's id lies above every id that anybody saw."""
    seen = list(brackets(before.heard, "saga_started"))
    seen += [saga_id for (saga_id,) in place.rows("select saga_id from launcher_saga")]
    host = place.connect()
    host.register("host", 4243)
    host.say(cmd="report_pool_window_promoted", label="n")
    assert host.until(event="saga_started")["saga_id"] > max(seen, default=0)
