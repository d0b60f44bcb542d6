"""What a real host answers to the launcher's commands, and when."""

import asyncio
import os
from pathlib import Path

import pytest

from tests.shell.host.fake_launcher import compact, exit_of, fake_launcher, is_running


def test_spawn_is_answered_when_the_pane_lives() -> None:
    """FACTS R-21, R-57: the answer has the true label, and its shell runs on its own terminal."""

    async def main() -> None:
        async with fake_launcher() as launcher:
            host, peer = await launcher.ready()
            peer.command("spawn_pool_window", saga_id=42)
            added = await peer.got("report_pool_window_added", saga_id=42)
            pid = host.panes()[str(added["label"])]
            assert is_running(pid)
            assert os.getsid(pid) == pid
            assert str(Path(f"/proc/{pid}/fd/0").readlink()).startswith("/dev/pts/")
            assert added["label"] not in {line["label"] for line in peer.all("x")}

    asyncio.run(main())
