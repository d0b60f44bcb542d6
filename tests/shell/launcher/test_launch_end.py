"""How a launcher ends: in which order, with which code, and that nothing of it is left."""

import asyncio
import gc
import json
import logging
import sys
import threading
from pathlib import Path

import pytest
from returns.result import Failure
from tests.shell.launcher.children import FOR_EVER, appears, run
from tests.shell.launcher.launches import Place, shell
from tests.shell.launcher.parts import poll

from saga_shell.ipc import Listener
from saga_shell.launcher.options import Exit


def open_files() -> list[str]:
    """What our descriptors are open on; sockets and pipes by their kind only."""
    gc.collect()
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found.append(str(entry.readlink()).partition(":[")[0])
        except FileNotFoundError:
            continue
    return sorted(found)


def test_nothing_is_left_of_a_launcher(place: Place) -> None:
    """FACTS 1.4: no task, thread, descriptor, socket, child or lock outlives a clean end."""
    files = open_files()
    threads = set(threading.enumerate())

    async def main() -> None:
        async with place.launched(host_command=shell(FOR_EVER), srv_command=shell(FOR_EVER)) as it:
            tools = [await it.client("tool", pid) for pid in range(1, 6)]
            tools[0].say_bytes(b"garbage\n")
            await tools[0].until(event="error")
            assert await it.end() == Exit(0)
            for tool in tools:
                await tool.until_end()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(main())
    poll(lambda: set(threading.enumerate()) <= threads)
    assert open_files() == files
    assert not place.socket.exists()
    assert sorted(path.name for path in place.data_dir.rglob("*")) == [
        "db",
        "launcher-counts.json",
        "launcher-events.log",
        "launcher-sagas.db",
        "launcher-sagas.lock",
    ]


WITNESS = """
import json, os, signal, socket, sqlite3, sys
peer = socket.socket(socket.AF_UNIX)
peer.connect(os.environ["AGENTMUX_LAUNCHER_PIPE"])
peer.sendall(b'{"cmd":"register","kind":"tool","pid":1,"version":"1"}\\n')
heard = b""
def testify(*_):
    global heard
    peer.setblocking(False)
    try:
        while data := peer.recv(65536):
            heard += data
    except BlockingIOError:
        pass
    rows = sqlite3.connect(sys.argv[1]).execute("SELECT state, failure_reason FROM launcher_saga")
    ends = [line for line in map(json.loads, heard.splitlines()) if line["event"] == "saga_failed"]
    with open(sys.argv[2], "w") as out:
        out.write(json.dumps({"rows": rows.fetchall(), "heard": ends}) + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, testify)
while b'"registered"' not in heard:
    heard += peer.recv(65536)
open(sys.argv[2] + ".up", "w").write("up\\n")
while True:
    signal.pause()
"""


def test_sagas_end_before_any_process_is_told_to_end(place: Place, short_dir: Path) -> None:
    """FACTS 1.4, R-16: a child's SIGTERM finds `launcher shutting down` on bus and in the log."""
    (short_dir / "witness.py").write_text(WITNESS)
    out = short_dir / "testimony"
    witness = (sys.executable, str(short_dir / "witness.py"), str(place.log), str(out))

    async def main() -> None:
        async with place.launched(srv_command=witness) as it:
            await appears(out.with_name("testimony.up"))
            host = await it.client("host")
            for label in ("a", "b", "c"):
                host.say(cmd="report_pool_window_promoted", label=label)
            await host.until(event="saga_started", saga_id=3)
            assert await it.end() == Exit(0)
            for saga_id in (1, 2, 3):
                failed = await host.until(event="saga_failed", saga_id=saga_id)
                assert failed["reason"] == "launcher shutting down"
            await host.until_end()

    run(main())
    testimony = json.loads(out.read_text())
    assert testimony["rows"] == [["failed", "launcher shutting down"]] * 3
    heard = [(line["saga_id"], line["reason"]) for line in testimony["heard"]]
    assert heard == [(saga_id, "launcher shutting down") for saga_id in (1, 2, 3)]


def test_a_host_that_ends_cleanly_ends_the_launcher_with_0(place: Place) -> None:
    """DESIGN 7: and the sagas in flight end as those of any shutdown."""

    async def main() -> None:
        host = ("/bin/sh", "-c", "exit 0")
        assert await place.launch_and_wait(host_command=host) == Exit(0)

    run(main())


def test_a_host_that_crashes_four_times_ends_the_launcher_with_its_code(place: Place) -> None:
    """FACTS 1.4: 3 restarts in 60 s; the launcher's code is the host's, and one line says why."""

    async def main() -> None:
        ended = await place.launch_and_wait(host_command=("/bin/sh", "-c", "exit 7"))
        assert ended == Exit(7, "the host ended with code 7 too often: see its output")

    run(main())


def test_a_socket_that_can_not_be_removed_is_told(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """FACTS F-44: the end is a clean one; the file that is left is named."""

    def stays(listener: Listener) -> Failure[str]:
        listener.sock.close()
        return Failure("the socket stays")

    monkeypatch.setattr(Listener, "release", stays)

    async def main() -> None:
        async with place.launched() as it:
            assert await it.end() == Exit(0)

    run(main())
    assert "the socket stays" in caplog.messages


def test_the_totals_are_told_at_the_end(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """RELIABILITY 11: every bound and every drop is counted, and the counts are said at the end."""

    async def main() -> None:
        async with place.launched() as it:
            tool = await it.client("tool")
            tool.say_bytes(b"garbage\n")
            await tool.until(event="error")

    with caplog.at_level(logging.INFO):
        run(main())
    assert caplog.messages[-1] == (
        "ended: 2 lines in, 1 rejected, 0 lines dropped, 0 slow peers ended, "
        "0 commands sent again, 0 records refused, 0 event log lines dropped"
    )
