"""How a launcher starts: what it takes, in which order, and how it says that it can't."""

import asyncio
import logging
import os
import stat
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from returns.result import Failure
from tests.shell.launcher.children import FOR_EVER, appears, run
from tests.shell.launcher.launches import Launched, Place, shell
from tests.shell.launcher.parts import Watch, open_log, poll

from saga_core.agentmux.commands import SpawnPoolWindow
from saga_core.agentmux.events import PoolWindowAdded
from saga_core.engine import Config, SagaClosed, SagaOpened, StepOpened, StepSucceeded
from saga_shell.launcher.launch import EVENT_LOG_NAME, _listen
from saga_shell.launcher.options import Exit

NAME = "pool_respawn_on_promote"


def test_a_launcher_listens_where_it_says(place: Place) -> None:
    """DESIGN 6: it announces its socket once it can be reached; the first client is served."""

    async def main() -> None:
        async with place.launched() as it:
            assert it.announced == [place.socket]
            assert await place.is_taken()
            client = await it.client("tool", 77)
            registered = client.heard[-1]
            assert registered["launcher_version"] == "9.8.7"
            assert registered["launcher_pid"] == os.getpid()
            assert await it.end() == Exit(0)
            assert len(it.announced) == 1
        assert not await place.is_taken()
        assert not place.socket.exists()

    run(main())


def test_its_own_socket_has_a_name_of_its_own(
    place: Place, short_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FACTS 1.5: by default 16 hex digits in the user's runtime directory, mode 0700."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short_dir))

    async def main() -> None:
        async with place.launched(socket=None) as it:
            (path,) = it.announced
            assert path.parent == short_dir / "agentmux"
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
            assert (len(path.stem), path.suffix) == (16, ".sock")
            await it.client("tool")

    run(main())


def left_by_a_crash(place: Place) -> None:
    """The rows of a launcher that died with sagas 1 and 3 in flight."""

    async def main() -> None:
        log = await open_log(place.log)
        for saga_id, label in enumerate("abc", 1):
            opened = SagaOpened(saga_id, NAME, f'{{"promoted_label":"{label}"}}')
            command = SpawnPoolWindow(saga_id)
            step = StepOpened(saga_id, 0, "issue_cmd_host_spawn_pool_window", "host", command)
            await log.commit([opened, step])
        answer = PoolWindowAdded("", 9, 2)
        await log.commit([StepSucceeded(2, 0, answer), SagaClosed(2, "completed", None)])
        await log.stop()

    asyncio.run(main())


def test_recovery_is_the_first_thing_that_anybody_hears_of(place: Place) -> None:
    """FACTS R-39, R-55: saga_failed for each dead saga, ids ascending, first in the ring."""
    left_by_a_crash(place)
    reason = "launcher restarted while saga in state 'running'"

    async def main() -> None:
        async with place.launched() as it:
            tool = await it.client("tool")
            tool.say(cmd="get_events", since=0)
            told = await tool.until(event="event_list")
            assert told["events"][:2] == [
                {"event": "saga_failed", "saga_id": 1, "reason": reason, "version": 1},
                {"event": "saga_failed", "saga_id": 3, "reason": reason, "version": 2},
            ]
            tool.say(cmd="get_snapshot")
            sagas = (await tool.until(event="snapshot"))["sagas"]
            assert sagas == [
                {"saga_id": saga_id, "name": NAME, "state": state, "failure_reason": why}
                for saga_id, state, why in [
                    (1, "failed_compensation", reason),
                    (2, "completed", None),
                    (3, "failed_compensation", reason),
                ]
            ]
            host = await it.client("host", 1)
            host.say(cmd="report_pool_window_promoted", label="d")
            assert (await host.until(event="saga_started"))["saga_id"] > 3
        steps = "SELECT state, failure_reason FROM launcher_saga_step WHERE saga_id IN (1, 3)"
        assert place.rows(steps) == [("failed", reason)] * 2

    run(main())


def test_recovery_is_one_line_however_many_sagas_it_settles(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    """FACTS 4.4: the operator reads how many there were; a saga that fails later has its line."""
    left_by_a_crash(place)

    async def main() -> None:
        async with place.launched() as it:
            host = await it.client("host", 1)
            host.say(cmd="report_pool_window_promoted", label="d")
            saga_id = (await host.until(kind="command"))["saga_id"]
            host.say(cmd="report_saga_action_failed", saga_id=saga_id, reason="no display")
            await host.until(event="saga_failed", saga_id=saga_id)

    run(main())
    said = [line for line in caplog.messages if "saga" in line and "failed" in line]
    assert len(said) == 2
    assert said[0].startswith("2 saga(s) were in flight when the last run died")
    assert said[1].endswith("failed: host action failed: no display")


def test_recovery_happens_once(place: Place) -> None:
    """FACTS 4.4: the next start finds nothing to recover, and says nothing."""
    left_by_a_crash(place)

    async def main() -> None:
        async with place.launched():
            pass
        async with place.launched() as it:
            tool = await it.client("tool")
            tool.say(cmd="get_events", since=0)
            told = await tool.until(event="event_list")
            assert [event["event"] for event in told["events"]] == ["process_spawned"]

    run(main())


def test_old_sagas_are_removed_at_the_start(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """FACTS 1.4: retention: what ended longer ago goes, and the operator is told how many."""

    async def main() -> None:
        async with place.launched() as it:
            host = await it.client("host")
            host.say(cmd="report_pool_window_promoted", label="w")
            host.say(cmd="report_pool_window_added", label="", saga_id=1)
            await host.until(event="saga_completed")
        async with place.launched(retention_days=1e-9) as it:
            with caplog.at_level(logging.INFO):
                await asyncio.to_thread(poll, lambda: "removed 1 old" in " ".join(caplog.messages))
        assert place.rows("SELECT count(*) FROM launcher_saga") == [(0,)]

    run(main())


def test_a_second_launcher_on_the_same_directory_is_refused(place: Place) -> None:
    """FACTS R-49: one line with the other's pid, exit 2; the first one notices nothing."""

    async def main() -> None:
        async with place.launched() as it:
            refused = await place.launch_and_wait(socket=place.socket.with_name("other"))
            assert refused.code == 2
            assert refused.line == (
                f"another launcher (pid {os.getpid()}) runs on {place.data_dir}: "
                "end it first, or use another directory with --data-dir"
            )
            await it.client("tool")

    run(main())


def test_a_second_launcher_on_the_same_socket_is_refused(place: Place, short_dir: Path) -> None:
    """FACTS F-44: another directory, one socket: exit 2, and the data directory is free again."""

    async def main() -> None:
        async with place.launched() as it:
            other = Place(short_dir / "other")
            refused = await place.launch_and_wait(data_dir=other.data_dir)
            assert refused.code == 2
            assert refused.line == (
                f"a launcher is running on {place.socket}: "
                "stop it, or use another --data-dir or --socket"
            )
            assert not await other.is_taken()
            await it.client("tool")

    run(main())


def test_a_data_directory_that_can_not_be_followed_is_one_line(
    place: Place, short_dir: Path
) -> None:
    """DESIGN 7: a data directory in a loop of links: exit 2, wherever it is noticed."""
    loop = short_dir / "loop"
    loop.symlink_to(loop)

    async def main() -> None:
        refused = await place.launch_and_wait(data_dir=loop)
        assert refused.code == 2
        assert refused.line is not None
        assert refused.line.startswith(f"directory {loop}/db can't be made (Too many levels")

    run(main())
    listening = _listen(replace(place.options, data_dir=loop, socket=None))
    assert isinstance(listening, Failure)
    assert listening.failure().startswith(f"data directory {loop}: ")


def test_a_damaged_log_is_one_line_and_exit_3(place: Place) -> None:
    """FACTS F-35, DESIGN 7: it never starts with an empty log instead; socket and lock are free."""
    place.log.parent.mkdir(parents=True)
    place.log.write_bytes(b"this is no database, whatever its name says" * 100)

    async def main() -> None:
        refused = await place.launch_and_wait()
        assert refused.code == 3
        assert refused.line is not None
        assert refused.line.startswith(f"saga log {place.log} is damaged")
        assert "\n" not in refused.line
        assert not place.socket.exists()
        assert not await place.is_taken()
        assert not (place.data_dir / EVENT_LOG_NAME).exists()

    run(main())


def test_a_host_that_does_not_exist_is_found_out_first(place: Place) -> None:
    """DESIGN 7: one line, exit 2; nothing was announced, taken or created."""

    async def main() -> None:
        async with place.launched(host_command=("no-such-host",)) as it:
            line = "can't start the host no-such-host: no such program: see --host-cmd"
            assert await it.ended == Exit(2, line)
            assert it.announced == []
        assert not place.data_dir.exists()

    run(main())


def test_a_host_that_can_not_be_run_ends_the_start_and_the_srv(
    place: Place, short_dir: Path
) -> None:
    """DESIGN 7: the program is there, but no system can run it: exit 2, and srv doesn't live on."""
    broken = short_dir / "host"
    broken.write_bytes(b"\x7fELF")
    broken.chmod(0o755)
    srv = ("/bin/sh", "-c", f"echo $$ > {short_dir}/pid; exec sleep 1000")

    async def main() -> None:
        async with place.launched(host_command=(str(broken),), srv_command=srv) as it:
            line = f"can't start the host {broken}: Exec format error: see --host-cmd"
            assert await it.ended == Exit(2, line)
            assert it.announced == []
        assert not place.socket.exists()

    run(main())
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_a_log_of_an_older_version_that_can_not_be_moved_is_used_where_it_is(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    """FACTS 1.4: the old path stays in use, and a warning says why."""
    old = place.data_dir / "launcher-sagas.db"

    async def main() -> None:
        async with place.launched():
            pass

    run(main())
    place.log.rename(old)
    (place.data_dir / "db" / "launcher-sagas.db-wal").mkdir()
    old.with_name("launcher-sagas.db-wal").write_bytes(b"")
    run(main())
    assert old.exists()
    assert any(line.startswith(f"saga log stays at {old}") for line in caplog.messages)


def test_children_are_told_where_the_launcher_is(place: Place, short_dir: Path) -> None:
    """FACTS 1.5: the socket's path and its name's hash in the environment."""
    script = f'echo "$AGENTMUX_LAUNCHER_PIPE $AGENTMUX_IPC_HASH" > {short_dir}/told; exit 0'

    async def main() -> None:
        async with place.launched(host_command=("/bin/sh", "-c", script)) as it:
            assert await it.ended == Exit(0)

    run(main())
    assert (short_dir / "told").read_text() == f"{place.socket} s\n"


def test_an_impostor_may_not_be_the_host(place: Place) -> None:
    """FACTS R-53: while a host is supervised nobody else may register as one; tools may."""

    async def main() -> None:
        async with place.launched(host_command=shell(FOR_EVER)) as it:
            impostor = await it.client()
            impostor.say(cmd="register", kind="host", pid=1, version="1")
            error = await impostor.until(event="error")
            assert (error["code"], error["fatal"], error["version"]) == ("invalid_command", True, 0)
            await impostor.until_end()
            await it.client("tool")

    run(main())


PEER = """
import os, socket, sys
peer = socket.socket(socket.AF_UNIX)
peer.connect(os.environ["AGENTMUX_LAUNCHER_PIPE"])
peer.sendall(b'{"cmd":"register","kind":"host","pid":%d,"version":"1"}\\n' % os.getpid())
heard = b""
while b'"registered"' not in heard and b'"error"' not in heard:
    heard += peer.recv(65536)
with open(sys.argv[1], "wb") as out:
    out.write(heard.splitlines()[-1] + b"\\n")
peer.recv(1)
"""


def test_the_supervised_host_may_be_behind_a_wrapper(place: Place, short_dir: Path) -> None:
    """FACTS R-53: a shell script that starts the host is no impostor, nor is what it starts."""
    (short_dir / "peer.py").write_text(PEER)
    script = f"{sys.executable} {short_dir}/peer.py {short_dir}/heard & wait"

    async def main() -> None:
        async with place.launched(host_command=("/bin/sh", "-c", script)) as it:
            assert '"event":"registered"' in await appears(short_dir / "heard")
            assert await it.end() == Exit(0)

    run(main())


def test_overrides_of_bounds_reach_the_reducer(place: Place) -> None:
    """DESIGN 6: a frame's expiry of 50 ms fails a saga whose host is gone, by its own timer."""

    async def main() -> None:
        async with place.launched(config=Config(frame_expiry_seconds=0.05)) as it:
            host, tool = await it.client("host", 1), await it.client("tool", 2)
            host.say(cmd="report_pool_window_promoted", label="w")
            host.say(cmd="goodbye")
            failed = await tool.until(event="saga_failed")
            assert failed["reason"] == "host unreachable"

    run(main())


def test_a_stop_during_the_start_ends_it(place: Place) -> None:
    """DESIGN 6: SIGTERM may come at any time; nothing is left, and the end is a clean one."""

    async def main() -> None:
        launched = Launched(place.options, Watch())
        launched.stop.set()
        assert await launched.ended == Exit(0)
        assert not place.socket.exists()

    run(main())
