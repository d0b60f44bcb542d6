"""Every part, measured once at the smallest sizes, with real processes where it has some."""

import re
import socket
import threading
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from saga_shell.bench.failure import BenchFailed
from saga_shell.bench.parts import PARTS, runs_of
from saga_shell.bench.place import Place
from saga_shell.bench.processes import launcher, play_host, serving
from saga_shell.bench.scripted_host import Broken, ScriptedHost
from saga_shell.bench.sizes import Sizes

FIGURES = {
    "reducer": {"cleanup_10", "cleanup_bare_100", "respawn_100", "longest_step"},
    "log": {"log_full_1", "log_normal_16", "R", "W_16", "W_16_own_tables"},
    "socket": {
        "R_beside_1",
        "R_beside_1_p99",
        "W_16",
        "socket_16",
        "socket_1_p99",
        "echo_16_p50",
        "commits_per_saga_1",
    },
    "fanout": {"fanout_0", "fanout_1", "fanout_2"},
    "recovery": {"start_history_60", "diag_unresolved_20", "raw_updates_20"},
    "memory": {"process_per_saga", "state_per_saga", "file_per_cleanup", "texts_per_refill"},
    "load": {"full", "half_started_p99", "twice_whole_p50", "twice_held_back", "twice_lost"},
    "resources": {"memory_after_warm_up", "memory_growth", "tasks_more", "descriptors_more"},
}
RATIOS = {
    "reducer": {"cleanup_10 / cleanup_bare_10", "respawn_10 / respawn_100"},
    "log": {"log_full_1 / R", "log_full_16 / W_16", "log_full_16 / log_normal_16"},
    "socket": {
        "socket_1 / R",
        "socket_16 / W_16",
        "socket_16 / echo_16",
        "R_beside_1_p99 / R_beside_1_p50",
    },
    "fanout": {"fanout_1 / fanout_2"},
    "recovery": {"raw_updates_20 / start_unresolved_20", "diag_history_60 / diag_history_30"},
    "memory": {"process / state", "file / texts, cleanup"},
    "load": {"twice / full", "twice_memory / full_memory"},
    "resources": {"memory_at_end / memory_after_warm_up"},
}


@pytest.mark.parametrize("part", list(PARTS))
def test_a_part_measures_itself_and_its_limits(part: str, sizes: Sizes, told: list[str]) -> None:
    """DESIGN 6: each figure of a part stands beside its limit, and progress is told."""
    (run,) = runs_of(part, sizes, None, told.append)
    assert run.figures.keys() >= FIGURES[part]
    assert run.ratios.keys() >= RATIOS[part]
    # So few sagas may fit into memory that was free already.
    free = {"process_per_saga", "file_per_cleanup", "file_per_refill", "memory_growth"}
    none = ("_more", "_lost", "_twice", "_differ", "_held_back")
    assert all(
        one.value > 0
        for name, one in run.figures.items()
        if name not in free and not name.endswith(none)
    )
    assert all(re.match(f"{part}(, run 1 of 1)?: ", line) for line in told)
    assert told


def test_one_saga_alone_costs_its_steps_and_one_commit(sizes: Sizes) -> None:
    """DESIGN 5: with one in flight, exactly steps + 1 commits a saga, as seen from outside."""
    few = msgspec.structs.replace(sizes, in_flight=(1,))
    (run,) = runs_of("socket", few, None, lambda _: None)
    assert run.figures["commits_per_saga_1"].value == 3


def test_nothing_is_left_behind(sizes: Sizes, tmp_path: Path) -> None:
    """Files are put where they were wanted, and go with their run."""
    seen: list[list[str]] = []
    few = msgspec.structs.replace(sizes, in_flight=(16,), runs=2)
    runs = runs_of("log", few, tmp_path, lambda _: seen.append([*map(str, tmp_path.iterdir())]))
    assert len(runs) == 2
    assert all(seen)
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_does_not_start(place: Place) -> None:
    """A launcher that can't start is one line that says why."""
    data_dir = place.new()
    data_dir.write_text("no directory")
    with (
        pytest.raises(BenchFailed, match=r"saga_shell did not start: .*directory"),
        launcher(data_dir, place.new_socket()),
    ):
        pass


def test_a_host_without_a_launcher(place: Place) -> None:
    """A scripted host that can't play is one line that says why."""
    with pytest.raises(BenchFailed, match=r"the scripted host gave up: .*No such file"):
        play_host(place.new_socket(), 1, 1)


def test_a_subscriber_that_is_hung_up_on_is_noticed(place: Place) -> None:
    """A launcher that drops subscribers would be fast for nothing."""
    path = place.new_socket()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        thread = threading.Thread(target=_welcome_and_leave, args=(listening,))
        thread.start()
        with serving("saga_shell.bench.listeners", path, 1) as listeners:
            assert listeners.wait(30) == 1
        thread.join()


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        (b'{"event":"saga_failed","saga_id":1,"reason":"r","version":1}\n', "failed a saga"),
        (b'{"event":"error","code":"invalid_command"}\n', "refused a line"),
        (b"", "hung up"),
    ],
)
def test_a_launcher_that_misbehaves_ends_the_measurement(
    said: bytes, complaint: str, place: Place
) -> None:
    """A saga that failed must not count as a fast one."""
    path = place.new_socket()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        thread = threading.Thread(target=_misbehave, args=(listening, said))
        thread.start()
        with closing(ScriptedHost(path)) as host:
            host.register()
            with pytest.raises(Broken, match=complaint):
                host.play(1, 1)
        thread.join()


def _misbehave(listening: socket.socket, said: bytes) -> None:
    """Open windows as a launcher does; to the first that is closed, answer otherwise."""
    accepted, _ = listening.accept()
    with accepted, accepted.makefile("rb") as lines:
        for line in lines:
            if b"report_window_opened" in line:
                accepted.sendall(b'{"event":"window_instance_assigned"}\n')
            elif b"report_window_closed" in line:
                accepted.sendall(said)
                return


def _welcome_and_leave(listening: socket.socket) -> None:
    accepted, _ = listening.accept()
    with accepted:
        accepted.recv(1_000)
        accepted.sendall(b'{"event":"registered"}\n')
