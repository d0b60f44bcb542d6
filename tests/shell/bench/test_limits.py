"""The limits do the same work as what is held against them, and commits are counted right."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from pyrsistent import PMap, pmap

from saga_core.agentmux import WindowCleanup
from saga_core.engine import InFlight
from saga_core.engine.registry import Registry
from saga_shell.bench import bare_map, raw_sqlite, reducer, story
from saga_shell.bench.commits import Wal, between, wal_of
from saga_shell.bench.failure import BenchFailed
from saga_shell.bench.logs import commit, fill, writing
from saga_shell.bench.place import Place
from saga_shell.log import current_path

_SAGAS = """SELECT saga_id, name, state, input_json, failure_reason
    FROM launcher_saga ORDER BY saga_id"""
_STEPS = """SELECT saga_id, step_index, name, state, cmd_json, target, failure_reason
    FROM launcher_saga_step ORDER BY saga_id, step_index"""


def rows_of(log: Path) -> list[list[tuple[object, ...]]]:
    """What is in the file, but for times and versions."""
    with closing(sqlite3.connect(log)) as connection:
        return [connection.execute(query).fetchall() for query in (_SAGAS, _STEPS)]


def test_raw_sqlite_writes_the_rows_of_the_log(place: Place) -> None:
    """DESIGN 6: R and W are the same rows as the log writer's, without the launcher around them."""
    data_dir, raw = place.new(), place.new()
    log = asyncio.run(fill(data_dir, 5, 0))
    assert raw_sqlite.sagas_per_second(raw, 5, 2) > 0
    assert rows_of(raw) == rows_of(log)


def test_raw_recovery_writes_the_rows_of_a_recovery(place: Place) -> None:
    """DESIGN 6: the limit of the recovery resolves every unresolved saga, and its pending step."""
    log = asyncio.run(fill(place.new(), 0, 3))
    assert raw_sqlite.recovery_seconds(log, 3, "gone") > 0
    sagas, steps = rows_of(log)
    assert [(row[2], row[4]) for row in sagas] == [("failed_compensation", "gone")] * 3
    assert [(row[3], row[6]) for row in steps] == [("failed", "gone")] * 3


def test_uses_of_maps_are_counted_once() -> None:
    """A read that looks up by way of another read counts once, and only while counting."""
    large: PMap[int, str] = pmap(dict.fromkeys(range(10), "x"))
    with bare_map.counting(10) as counted:
        assert large.get(3) == "x"
        assert 4 in large
        small = pmap({1: "y"}).set(2, "z").discard(1)
        large.remove(5)
    assert large.get(3) == "x"
    assert dict.fromkeys([2]) == dict.fromkeys(key for key in (1, 2) if key in small)
    assert counted.touches(large=True) == bare_map.Touches(2, 0, 1)
    assert counted.touches(large=False) == bare_map.Touches(0, 1, 1)


def test_uses_of_the_registry_count_as_those_of_a_map() -> None:
    """DESIGN 6: the limit is a bare `PMap` in the registry's place."""
    flight = InFlight(WindowCleanup("main"), "cleanup")
    registry = Registry[InFlight]().set(1, flight)
    with bare_map.counting(1) as counted:
        registry = registry.set(2, flight).remove(1)
        assert registry[2] is registry.get(2)
        assert 1 not in registry
    assert counted.touches(large=True) == bare_map.Touches(3, 1, 1)


def test_the_bare_limit_is_what_was_counted() -> None:
    """DESIGN 6: the limit reads, sets and removes as often as the sagas did."""
    bare = bare_map.small_map("x")
    with bare_map.counting(1) as counted:
        bare_map.replay(bare_map.Touches(3, 2, 1), bare, 0, "y")
    assert counted.touches(large=True) == bare_map.Touches(3, 2, 1)


def test_the_measured_sagas_end() -> None:
    """What is measured are whole sagas: each opens, takes its steps, and leaves the registry."""
    start = reducer.beside(reducer.with_host(), 10)
    for saga in reducer.STORIES.values():
        state, seconds, steps = reducer.some_sagas(start, saga, 3)
        assert (state.counters.next_saga_id, len(state.sagas)) == (14, 10)
        assert seconds > 0
        assert steps == 3 * len(saga(1))


def test_commits_are_counted_in_the_wal(place: Place) -> None:
    """DESIGN 5: each transaction that the writer made durable is seen from outside, once."""

    async def count() -> list[int]:
        path = current_path(place.new())
        counts = []
        async with writing(path) as writer:
            for group in story.groups(6, 2):
                before = await asyncio.to_thread(wal_of, path)
                for records in story.hops(group):
                    await commit(writer, records)
                counts.append(between(before, await asyncio.to_thread(wal_of, path)))
        return counts

    assert asyncio.run(count()) == [story.HOPS] * 3


def test_a_count_across_a_checkpoint_is_refused() -> None:
    """A `-wal` that was begun anew has lost commits, so nothing is said of them."""
    with pytest.raises(BenchFailed, match="a checkpoint came in between"):
        between(Wal((1, 2), 7), Wal((2, 3), 1))


def test_an_empty_wal_has_no_commits(tmp_path: Path) -> None:
    """SQLite leaves an empty `-wal` behind a checkpoint at the end."""
    (tmp_path / "log-wal").write_bytes(b"")
    assert wal_of(tmp_path / "log") == Wal((0, 0), 0)
