"""The parts of `agentmux-launcher bench` as a suite: a slow-down shows between two commits.

`pytest tests/benchmarks --benchmark-enable` measures; otherwise each runs once. To hold two commits
against each other, add `--benchmark-autosave`, then `--benchmark-compare`.
"""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from saga_core.agentmux import wire
from saga_core.agentmux.commands import ReportPanesReaped
from saga_core.agentmux.events import PanesReaped
from saga_shell.bench import exchange, reducer, story
from saga_shell.bench.logs import commit, fill, writing
from saga_shell.bench.place import Place, temporary
from saga_shell.bench.processes import play_host, serving
from saga_shell.bench.recovery import diag_seconds, start_seconds
from saga_shell.launcher.bus import Bus
from saga_shell.log import Synchronous


@pytest.fixture
def place() -> Iterator[Place]:
    """A place that goes when the test ends."""
    with temporary(None, lambda _: None) as somewhere:
        yield somewhere


@pytest.mark.parametrize("others", [10, 1_000, 10_000])
@pytest.mark.parametrize("name", list(reducer.STORIES))
def test_reducer(benchmark: BenchmarkFixture, name: str, others: int) -> None:
    """One saga through `step`, beside others in flight."""
    state = reducer.beside(reducer.with_host(), others)
    after, _, _ = benchmark(reducer.some_sagas, state, reducer.STORIES[name], 1)
    assert len(after.sagas) == others


def test_wire(benchmark: BenchmarkFixture) -> None:
    """One line in, one line out."""
    line = wire.encode(ReportPanesReaped("window-1", 1))

    def one_line() -> bytes:
        wire.decode_command(line)
        return wire.encode(PanesReaped("window-1", 7, 1))

    assert b"panes_reaped" in benchmark(one_line)


@pytest.mark.parametrize("in_flight", [1, 256])
@pytest.mark.parametrize("synchronous", ["full", "normal"])
def test_log(
    benchmark: BenchmarkFixture, synchronous: Synchronous, in_flight: int, place: Place
) -> None:
    """Sagas through the log writer, two groups after each other."""

    async def write(path: Path) -> int:
        async with writing(path, synchronous) as writer:
            for group in story.groups(2 * in_flight, in_flight):
                for records in story.hops(group):
                    await commit(writer, records)
            return writer.refused

    assert benchmark(lambda: asyncio.run(write(place.new()))) == 0


@pytest.mark.parametrize("in_flight", [1, 64])
def test_socket(benchmark: BenchmarkFixture, in_flight: int, place: Place) -> None:
    """Whole sagas, launcher and scripted host in two processes."""
    with exchange.running_launcher(place) as (_, socket):
        timing = benchmark(play_host, socket, in_flight, in_flight)
    assert timing.sagas == in_flight


def test_fanout(benchmark: BenchmarkFixture, place: Place) -> None:
    """Whole sagas while ten others listen."""
    with (
        exchange.running_launcher(place) as (_, socket),
        serving("saga_shell.bench.listeners", socket, 10) as listeners,
    ):
        benchmark(play_host, socket, 32, 32)
        assert listeners.poll() is None


@pytest.mark.parametrize("subscribers", [1, 50])
def test_publish(benchmark: BenchmarkFixture, subscribers: int) -> None:
    """One event on the bus, with nothing behind it."""
    sent: list[int] = []
    bus = Bus(lambda connection, _: sent.append(connection), lambda _: None)
    for connection in range(subscribers):
        bus.subscribe(connection)
    benchmark(bus.publish, PanesReaped("window-1", 7, 1))
    assert len(sent) % subscribers == 0


@pytest.mark.parametrize(("ended", "unresolved"), [(0, 200), (500, 0)])
def test_recovery(benchmark: BenchmarkFixture, ended: int, unresolved: int, place: Place) -> None:
    """The launcher's start, on a copy of a log as it was left."""
    left = place.new()
    asyncio.run(fill(left, ended, unresolved))

    def start() -> float:
        data_dir = place.new()
        shutil.copytree(left, data_dir)
        return start_seconds(data_dir, place.new_socket())

    assert benchmark(start) > 0


def test_diag(benchmark: BenchmarkFixture, place: Place) -> None:
    """`diag sagas` on a log with some history."""
    data_dir = place.new()
    asyncio.run(fill(data_dir, 500, 0))
    assert benchmark(diag_seconds, data_dir) > 0


def test_memory(benchmark: BenchmarkFixture, place: Place) -> None:
    """How large the file of a hundred finished sagas is; the time is beside the point."""
    size = benchmark(lambda: asyncio.run(fill(place.new(), 100, 0)).stat().st_size)
    benchmark.extra_info["bytes_per_saga"] = size / 100
    assert size > 0
