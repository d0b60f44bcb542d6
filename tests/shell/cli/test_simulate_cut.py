"""What ends a simulation early: Ctrl-C, want of memory, the death of a process of a swarm."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from ctypes import c_bool
from pathlib import Path
from typing import Any

import pytest
from tests.shell.cli.terminal import PATIENCE_SECONDS, PROGRAM, here, one_line, ordinary

from saga_core.engine import links
from saga_core.simulate import Plan, Simulation
from saga_shell.cli.check import memory
from saga_shell.cli.simulate import command, running, swarm
from saga_shell.cli.simulate.report import report_of as report_of_runs
from saga_shell.cli.simulate.text import report_lines

pytestmark = pytest.mark.usefixtures("no_process_stays")

SHORT = ("simulate", "--steps", "300")


@pytest.fixture
def wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reducer that doesn't send again what was unanswered on an ended connection."""
    monkeypatch.setattr(links, "_unanswered", lambda *_: ())


def test_ctrl_c_ends_a_swarm_in_good_order() -> None:
    """DESIGN 6: the runs under way end early, what they found is told, and nobody complains."""
    arguments = ("simulate", "--swarm", "8", "--steps", "1000000", "--json")
    with subprocess.Popen(
        [*PROGRAM, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=ordinary(),
        start_new_session=True,
    ) as process:
        await_children(process.pid)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
    told = json.loads(out)
    assert (process.returncode, err) == (3, b"")
    assert (told["verdict"], told["cut"]) == ("undetermined", "interrupted")
    assert all(run["cut"] == "interrupted" for run in told["runs"])


def await_children(pid: int) -> None:
    """Wait until a process has begun a swarm: it has a worker beside multiprocessing's tracker."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    begun = time.monotonic()
    while len(children.read_text().split()) < 2:
        assert time.monotonic() < begun + PATIENCE_SECONDS
        time.sleep(0.05)


def test_a_killed_process_costs_the_swarm_one_seed() -> None:
    """DESIGN 6: as where memory ends: exit code 3; the other seeds are played, and it is told."""
    arguments = ("simulate", "--seed", "1", "--swarm", "4", "--steps", "3000", "--json")
    with subprocess.Popen(
        [*PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ordinary()
    ) as process:
        os.kill(begun_worker(process.pid), signal.SIGKILL)
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
    told = json.loads(out)
    assert (process.returncode, err) == (3, b"")
    (lost,) = {1, 2, 3, 4} - {run["seed"] for run in told["runs"]}
    assert told["cut"] == f"seed {lost}: its process died: was there memory enough?"
    assert (told["verdict"], len(told["runs"])) == ("undetermined", 3)
    assert all(run["cut"] is None for run in told["runs"])


def begun_worker(pid: int) -> int:
    """Wait until a process of a swarm has read what it needs, and begins."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    begun = time.monotonic()
    while True:
        for child in map(int, children.read_text().split()):
            if "msgspec" in Path(f"/proc/{child}/maps").read_text():
                return child
        assert time.monotonic() < begun + PATIENCE_SECONDS
        time.sleep(0.01)


class Ending:
    """A pool whose runs end as they are told to, one after the other."""

    def __init__(self, ends: Iterator[Any]) -> None:
        self._ends = ends

    def submit(self, *_: object) -> "Future[Simulation]":
        """Play one."""
        run: Future[Simulation] = Future()
        match next(self._ends):
            case OSError() as error:
                raise error
            case Exception() as error:
                run.set_exception(error)
            case found:
                run.set_result(found)
        return run


def test_whatever_ends_a_process_of_a_swarm_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN 6: one that can't begin, one without memory, one that dies: the first is named."""
    fine = running.run_one(None, Plan(1, 200), lambda _: None)
    ends = iter([OSError(), MemoryError(), fine, BrokenProcessPool(), fine])
    monkeypatch.setattr(swarm._Swarm, "_pool", lambda _: Ending(ends))
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    told: list[Simulation] = []
    cut = swarm.run_swarm(None, Plan(5, 200), 5, told.append)
    assert told == [fine, fine]
    assert cut == "seed 5: its process died: was there memory enough?; and 2 more seed(s)"
    ends = iter([fine, MemoryError()])
    assert swarm.run_swarm(None, Plan(5, 200), 2, told.append) == "seed 6: out of memory"


@pytest.mark.usefixtures("wrong")
def test_what_broke_and_what_was_cut_are_both_told() -> None:
    """DESIGN 6: exit code 1 is that of a promise; what else there could be is not known."""
    run = running.run_one(None, Plan(5, 300, faults=frozenset({"disconnect"})), lambda _: None)
    report = report_of_runs([run], 1.0, "seed 6: out of memory")
    assert report.verdict == "violated"
    assert "\n".join(report_lines(report)).endswith(" a second, cut (seed 6: out of memory)")


def test_a_runwithout_memory_is_told_as_far_as_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN 6: exit code 3, alone as in a swarm; little is left before nothing is."""
    monkeypatch.setattr(memory, "MARGIN_BYTES", float("inf"))
    ran = here(*SHORT)
    assert ran.code == 3
    assert "UNDETERMINED, cut (out of memory): nothing broke so far; " in ran.out
    monkeypatch.setattr(swarm, "_stop", None)
    assert swarm._run(None, Plan(1, 200)).cut == "out of memory"


@pytest.mark.usefixtures("wrong")
def test_want_of_memory_while_it_shrinks_leaves_the_finding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """DESIGN 6: what was found is told, with the command that repeats it."""
    monkeypatch.setattr(command, "shrink", without_memory)
    ran = here(*SHORT, "--seed", "5", "--fault", "disconnect")
    assert ran.code == 1
    assert "Repeat it: agentmux-launcher simulate --seed 5" in ran.out
    assert one_line(ran.err) == "simulate: out of memory: what broke was not shrunk"


@pytest.mark.parametrize("command", ["simulate", "check", "check-log"])
def test_want_of_memory_anywhere_else_is_one_line(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DESIGN 6: exit code 3, and what takes less."""
    log = [tmp_path] if command == "check-log" else []
    module = f"saga_shell.cli.{command.replace('-', '_')}.command"
    monkeypatch.setattr(f"{module}.scenario_of", without_memory)
    ran = here(command, *log)
    assert (ran.code, ran.out) == (3, "")
    assert one_line(ran.err).startswith(f"agentmux-launcher: {command}: out of memory: ")


def without_memory(*_: object) -> None:
    """What needs more memory than there is."""
    raise MemoryError


def interrupted(*_: object, **__: object) -> None:
    """What Ctrl-C comes into."""
    raise KeyboardInterrupt


def test_the_runs_that_began_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a run of a swarm found before Ctrl-C counts, what did not begin is left out."""
    told: list[Simulation] = []
    plan = Plan(1, 20_000)
    monkeypatch.setattr(swarm, "wait", interrupted)
    assert swarm.run_swarm(None, plan, 3, told.append) == "interrupted"
    assert all(run.cut is not None for run in told)


def test_a_swarm_that_found_nothing_is_told_too() -> None:
    """Ctrl-C before any run began leaves a report without runs."""
    report = report_of_runs([], 0.0, "interrupted")
    assert report.verdict == "undetermined"
    assert "0 seeds" in "\n".join(report_lines(report))


def test_a_process_of_a_swarm_looks_whether_it_is_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its run is cut by the process that began it; the collector rests meanwhile."""
    monkeypatch.setattr(swarm, "quiet_collector", lambda: None)
    monkeypatch.setattr(swarm, "_stop", None)
    assert swarm._run(None, Plan(1, 200)).cut is None
    swarm._begin(c_bool(True))
    assert swarm._run(None, Plan(1, 200)).cut == "interrupted"
