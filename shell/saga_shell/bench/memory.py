"""`memory`: what a saga in flight costs the launcher's process, and a finished one the file.

Each is the difference between two sizes, so that what is there anyway doesn't count. Beside them
stands the least that they could be: the reducer's own values, and the texts in the rows.
"""

import asyncio
import sqlite3
import tracemalloc
from contextlib import closing
from pathlib import Path

from saga_shell.bench import story
from saga_shell.bench.figures import Run, at_most
from saga_shell.bench.logs import Whole, fill
from saga_shell.bench.place import Place
from saga_shell.bench.processes import launcher, resident_bytes
from saga_shell.bench.reducer import beside, with_host
from saga_shell.bench.scripted_host import ScriptedHost
from saga_shell.bench.sizes import Sizes

IN_PROCESS = at_most(2 * 1024)
IN_FILE = at_most(380)

_SAGA_TEXTS = """SELECT sum(length(name) + length(state) + length(started_at) + length(ended_at)
    + length(input_json)) FROM launcher_saga"""
_STEP_TEXTS = """SELECT sum(length(name) + length(state) + length(cmd_json) + length(target)
    + length(started_at) + length(ended_at) + length(output_json)) FROM launcher_saga_step"""


def measure(sizes: Sizes, place: Place) -> Run:
    """One run."""
    run, sagas = Run(), sizes.held
    place.tell(f"{sagas:,} sagas in flight")
    run.note("process_per_saga", _process_bytes(sagas, place), "bytes", IN_PROCESS)
    run.note("state_per_saga", _state_bytes(sagas), "bytes")
    run.compare("process / state", "process_per_saga", "state_per_saga")
    place.tell(f"{sagas:,} finished sagas")
    for name, whole in (("cleanup", story.cleanup), ("refill", story.refill)):
        _measure_file(run, name, whole, sagas, place)
    return run


def _process_bytes(sagas: int, place: Place) -> float:
    """What so many more cost, when as many are in flight already."""
    socket = place.new_socket()
    with launcher(place.new(), socket) as process, closing(ScriptedHost(socket)) as host:
        host.register()
        host.hold(range(sagas))
        before = resident_bytes(process.pid)
        host.hold(range(sagas, 2 * sagas))
        return (resident_bytes(process.pid) - before) / sagas


def _state_bytes(sagas: int) -> float:
    state = beside(with_host(), sagas)
    tracemalloc.start()
    try:
        grown = beside(state, 2 * sagas)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return held / (len(grown.sagas) - sagas)


def _measure_file(run: Run, name: str, whole: Whole, sagas: int, place: Place) -> None:
    fewer, more = (asyncio.run(fill(place.new(), count, 0, whole)) for count in (sagas, 2 * sagas))
    size = (more.stat().st_size - fewer.stat().st_size) / sagas
    run.note(f"file_per_{name}", size, "bytes", IN_FILE)
    run.note(f"texts_per_{name}", _texts(more) / (2 * sagas), "bytes")
    run.compare(f"file / texts, {name}", f"file_per_{name}", f"texts_per_{name}")


def _texts(log: Path) -> int:
    with closing(sqlite3.connect(log)) as connection:
        sums = (connection.execute(query).fetchone()[0] for query in (_SAGA_TEXTS, _STEP_TEXTS))
        return sum(sums)
