"""The processes and files of one demo, and what can be done to them."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

SAGA_SHELL = (sys.executable, "-P", "-m", "saga_shell")
"""This program (`-P`: the present directory may hold modules of the same names)."""

PATIENCE_SECONDS = 15.0
"""How long any one thing may take before the demo gives up."""

REFILL_TIMEOUT_SECONDS = 2
"""The deadline of a refill in the demo, so that it can be met while people watch."""


LOOK_SECONDS = 0.05
"""How often something is looked at that can't tell by itself."""

T = TypeVar("T")


class GivenUp(Exception):  # noqa: N818 -- not an error of the demo's own code
    """Something did not happen in time; the text says what, in one line."""


def socket_in(directory: Path) -> Path:
    """Where the launchers of a demo in that directory listen."""
    return directory / "socket"


class Stage:
    """One data directory on which launchers run one after the other, each with its host."""

    def __init__(self, directory: Path) -> None:
        self.data_dir = directory / "data"
        self.socket = socket_in(directory)
        self._control_path = directory / "control"
        self._journal = directory / "panes.jsonl"
        self._stderr_path = directory / "stderr"
        os.mkfifo(self._control_path)
        self._control = os.open(self._control_path, os.O_RDWR | os.O_NONBLOCK)
        self._launcher: asyncio.subprocess.Process | None = None

    async def start_launcher(self) -> None:
        """Start the launcher with its host, and wait until it listens."""
        with self._stderr_path.open("ab") as stderr:
            self._launcher = await asyncio.create_subprocess_exec(
                *SAGA_SHELL,
                "run",
                *("--data-dir", str(self.data_dir)),
                *("--socket", str(self.socket)),
                *("--saga-timeout", f"pool_respawn_on_promote={REFILL_TIMEOUT_SECONDS}"),
                env=self._environment(os.environ),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=stderr,
            )
        assert self._launcher.stdout is not None
        said = await within(self._launcher.stdout.readline(), "the launcher did not listen")
        if not said.startswith(b"listening on "):
            raise GivenUp(f"the launcher did not start: {self.last_words()}")

    def act(self, actions: str) -> None:
        """Let the host's user do something."""
        os.write(self._control, actions.encode() + b"\n")

    async def kill_launcher(self) -> None:
        """SIGKILL, and wait until the panes are gone too: its host has to notice."""
        await self._end(signal.SIGKILL)
        await until(lambda: self.panes_alive() == 0, "the dead launcher's panes did not end")

    async def stop_launcher(self) -> int:
        """SIGTERM; the launcher's exit code.

        A host that is too slow to end is killed, and its guard needs a moment for its panes.
        """
        code = await self._end(signal.SIGTERM)
        with suppress(GivenUp):
            await until(lambda: self.panes_alive() == 0, "the panes did not end")
        return code

    def panes_started(self) -> int:
        """How many panes any host has started so far."""
        return len(self._pane_pids())

    def panes_alive(self) -> int:
        """How many of them still run."""
        return sum(is_alive(pid) for pid in self._pane_pids())

    def last_words(self) -> str:
        """The last line on standard error."""
        lines = self._stderr_path.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    async def close(self) -> None:
        """End what still runs."""
        if self._launcher is not None and self._launcher.returncode is None:
            await self._end(signal.SIGKILL)
        os.close(self._control)

    async def _end(self, how: signal.Signals) -> int:
        assert self._launcher is not None, "the launcher was started"
        self._launcher.send_signal(how)
        return await within(self._launcher.wait(), "the launcher did not end")

    def _environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        return {
            **environ,
            "AGENTMUX_HOST_CONTROL": str(self._control_path),
            "AGENTMUX_HOST_JOURNAL": str(self._journal),
        }

    def _pane_pids(self) -> list[int]:
        if not self._journal.exists():
            return []
        *whole, _ = self._journal.read_bytes().split(b"\n")
        entries = map(json.loads, whole)
        return [entry["pid"] for entry in entries if entry["event"] == "pane_started"]


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that only waits to be reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


async def within(awaited: Awaitable[T], what: str) -> T:
    """What `awaited` gives, unless it takes too long."""
    try:
        return await asyncio.wait_for(awaited, PATIENCE_SECONDS)
    except TimeoutError:
        raise GivenUp(f"{what} within {PATIENCE_SECONDS:g} s") from None


async def until(true: Callable[[], bool], what: str) -> None:
    """Look again and again, unless it takes too long."""
    deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    while not true():
        if asyncio.get_running_loop().time() > deadline:
            raise GivenUp(f"{what} within {PATIENCE_SECONDS:g} s")
        await asyncio.sleep(LOOK_SECONDS)
