"""The parts by name, and how one of them is measured."""

from collections.abc import Callable, Mapping
from pathlib import Path

from saga_shell.bench import exchange, fanout, load, log, memory, recovery, reducer, resources
from saga_shell.bench.figures import Run
from saga_shell.bench.place import Place, Tell, temporary
from saga_shell.bench.sizes import Sizes

Measure = Callable[[Place], Run]
Prepare = Callable[[Sizes, Place], Measure]
"""Makes what all runs need, and returns what measures one of them."""


def _without_preparation(measure: Callable[[Sizes, Place], Run]) -> Prepare:
    return lambda sizes, _: lambda place: measure(sizes, place)


PARTS: Mapping[str, Prepare] = {
    "reducer": reducer.prepare,
    "log": _without_preparation(log.measure),
    "socket": _without_preparation(exchange.measure),
    "fanout": _without_preparation(fanout.measure),
    "recovery": recovery.prepare,
    "memory": _without_preparation(memory.measure),
    "load": _without_preparation(load.measure),
    "resources": _without_preparation(resources.measure),
}


def runs_of(part: str, sizes: Sizes, directory: Path | None, tell: Tell) -> list[Run]:
    """Measure a part `sizes.runs` times, each in a place of its own under `directory`.

    `tell` gets a few words whenever something else is measured. Raises `BenchFailed`, and
    `OSError` where files can't be written.
    """
    with temporary(directory, lambda doing: tell(f"{part}: {doing}")) as prepared:
        measure = PARTS[part](sizes, prepared)
        return [
            _run(measure, directory, f"{part}, run {number} of {sizes.runs}", tell)
            for number in range(1, sizes.runs + 1)
        ]


def _run(measure: Measure, directory: Path | None, name: str, tell: Tell) -> Run:
    with temporary(directory, lambda doing: tell(f"{name}: {doing}")) as place:
        return measure(place)
