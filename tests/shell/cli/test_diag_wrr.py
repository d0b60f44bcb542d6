"""`diag wrr` against a real launcher with a scripted host, and against a scripted launcher."""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.shell.cli.peers import (
    ANSWERS,
    NO_EVENTS,
    REGISTERED,
    SNAPSHOT,
    Message,
    host,
    launcher_that_says,
)
from tests.shell.cli.terminal import (
    PROGRAM,
    Launcher,
    Ran,
    agentmux,
    here,
    launcher,
    one_line,
    report_of,
    schema_in_help,
)

from saga_shell.cli.diag.tool import Heard, Tool
from saga_shell.log import acquire

DEGRADED: Message = {
    "event": "log_degraded",
    "pending_records": 3,
    "error": "the disk is full",
    "version": 2,
}
RECOVERED: Message = {"event": "log_recovered", "records": 3, "version": 3}
TIMES = "\N{MULTIPLICATION SIGN}"
HANG_ON = "0.05"
"""Seconds that `diag wrr` listens where only its questions matter."""

LONG_ENOUGH = "60"
"""Seconds that it would listen, were it not for the launcher's end."""


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    """The schema in the command's help."""
    return schema_in_help("diag", "wrr")


@pytest.fixture
def running(data_dir: Path, runtime_dir: Path) -> Iterator[Launcher]:
    """A launcher without a host of its own, at its default socket."""
    assert runtime_dir.is_dir()
    deadline = "pool_respawn_on_promote=600"
    with launcher(data_dir, "--no-host", "--saga-timeout", deadline) as process:
        yield process


@contextmanager
def saga_in_flight(running: Launcher) -> Iterator[Message]:
    """A host with a window, and a saga that waits for it; the command that the host got."""
    with host(running.socket) as peer:
        peer.say(
            {"cmd": "report_pool_window_added", "label": "window-pool-1"},
            {"cmd": "report_window_opened", "label": "main", "kind": "full_instance"},
            {"cmd": "report_pool_window_promoted", "label": "window-pool-1"},
        )
        yield peer.until(cmd="spawn_pool_window")


def test_a_running_launcher_in_sections(running: Launcher, data_dir: Path) -> None:
    """FACTS 4.6, R-55: mirror, saga in flight, replay with `saga_started`, and our own coming."""
    with saga_in_flight(running) as command:
        ran = agentmux("diag", "wrr", "--data-dir", data_dir, "--seconds", "0.5")
    lines = ran.out.splitlines()
    assert (ran.code, ran.err) == (0, "")
    assert lines[0].startswith(f"Launcher: pid {running.process.pid}, version ")
    assert lines[1:12] == [
        f"Socket: {running.socket}",
        "",
        "=== Snapshot (event_version=8) ===",
        "Lifecycle: running",
        "Monitors (0): []",
        "Windows (1):",
        "  #1 main kind=full_instance hwnd=— visible=false iconic=false fg_seen=false backend=—",
        "Pool (1): [window-pool-1]",
        "",
        "=== Sagas (1 in flight, last 0 that ended) ===",
        f"  saga_id={command['saga_id']} name=pool_respawn_on_promote state=running",
    ]
    assert "=== EventList replay (event_version=8, 8 event(s)) ===" in lines
    assert any('"event":"saga_started"' in line for line in lines)
    stream = lines[lines.index("=== Live stream observed in 0.5s ===") :]
    assert stream[1:4] == ["By kind:", f"  1{TIMES} process_spawned", "Full stream (oldest first):"]
    assert stream[4].startswith('  [0] {"event":"process_spawned","pid":')


def test_it_says_goodbye(running: Launcher, data_dir: Path, schema: dict[str, Any]) -> None:
    """FACTS F-10: the tool of an earlier call is Exited, with code 0, when the next one looks."""
    arguments = ("diag", "wrr", "--data-dir", data_dir, "--seconds", HANG_ON, "--json")
    first, second = (report_of(agentmux(*arguments), schema) for _ in range(2))
    (came,) = first["live"]["events"]
    exits = [event for event in second["replay"]["events"] if event["event"] == "process_exited"]
    assert first["socket"] == str(running.socket)
    assert first["launcher_pid"] == running.process.pid
    assert [(gone["pid"], gone["code"]) for gone in exits] == [(came["pid"], 0)]


def test_it_hears_what_happens_meanwhile(
    running: Launcher, data_dir: Path, schema: dict[str, Any]
) -> None:
    """FACTS 4.6: a saga that starts and ends while it listens is in the live stream, in order."""
    with host(running.socket) as peer:
        where = ("--data-dir", str(data_dir))
        command = [*PROGRAM, "diag", "wrr", *where, "--seconds", "5", "--json"]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            peer.until(event="process_spawned", kind="tool")
            peer.say({"cmd": "report_pool_window_promoted", "label": "window-pool-1"})
            saga = peer.until(cmd="spawn_pool_window")["saga_id"]
            peer.say({"cmd": "report_pool_window_added", "label": "", "saga_id": saga})
            out = process.stdout.read().decode()
    live = report_of(Ran(process.returncode, out, ""), schema)["live"]
    assert [event["event"] for event in live["events"]] == [
        "process_spawned",
        "pool_window_promoted",
        "saga_started",
        "pool_window_added",
        "saga_completed",
    ]
    assert live["by_kind"] == dict.fromkeys(sorted(e["event"] for e in live["events"]), 1)
    assert (live["seconds"], live["ended"]) == (5.0, False)


def test_it_listens_for_two_seconds_unless_it_is_told() -> None:
    """FACTS 4.6: the default, as the help shows it."""
    assert re.search(
        r"--seconds \S+ .*\[default: 2\.0", here("diag", "wrr", "--help").out, re.DOTALL
    )


def test_diag_sagas_beside_the_same_launcher(running: Launcher, data_dir: Path) -> None:
    """FACTS R-48, F-37: the log tells of the saga in flight while its launcher goes on."""
    with saga_in_flight(running) as command:
        ran = agentmux("diag", "sagas", "--data-dir", data_dir)
    lines = ran.out.splitlines()
    assert (ran.code, ran.err) == (0, "")
    assert f"Launcher: running, pid {running.process.pid}" in lines
    saga = f"  saga_id={command['saga_id']} name=pool_respawn_on_promote state=running"
    assert saga in lines
    assert "      [step 0 is in flight]" in lines


def test_no_launcher(data_dir: Path, runtime_dir: Path) -> None:
    """FACTS 4.6: without a launcher it is one line with the socket's path, and exit code 1."""
    ran = agentmux("diag", "wrr", "--data-dir", data_dir)
    assert (ran.code, ran.out) == (1, "")
    said = one_line(ran.err)
    assert said.startswith(f"agentmux-launcher: no launcher answers on {runtime_dir}/agentmux/")
    assert "agentmux-launcher run" in said


def test_a_launcher_with_another_socket(data_dir: Path, runtime_dir: Path) -> None:
    """FACTS R-49, R-63: a launcher lives on the directory: it has another socket, or lost its own.

    Nobody can tell which from here, so the line claims neither.
    """
    assert runtime_dir.is_dir()
    lock = acquire(data_dir).unwrap()
    ran = here("diag", "wrr", "--data-dir", data_dir)
    lock.release()
    assert ran.code == 1
    assert one_line(ran.err).endswith(
        f": but one, process {os.getpid()}, runs on {data_dir}: if it was given another socket,"
        " name that with --socket, else its log lines say what is wrong with this one"
    )


def test_a_socket_that_cannot_be_one(runtime_dir: Path) -> None:
    """A path that no socket can have, and a missing data directory, are one line each."""
    long = here("diag", "wrr", "--socket", runtime_dir / ("x" * 200))
    nowhere = here("diag", "wrr", "--data-dir", runtime_dir / "nowhere")
    assert (long.code, nowhere.code) == (1, 1)
    assert "too long" in one_line(long.err)
    assert "check --data-dir" in one_line(nowhere.err)


def test_which_launcher(runtime_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FACTS 1.5: AGENTMUX_LAUNCHER_PIPE names the launcher if nothing else does; none is usage."""
    neither = here("diag", "wrr")
    assert (neither.code, "AGENTMUX_LAUNCHER_PIPE" in one_line(neither.err)) == (2, True)
    path = runtime_dir / "named.sock"
    monkeypatch.setenv("AGENTMUX_LAUNCHER_PIPE", str(path))
    with launcher_that_says(path, *ANSWERS) as heard:
        ran = here("diag", "wrr", "--seconds", HANG_ON)
    assert ran.code == 0
    assert [command["cmd"] for command in heard] == [
        "register",
        "get_snapshot",
        "get_events",
        "goodbye",
    ]
    assert (heard[0]["kind"], heard[0]["pid"], heard[2]["since"]) == ("tool", os.getpid(), 0)


def ask(runtime_dir: Path, *lines: Message | bytes, hang_up: bool = False) -> Ran:
    """What `diag wrr` says of a launcher that says `lines`."""
    path = runtime_dir / "scripted.sock"
    seconds = LONG_ENOUGH if hang_up else HANG_ON
    with launcher_that_says(path, *lines, hang_up=hang_up):
        return here("diag", "wrr", "--socket", path, "--seconds", seconds)


def test_the_last_snapshot_counts(runtime_dir: Path) -> None:
    """FACTS F-11: of two snapshots the later one is shown."""
    later = {**SNAPSHOT, "version": 9, "lifecycle": "quitting"}
    ran = ask(runtime_dir, REGISTERED, SNAPSHOT, NO_EVENTS, later)
    assert "=== Snapshot (event_version=9) ===\nLifecycle: quitting" in ran.out
    assert "event_version=4" in ran.out.split("=== EventList")[1]


def test_everything_that_a_snapshot_holds(runtime_dir: Path) -> None:
    """FACTS 4.6: monitors, handles, numbers, back end ids, and how sagas ended are shown."""
    window = {
        "label": "tab",
        "kind": "subwindow",
        "parent_label": "main",
        "hwnd": 170,
        "visible": True,
        "iconic": True,
        "last_rect": None,
        "foregrounded_since_open": True,
    }
    snapshot = {
        **SNAPSHOT,
        "windows": [window],
        "pool": ["a", "b\x1b[2J"],
        "instance_registry": [["tab", 3]],
        "backend_window_ids": [["tab", "9b1d"]],
        "monitors": [{"left": -800, "top": 0, "right": 1120, "bottom": 1080}],
        "sagas": [
            {"saga_id": 8, "name": "x", "state": "failed", "failure_reason": "saga timeout"},
        ],
    }
    lines = ask(runtime_dir, REGISTERED, snapshot, NO_EVENTS).out.splitlines()
    assert "Monitors (1): [1920x1080-800+0]" in lines
    assert (
        "  #3 tab kind=subwindow hwnd=170 visible=true iconic=true fg_seen=true backend=9b1d"
    ) in lines
    assert "Pool (2): [a, b\\x1b[2J]" in lines
    assert "=== Sagas (0 in flight, last 1 that ended) ===" in lines
    assert "  saga_id=8 name=x state=failed failure: saga timeout" in lines


def test_a_truncated_replay_is_said(runtime_dir: Path) -> None:
    """FACTS R-60: if the ring no longer held all, the replay says so."""
    ran = ask(runtime_dir, REGISTERED, SNAPSHOT, {**NO_EVENTS, "truncated": True})
    assert "  (older events are gone" in ran.out


def test_lines_that_cannot_be_read(runtime_dir: Path) -> None:
    """FACTS 4.6: unparsable lines are warned of on standard error; the report is whole."""
    odd = {"event": "brand_new", "version": 5}
    ran = ask(runtime_dir, b"no json", *ANSWERS, odd)
    warnings = ran.err.splitlines()
    assert ran.code == 0
    assert len(warnings) == 2
    assert all("a line that can't be read" in warning for warning in warnings)
    assert "unknown event 'brand_new'" in warnings[1]


@pytest.mark.parametrize(
    ("events", "degraded"),
    [((), False), ((DEGRADED,), True), ((DEGRADED, RECOVERED), False)],
    ids=["never", "now", "no longer"],
)
def test_a_degraded_log(runtime_dir: Path, events: tuple[Message, ...], degraded: bool) -> None:
    """FACTS R-44: the log is degraded if the newest word on it says so, in replay or live."""
    said = "Warning: the launcher can't write its saga log: the disk is full; 3 record(s) wait"
    replayed = ask(runtime_dir, REGISTERED, SNAPSHOT, {**NO_EVENTS, "events": list(events)})
    (runtime_dir / "scripted.sock").unlink()
    heard = ask(runtime_dir, *ANSWERS, *events)
    assert [said in ran.out for ran in (replayed, heard)] == [degraded, degraded]


@pytest.mark.parametrize(
    ("owns", "events", "says"),
    [
        (True, (), "the trouble; 9 record(s) wait in memory"),
        (True, (DEGRADED,), "the trouble; 9 record(s) wait in memory"),
        (True, (DEGRADED, RECOVERED), None),
        (False, (), None),
        (False, (DEGRADED,), "the disk is full; 3 record(s) waited in memory when that began"),
    ],
    ids=["ring is silent", "now", "no longer", "another's note", "another's note, now"],
)
def test_a_note_of_a_degraded_log(
    runtime_dir: Path, data_dir: Path, owns: bool, events: tuple[Message, ...], says: str | None
) -> None:
    """FACTS R-44: while the log fails, the launcher's own note tells how many records wait now."""
    lock = acquire(data_dir).unwrap()
    lock.note("the trouble; 9 record(s) wait in memory")
    path = runtime_dir / "scripted.sock"
    registered = {**REGISTERED, "launcher_pid": os.getpid() if owns else os.getpid() + 1}
    replay = {**NO_EVENTS, "events": list(events)}
    with launcher_that_says(path, registered, SNAPSHOT, replay):
        where = ("--socket", path, "--data-dir", data_dir)
        ran = here("diag", "wrr", *where, "--seconds", HANG_ON)
    lock.release()
    warnings = [line for line in ran.out.splitlines() if line.startswith("Warning: ")]
    expected = [] if says is None else [f"Warning: the launcher can't write its saga log: {says}"]
    assert (ran.code, warnings) == (0, expected)


def test_a_note_that_came_while_it_listened(
    runtime_dir: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FACTS R-44: the note is read last, so that it is as new as what was heard."""
    lock = acquire(data_dir).unwrap()
    registered = {**REGISTERED, "launcher_pid": os.getpid()}
    listen = Tool.ask

    def ask_meanwhile(tool: Tool, version: str, seconds: float) -> Heard:
        lock.note("its disk is full; 1 record(s) wait in memory")
        return listen(tool, version, seconds)

    monkeypatch.setattr(Tool, "ask", ask_meanwhile)
    path = runtime_dir / "scripted.sock"
    with launcher_that_says(path, registered, SNAPSHOT, NO_EVENTS):
        ran = here("diag", "wrr", "--socket", path, "--data-dir", data_dir, "--seconds", HANG_ON)
    lock.release()
    assert (
        "Warning: the launcher can't write its saga log: its disk is full; 1 record(s)" in ran.out
    )


def test_a_launcher_that_turns_us_away(runtime_dir: Path) -> None:
    """FACTS 2.7: a fatal error is the one line, and exit code 1."""
    error = {
        "event": "error",
        "code": "already_registered",
        "message": "pid 1 is registered",
        "fatal": True,
        "version": 0,
    }
    ran = ask(runtime_dir, error, hang_up=True)
    assert (ran.code, ran.out) == (1, "")
    assert one_line(ran.err).endswith("turned us away: pid 1 is registered")


def test_a_launcher_that_hangs_up(runtime_dir: Path) -> None:
    """A launcher that ends before it answered is one line; afterwards, it is part of the report."""
    before = ask(runtime_dir, REGISTERED, hang_up=True)
    (runtime_dir / "scripted.sock").unlink()
    after = ask(runtime_dir, *ANSWERS, hang_up=True)
    assert (before.code, before.out) == (1, "")
    assert "hung up before it had answered" in one_line(before.err)
    assert after.code == 0
    assert "(the launcher ended the connection before that time was over)" in after.out


def test_a_launcher_that_does_not_answer(
    runtime_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A launcher that says nothing is given up after a while, with one line."""
    monkeypatch.setattr("saga_shell.cli.diag.tool.ANSWER_SECONDS", 0.05)
    monkeypatch.setattr("saga_shell.cli.diag.tool.GOODBYE_SECONDS", 0.05)
    ran = ask(runtime_dir)
    assert ran.code == 1
    assert "before it had answered" in one_line(ran.err)
