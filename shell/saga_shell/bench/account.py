"""Keeping account of triggers: what became of each on the bus, and whether the log agrees."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import msgspec
from msgspec import Struct

ENDED = ("completed", "failed")


class Trigger(Struct):
    """One event that has to start one saga. Times are in seconds; 0 means that it has not been.

    `due`: when it should have been said. `starts` and `ends` count what the bus told; `state` is
    the last end.
    """

    number: int
    due: float
    started: float = 0.0
    ended: float = 0.0
    saga_id: int = 0
    starts: int = 0
    ends: int = 0
    state: str = ""


class Verdict(Struct, frozen=True):
    """How many triggers were not kept account of as they should be; all zero if nothing was lost.

    `lost`: no saga, or no end, on the bus or in the log. `twice`: more than one of it. `differ`:
    bus and log tell different ends.
    """

    lost: int
    twice: int
    differ: int


def judge(triggers: Iterable[Trigger], log: Path) -> Verdict:
    """Hold what the bus told of each trigger against the rows of `log`."""
    rows = _rows_by_number(log)
    lost = twice = differ = 0
    for trigger in triggers:
        of_it = rows.get(trigger.number, [])
        if len(of_it) > 1 or trigger.starts > 1 or trigger.ends > 1:
            twice += 1
        elif not (of_it and trigger.starts and trigger.ends and of_it[0][1] in ENDED):
            lost += 1
        elif of_it[0] != (trigger.saga_id, trigger.state):
            differ += 1
    return Verdict(lost, twice, differ)


def _rows_by_number(log: Path) -> dict[int, list[tuple[int, str]]]:
    """Each saga's id and state, by the number in the label that triggered it."""
    rows: defaultdict[int, list[tuple[int, str]]] = defaultdict(list)
    with closing(sqlite3.connect(log)) as connection:
        for saga_id, state, text in connection.execute(
            "SELECT saga_id, state, input_json FROM launcher_saga"
        ):
            (label,) = msgspec.json.decode(text, type=dict[str, str]).values()
            rows[int(label[1:])].append((saga_id, state))
    return rows
