"""Logs that no run writes: which record is the first, why, and what was possible instead."""

from collections.abc import Callable

import pytest
from tests.core.check.logged.logbook import Logbook, edited, time_of

from saga_core.agentmux import PoolRespawn, WindowCleanup
from saga_core.check.logged import Dated, LoggedSaga

POOL, CLEANUP = PoolRespawn.NAME, WindowCleanup.NAME

Sagas = list[LoggedSaga]
Case = tuple[Callable[[Sagas], Sagas], tuple[int, int | None], str, str]
"""How a log is changed; saga and step of the first impossible record; why; one of the others."""


def _book(book: Logbook) -> Logbook:
    """Seven sagas, the first of which is in flight until a shutdown ends it with two others."""
    book.join()
    book.trigger(CLEANUP, POOL, CLEANUP).answer(3).refuse(2).answer(3)
    book.trigger(POOL, CLEANUP).deadline(4).answer(1).trigger(POOL).answer(6).trigger(POOL)
    return book.shut_down()


def _without(sagas: Sagas, saga_id: int) -> Sagas:
    return [saga for saga in sagas if saga.saga_id != saga_id]


def _dated(sagas: Sagas, saga_id: int, place: int, at: str) -> Sagas:
    def changed(saga: LoggedSaga) -> LoggedSaga:
        records = list(saga.records)
        records[place] = Dated(at, records[place].said)
        return LoggedSaga(saga_id, tuple(records))

    return [changed(saga) if saga.saga_id == saga_id else saga for saga in sagas]


def _words(sagas: Sagas, saga_id: int, place: int) -> tuple[str | None, ...]:
    return sagas[saga_id - 1].records[place].said.words


def _output(sagas: Sagas, place: int, old: str, new: str) -> Sagas:
    """The log with something else in an answer of saga 3."""
    return edited(sagas, 3, place, str(_words(sagas, 3, place)[0]).replace(old, new))


def _ended(sagas: Sagas, state: str, reason: str) -> Sagas:
    """The log with another end of saga 4."""
    return edited(edited(sagas, 4, 2, reason), 4, 3, state, reason)


RESTARTED = "launcher restarted while saga in state 'running'"
STEP = "the step that can come here writes"

CASES: dict[str, Case] = {
    "no such saga": (
        lambda sagas: edited(sagas, 1, 0, "no_such", "null"),
        (1, None),
        "no event opens such a saga with such an input",
        "pool_respawn_on_promote is triggered (pool_window_promoted) → saga 1 opened: ",
    ),
    "an input that it doesn't take": (
        lambda sagas: edited(sagas, 1, 0, CLEANUP, '{"closed_label":7}'),
        (1, None),
        "no event opens such a saga with such an input",
        "window_cleanup_cascade is triggered (window_closed) → saga 1 opened: ",
    ),
    "an input of another shape": (
        lambda sagas: edited(sagas, 1, 0, CLEANUP, '{"closed_label":"main","x":1}'),
        (1, None),
        f'{STEP} saga 1 opened: {CLEANUP}, input {{"closed_label":"main"}}',
        "window_cleanup_cascade is triggered",
    ),
    "the input of another run": (
        lambda sagas: edited(sagas, 3, 0, CLEANUP, '{"closed_label":"other"}'),
        (3, 0),
        f"{STEP} saga 3, step 0 opened: ",
        "window_cleanup_cascade is triggered (window_closed) → saga 3 opened: ",
    ),
    "another target": (
        lambda sagas: edited(sagas, 3, 1, _words(sagas, 3, 1)[0], "srv", _words(sagas, 3, 1)[2]),
        (3, 0),
        f"{STEP} saga 3, step 0 opened: issue_cmd_host_reap_panes, to host",
        "window_cleanup_cascade is triggered",
    ),
    "another name of a step": (
        lambda sagas: edited(sagas, 3, 1, "x", *_words(sagas, 3, 1)[1:]),
        (3, 0),
        f"{STEP} saga 3, step 0 opened: issue_cmd_host_reap_panes",
        "window_cleanup_cascade is triggered",
    ),
    "the command of another saga": (
        lambda sagas: edited(sagas, 3, 3, *_words(sagas, 1, 3)),
        (3, 1),
        (
            f"{STEP} saga 3, step 1 opened: issue_cmd_host_drain_pool_if_last, to host: "
            '{"cmd":"drain_pool_if_last","label":"main","saga_id":3}'
        ),
        "host answers reap_panes of saga 3 → saga 3, step 0 succeeded: ",
    ),
    "the answer to another saga": (
        lambda sagas: _output(sagas, 2, '"saga_id":3', '"saga_id":1'),
        (3, 0),
        "nothing that can happen here writes that",
        "host answers reap_panes of saga 3 → saga 3, step 0 succeeded: ",
    ),
    "an answer about another window": (
        lambda sagas: _output(sagas, 2, "main", "other"),
        (3, 0),
        "nothing that can happen here writes that",
        "the deadline of saga 3 passes → saga 3, step 0 failed: saga timeout; saga 3 failed: ",
    ),
    "an answer that is no event": (
        lambda sagas: edited(sagas, 3, 2, "{}"),
        (3, 0),
        "that is no event",
        "host reports a failure of reap_panes of saga 3 → saga 3, step 0 failed: ",
    ),
    "an answer that is no canonical line": (
        lambda sagas: _output(sagas, 2, '"main",', '"main", '),
        (3, 0),
        f"{STEP} saga 3, step 0 succeeded: ",
        "host answers reap_panes of saga 3",
    ),
    "an answer that is older than others": (
        lambda sagas: _output(sagas, 4, '"version":', '"version":1'),
        (1, 0),
        "versions grow, and 21 had been reached before",
        "host answers reap_panes of saga 1",
    ),
    "a step that was never opened": (
        lambda sagas: edited(sagas, 3, 1),
        (3, 0),
        f"{STEP} saga 3, step 0 opened: issue_cmd_host_reap_panes",
        "window_cleanup_cascade is triggered",
    ),
    "two pending steps": (
        lambda sagas: edited(sagas, 3, 2),
        (3, 1),
        "nothing that can happen here writes that",
        "host answers reap_panes of saga 3 → saga 3, step 0 succeeded: ",
    ),
    "a step of a saga that never opened": (
        lambda sagas: edited(sagas, 3, 0),
        (3, 0),
        "saga 3 is not in flight",
        "pool_respawn_on_promote is triggered (pool_window_promoted) → saga 3 opened: ",
    ),
    "a saga that is done and goes on": (
        lambda sagas: edited(sagas, 3, 5),
        (3, 1),
        "the step that writes it also writes saga 3 completed",
        "host answers drain_pool_if_last of saga 3, was_last false → saga 3, step 1 succeeded: ",
    ),
    "a record after the end": (
        lambda sagas: [
            LoggedSaga(s.saga_id, (*s.records, Dated(time_of(59), s.records[-1].said)))
            if s.saga_id == 2
            else s
            for s in sagas
        ],
        (2, None),
        "saga 2 is not in flight",
        "pool_respawn_on_promote is triggered (pool_window_promoted) → saga 8 opened: ",
    ),
    "a reason that nobody gives": (
        lambda sagas: edited(sagas, 4, 2, "saga timeouts"),
        (4, 0),
        "nothing that can happen here writes that",
        "the deadline of saga 4 passes → saga 4, step 0 failed: saga timeout; saga 4 failed: ",
    ),
    "two reasons": (
        lambda sagas: edited(sagas, 4, 3, "failed", "saga timeouts"),
        (4, None),
        f"{STEP} saga 4 failed: saga timeout",
        "the deadline of saga 4 passes",
    ),
    "a failed step of a completed saga": (
        lambda sagas: edited(sagas, 4, 3, "completed", None),
        (4, None),
        f"{STEP} saga 4 failed: saga timeout",
        "host answers spawn_pool_window of saga 4 → saga 4, step 0 succeeded: ",
    ),
    "a pending step of a failed saga": (
        lambda sagas: edited(sagas, 4, 2),
        (4, None),
        "nothing that can happen here writes that",
        "the deadline of saga 4 passes",
    ),
    "a drop without enough newer commands": (
        lambda sagas: _ended(sagas, "failed", "host pipe backpressure overflow"),
        (4, 0),
        "the buffer for host holds 2 command(s), and only 1 newer one(s) are pending",
        "spawn_pool_window of saga 4 waits too long for host → saga 4, step 0 failed: host unre",
    ),
    "a shutdown that spares others": (
        lambda sagas: _ended(sagas, "failed", "launcher shutting down"),
        (4, 0),
        "the step that writes it also writes saga 1, step 0 failed: launcher shutting down",
        (
            "the process is asked to end → saga 4, step 0 failed: launcher shutting down; "
            "saga 4 failed: launcher shutting down; and 4 record(s) of other sagas"
        ),
    ),
    "a recovery that spares others": (
        lambda sagas: _ended(sagas, "failed_compensation", RESTARTED),
        (4, 0),
        f"the step that writes it also writes saga 1, step 0 failed: {RESTARTED}",
        f"the process dies, starts and recovers → saga 4, step 0 failed: {RESTARTED}",
    ),
    "a shutdown that one survives for a while": (
        lambda sagas: _dated(_dated(sagas, 5, 2, time_of(50)), 5, 3, time_of(50)),
        (1, 1),
        "the step that writes it also writes saga 5, step 0 failed: launcher shutting down",
        "host answers drain_pool_if_last of saga 1, was_last true → saga 1, step 1 succeeded: ",
    ),
    "a shutdown that one ends otherwise in": (
        lambda sagas: edited(edited(sagas, 5, 2, "no"), 5, 3, "failed", "no"),
        (5, 0),
        "nothing that can happen here writes that",
        "the process is asked to end → saga 5, step 0 failed: launcher shutting down",
    ),
    "half of a step at another time": (
        lambda sagas: _dated(sagas, 3, 1, time_of(50)),
        (3, 0),
        ", at 2026-05-01T12:00:03+00:00",
        "window_cleanup_cascade is triggered",
    ),
    "an end at another time than its answer": (
        lambda sagas: _dated(sagas, 3, 5, time_of(50)),
        (3, None),
        f"{STEP} saga 3 completed, at 2026-05-01T12:00:06+00:00",
        "host answers drain_pool_if_last of saga 3, was_last true",
    ),
    "a saga that is missing where retention can't have reached": (
        lambda sagas: _without(sagas, 6),
        (7, None),
        (
            "ids follow each other while sagas are in flight, and the next one is 6; retention can't"
            " have removed it, since it leaves nothing that ended earlier"
        ),
        "pool_respawn_on_promote is triggered (pool_window_promoted) → saga 6 opened: ",
    ),
    "a row that no record leaves": (
        lambda sagas: edited(sagas, 4, 2, "odd"),
        (4, 0),
        "nothing that can happen here writes that",
        "the deadline of saga 4 passes",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_the_first_impossible_record_is_told(case: Case) -> None:
    """DESIGN 4: which record it is, why it can't follow, and what was possible there."""
    change, place, why, instead = case
    book = _book(Logbook(buffer_cap=2))
    report = book.check(change(book.sagas()))
    found = report.impossible
    assert found is not None
    assert report.verdict == "impossible"
    assert (found.saga_id, found.step_index) == place, found
    assert why in found.why
    assert any(line.startswith(instead) for line in found.instead), found.instead


STILL_POSSIBLE: dict[str, Callable[[Sagas], Sagas]] = {
    "nothing is changed": lambda sagas: sagas,
    "a peer may give any reason": lambda sagas: _ended(sagas, "failed", "host action failed: x"),
    "a deadline and an expiry look alike": lambda sagas: _ended(
        sagas, "failed", "host unreachable"
    ),
    "another version that nobody else had": lambda sagas: _output(
        sagas, 2, '"version":6', '"version":5'
    ),
    "a saga whose retention ended first": lambda sagas: _without(sagas, 2),
    "the last saga never was": lambda sagas: _without(sagas, 7),
    "a shutdown that a death cut short, and nobody came back": lambda sagas: [
        *sagas[:-1],
        LoggedSaga(7, sagas[-1].records[:-2]),
    ],
    "a saga that ran on when the log was read": lambda sagas: [
        LoggedSaga(s.saga_id, tuple(r for r in s.records if r.at < time_of(6))) for s in sagas[:3]
    ],
}


@pytest.mark.parametrize("change", STILL_POSSIBLE.values(), ids=STILL_POSSIBLE.keys())
def test_another_run_may_have_written_that(change: Callable[[Sagas], Sagas]) -> None:
    """DESIGN 4: what is another path of the graph is possible too."""
    book = _book(Logbook(buffer_cap=2))
    report = book.check(change(book.sagas()))
    assert report.verdict == "possible", report
