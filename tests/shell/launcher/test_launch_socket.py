"""A launcher whose socket's file goes while it runs, as a cleaner of old files would have it."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from tests.shell.launcher.children import run
from tests.shell.launcher.launches import Place
from tests.shell.launcher.parts import polled

from saga_shell.launcher.counts import read_counts

HOST = """
import os, socket, sys
peer = socket.socket(socket.AF_UNIX)
peer.connect(os.environ["AGENTMUX_LAUNCHER_PIPE"])
peer.sendall(b'{"cmd":"register","kind":"host","pid":%d,"version":"1"}\\n' % os.getpid())
heard = b""
while b'"registered"' not in heard:
    heard += peer.recv(65536)
with open(sys.argv[1], "a") as out:
    out.write(f"{os.getpid()}\\n")
while peer.recv(65536):
    pass
"""


def test_a_host_that_crashes_after_the_loss_is_restarted_and_connects(
    place: Place, short_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FACTS R-63: one that could not connect would spend the budget, and end the launcher."""
    monkeypatch.setattr("saga_shell.ipc.keeper.LOOK_SECONDS", 0.01)
    (short_dir / "host.py").write_text(HOST)
    told = short_dir / "told"
    told.touch()
    host = (sys.executable, str(short_dir / "host.py"), str(told))

    def pids() -> list[int]:
        return [int(line) for line in told.read_text().splitlines()]

    async def main() -> None:
        async with place.launched(host_command=host) as it:
            tool = await it.client("tool", 1)
            await polled(lambda: len(pids()) == 1)
            await asyncio.to_thread(place.socket.unlink)
            await polled(place.socket.exists)
            os.kill((await asyncio.to_thread(pids))[0], signal.SIGKILL)
            await polled(lambda: len(pids()) == 2)
            assert not it.ended.done()
            tool.say(cmd="ping", nonce=1)
            await tool.until(event="pong")

    run(main())
    counts = read_counts(place.data_dir).unwrap()
    assert counts is not None
    assert (counts.others["listened_anew"], counts.others["restarts"]) == (1, 1)
    assert not place.socket.exists()
