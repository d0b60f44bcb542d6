"""The launcher and its host as processes: how each may end, and that no pane is left behind."""

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.e2e.outside import PATIENCE_SECONDS, Peer, Place, Running, wait_until
from tests.files import whole_lines
from tests.processes import in_sessions_of, is_running, kill

from saga_shell.host.guard import ORPHAN_SECONDS

STUBBORN = """\
trap '' HUP TERM
set -m
sleep 1000 &
nohup sleep 1000 >/dev/null 2>&1 &
echo ready
while :; do sleep 1000; done
"""
"""What runs in each pane: a shell and two jobs that no SIGHUP ends."""

PROCESSES_OF_A_PANE = 4
PANES = 2
KILLED = "the host didn't end on SIGTERM and is killed"
TRIES = 5


class House:
    """A launcher with the reference host, whose panes are stubborn.

    `wrapped`: a shell with job control is in between. It takes from the host what the kernel does
    for a stopped process whose launcher dies: it is continued then.
    """

    def __init__(self, place: Place, *, wrapped: bool = False) -> None:
        self._place = place
        script = place.directory / "stubborn.sh"
        script.write_text(STUBBORN)
        self._journal = place.directory / "panes.jsonl"
        place.environment["AGENTMUX_HOST_JOURNAL"] = str(self._journal)
        host = f"{sys.executable} -m saga_shell.host.main --grace 0.05 --shell '/bin/sh {script}'"
        if wrapped:
            wrapper = place.directory / "wrapper.sh"
            wrapper.write_text(f"set -m\n{host} &\nwait\n")
            host = f"/bin/sh {wrapper}"
        self.running: Running = place.start("--host-cmd", host).wait_until_listening()
        self.tool: Peer = place.connect()
        self.tool.register("tool", 7)
        wait_until(lambda: len(self.pane_processes()) >= PANES * PROCESSES_OF_A_PANE, "panes")

    def host(self) -> int:
        """The host that lives."""
        spawned = [m["pid"] for m in self.tool.events() if m.get("kind") == "host"]
        return int(spawned[-1])

    def pane_processes(self) -> list[int]:
        """Every living process in the session of a pane that was ever started."""
        entries = [json.loads(line) for line in whole_lines(self._journal)]
        return in_sessions_of({e["pid"] for e in entries if e["event"] == "pane_started"})

    def wait_until_empty(self, *pids: int) -> None:
        """No process of any pane is left, nor any of `pids`."""
        wait_until(
            lambda: not self.pane_processes() and not any(map(is_running, pids)), "an empty house"
        )


@pytest.fixture
def house(place: Place) -> Iterator[House]:
    """One with two panes."""
    with house_at(place) as house:
        yield house


@contextmanager
def house_at(place: Place) -> Iterator[House]:
    """One whose panes end with the block, whatever became of them."""
    house = House(place)
    yield house
    for pid in house.pane_processes():
        kill(pid)


def test_a_clean_end_leaves_no_process(place: Place) -> None:
    """RELIABILITY 17: after a clean end its host and every process of its panes are gone.

    A host that a busy machine keeps from ending within 1.5 s is killed, which is another end.
    """

    def ended_in_time() -> bool:
        with house_at(place) as house:
            host = house.host()
            assert house.running.terminate() == 0
            assert not is_running(host)
            in_time = KILLED not in house.running.stderr()
            assert not in_time or house.pane_processes() == []
            return in_time

    assert any(ended_in_time() for _ in range(TRIES))


def test_a_host_that_hangs_is_killed_at_a_clean_end_and_its_panes_go(house: House) -> None:
    """FACTS 1.4: SIGTERM, 1.5 s, SIGKILL; what a killed host can't do its guard does."""
    host = house.host()
    os.kill(host, signal.SIGSTOP)
    assert house.running.terminate() == 0
    assert not is_running(host)
    house.wait_until_empty()
    assert KILLED in house.running.stderr()


def test_a_killed_launcher_takes_host_and_panes_along(house: House) -> None:
    """RELIABILITY 17: after SIGKILL of the launcher the host notices, ends its panes and itself."""
    host = house.host()
    house.running.kill()
    house.wait_until_empty(host)


def test_a_host_that_hangs_does_not_outlive_a_killed_launcher(place: Place) -> None:
    """RELIABILITY 17: it can't notice; its guard does, kills it and ends the panes."""
    house = House(place, wrapped=True)
    host = house.host()
    os.kill(host, signal.SIGSTOP)
    house.running.kill()
    wait_until(lambda: not is_running(host), "the end", ORPHAN_SECONDS + PATIENCE_SECONDS)
    house.wait_until_empty()


def test_a_killed_host_takes_its_panes_along_and_is_started_again(house: House) -> None:
    """RELIABILITY 17: no pane outlives its host; the next host has panes of its own."""
    host, before = house.host(), house.pane_processes()
    os.kill(host, signal.SIGKILL)
    wait_until(lambda: not any(map(is_running, before)), "the end of the panes")
    house.tool.until(event="process_spawned", kind="host")
    wait_until(lambda: len(house.pane_processes()) >= PROCESSES_OF_A_PANE, "new panes")


def test_launcher_and_host_killed_at_once_leave_no_pane(house: House) -> None:
    """RELIABILITY 17: whoever is killed first, no process of a pane is left."""
    host = house.host()
    os.kill(host, signal.SIGKILL)
    house.running.kill()
    house.wait_until_empty(host)


def host_script(place: Place, body: str) -> tuple[str, ...]:
    """The option that supervises a shell script; it notes each start with its arguments."""
    script = place.directory / "host.sh"
    script.write_text(f'echo "host $*" >> {place.directory / "starts"}\n{body}\n')
    return ("--host-cmd", f"/bin/sh {script}")


def starts(place: Place) -> list[str]:
    """The arguments of each start of that host."""
    lines = (place.directory / "starts").read_text().splitlines()
    return [line.removeprefix("host").strip() for line in lines]


@pytest.mark.parametrize("end", ["exit 0", "kill -INT $$", "kill -TERM $$", "kill -HUP $$"])
def test_a_host_that_ends_cleanly_ends_the_launcher(place: Place, end: str) -> None:
    """FACTS 1.4: exit 0 and these signals are clean: no restart, and the launcher exits with 0."""
    running = place.start(*host_script(place, end))
    assert running.process.wait(PATIENCE_SECONDS) == 0
    assert starts(place) == [""]


def test_a_host_that_crashes_again_and_again_ends_the_launcher_with_its_code(place: Place) -> None:
    """FACTS 1.4: three restarts in a minute, degraded from the same code's second time in a row."""
    running = place.start(*host_script(place, "exit 7"))
    assert running.process.wait(PATIENCE_SECONDS) == 7
    assert starts(place) == ["", "", "--disable-gpu", "--disable-gpu"]
    last = running.stderr().strip().splitlines()[-1]
    assert "the host ended with code 7 too often" in last


def test_a_degraded_host_works(place: Place) -> None:
    """FACTS 1.4: the reference host comes back with --disable-gpu, and sagas go on."""
    control = place.directory / "control"
    os.mkfifo(control)
    writing = os.open(control, os.O_RDWR | os.O_NONBLOCK)
    place.environment["AGENTMUX_HOST_CONTROL"] = str(control)
    running = place.start().wait_until_listening()
    tool = place.connect()
    tool.register("tool", 7)
    for restarts in (1, 2):
        os.write(writing, b"abort 9\n")
        wait_for_words(running, "the host was restarted", restarts)
    wait_for_words(running, "the host was restarted degraded", 1)
    wait_for_words(running, "degraded mode", 1)
    os.write(writing, b"promote\n")
    os.close(writing)
    tool.until(event="saga_completed")
    assert running.terminate() == 0


def wait_for_words(running: Running, words: str, times: int) -> None:
    """Wait until the launcher, or its host, has said this so often."""
    wait_until(lambda: running.stderr().count(words) >= times, f"{words} ({times})")
