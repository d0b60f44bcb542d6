"""A launcher made of nothing but a Unix socket and lines of JSON, and real hosts run against it.

It shares no code with the host: what it sends and expects is typed from the wire tables.
"""

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.files import whole_lines
from tests.processes import pids

Line = dict[str, object]

STUBBORN = """\
trap '' HUP
set -m
sleep 1000 &
nohup sleep 1000 >/dev/null 2>&1 &
echo ready
while :; do sleep 1000; done
"""
"""A shell whose jobs have process groups of their own, and that no SIGHUP ends."""

PATIENCE = 60
"""Seconds after which a test that waits in vain fails."""

REGISTERED: Line = {
    "event": "registered",
    "client_id": 1,
    "launcher_pid": 999,
    "launcher_version": "0",
    "version": 3,
}
SNAPSHOT: Line = {
    "event": "snapshot",
    "version": 4,
    "lifecycle": "running",
    "windows": [],
    "pool": [],
    "instance_registry": [],
    "backend_window_ids": [],
    "monitors": [],
}


def compact(line: Line) -> bytes:
    """`line` as it goes over the wire, without the newline."""
    return json.dumps(line, separators=(",", ":")).encode()


@dataclass
class Peer:
    """One connection from a host: what it sent so far."""

    writer: asyncio.StreamWriter
    polite: bool
    raw: list[bytes] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    ended: bool = False

    @property
    def lines(self) -> list[Line]:
        """Everything that the host sent, in its order."""
        return [json.loads(line) for line in self.raw]

    def commands(self) -> list[object]:
        """The kinds of everything that the host sent, in its order."""
        return [line["cmd"] for line in self.lines]

    def all(self, cmd: str, **fields: object) -> list[Line]:
        """Every line of that kind with these fields."""
        wanted = {"cmd": cmd, **fields}.items()
        return [line for line in self.lines if wanted <= line.items()]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition` holds; it is asked again after each line and at the end."""
        while not condition():
            assert not self.ended, f"the host left; it had sent {self.raw}"
            self.changed.clear()
            await self.changed.wait()

    async def got(self, cmd: str, times: int = 1, **fields: object) -> Line:
        """Wait for the line of that kind with these fields; the `times`th one."""
        await self.until(lambda: len(self.all(cmd, **fields)) >= times)
        return self.all(cmd, **fields)[times - 1]

    async def at_end(self) -> None:
        """Wait until the host has closed its side."""
        while not self.ended:
            self.changed.clear()
            await self.changed.wait()

    def send(self, *lines: Line) -> None:
        """Send events, or anything else, to the host."""
        for line in lines:
            self.send_raw(compact(line) + b"\n")

    def send_raw(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(data)

    def command(self, cmd: str, **fields: object) -> None:
        """Send one command in its frame."""
        self.send({"kind": "command", "cmd": cmd, **fields})

    async def alive(self, nonce: int) -> None:
        """Wait until the host has dealt with everything sent so far."""
        self.command("probe_ui_thread", nonce=nonce)
        await self.got("report_ui_thread_alive", nonce=nonce)

    def take(self, line: bytes) -> None:
        """Note a line; a polite launcher answers the handshake."""
        self.raw.append(line)
        if self.polite:
            answer = {"register": REGISTERED, "get_snapshot": SNAPSHOT}.get(
                str(json.loads(line)["cmd"])
            )
            self.send(*([answer] if answer else []))
        self.changed.set()


@dataclass
class HostProcess:
    """A running `agentmux-host`, its words so far and its pane journal."""

    process: asyncio.subprocess.Process
    journal: Path
    said: list[str] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def pid(self) -> int:
        """The host's process id."""
        return self.process.pid

    def type(self, line: str) -> None:
        """Give one line of actions to standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")

    async def listen(self) -> None:
        """Take down what it says."""
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            self.said.append(line.decode().rstrip("\n"))
            self.changed.set()

    async def says(self, part: str, times: int = 1) -> str:
        """Wait for a line that contains `part`; the `times`th one."""
        while len(found := [line for line in self.said if part in line]) < times:
            self.changed.clear()
            await self.changed.wait()
        return found[times - 1]

    def panes(self, event: str = "pane_started") -> dict[str, int]:
        """The panes that the journal tells of: process ids by window label."""
        lines = map(json.loads, whole_lines(self.journal))
        return {line["label"]: line["pid"] for line in lines if line["event"] == event}

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to the host."""
        self.process.send_signal(number)


@dataclass
class FakeLauncher:
    """Listens on a socket; each host that connects becomes a `Peer`."""

    directory: Path
    polite: bool = True
    at_accept: bytes = b""
    """Sent to a host before anything was read from it."""
    server: asyncio.Server | None = None
    peers: "asyncio.Queue[Peer]" = field(default_factory=asyncio.Queue)
    hosts: list[HostProcess] = field(default_factory=list)
    listeners: list["asyncio.Task[None]"] = field(default_factory=list)

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self.directory / "s"

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one host."""
        peer = Peer(writer, self.polite)
        peer.send_raw(self.at_accept)
        self.peers.put_nowait(peer)
        try:
            while line := await reader.readline():
                peer.take(line.rstrip(b"\n"))
        except ConnectionError:
            pass
        finally:
            peer.ended = True
            peer.changed.set()
            writer.close()

    async def run(
        self,
        *options: str,
        env: Mapping[str, str] | None = None,
        stdin: int = asyncio.subprocess.PIPE,
        limit_open_files: int | None = None,
    ) -> HostProcess:
        """Run a host with these options."""
        journal = self.directory / f"journal-{len(self.hosts)}"
        settings = {
            "AGENTMUX_LAUNCHER_PIPE": str(self.socket),
            "AGENTMUX_HOST_JOURNAL": str(journal),
            **(env or {}),
        }
        program = (sys.executable, "-m", "saga_shell.host.main")
        limit = ("/bin/sh", "-c", 'ulimit -n "$0"; exec "$@"', str(limit_open_files))
        process = await asyncio.create_subprocess_exec(
            *(limit if limit_open_files else ()),
            *program,
            *options,
            env={**os.environ, **settings},
            stdin=stdin,
            stderr=asyncio.subprocess.PIPE,
        )
        host = HostProcess(process, journal)
        self.hosts.append(host)
        self.listeners.append(asyncio.create_task(host.listen()))
        return host

    async def host(
        self,
        *options: str,
        env: Mapping[str, str] | None = None,
        limit_open_files: int | None = None,
    ) -> tuple[HostProcess, Peer]:
        """Run a host that plays actions from its standard input, and its connection."""
        host = await self.run("--stdin", *options, env=env, limit_open_files=limit_open_files)
        return host, await self.peers.get()

    async def ready(
        self, *options: str, env: Mapping[str, str] | None = None
    ) -> tuple[HostProcess, Peer]:
        """As `host`, with the window `main` and one pool window open."""
        host, peer = await self.host(*options, env=env)
        await peer.got("report_window_opened", label="main")
        return host, peer

    async def end(self) -> None:
        """End what still runs, and see that no pane is left."""
        for host in self.hosts:
            if host.process.returncode is None:
                host.kill(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE):
            for host in self.hosts:
                await host.process.wait()
                for pid in host.panes().values():
                    await exit_of(pid)
            await asyncio.gather(*self.listeners)
        if self.server is not None:
            self.server.close()
        while not self.peers.empty():
            self.peers.get_nowait()


@asynccontextmanager
async def fake_launcher(
    *, polite: bool = True, at_accept: bytes = b""
) -> AsyncIterator[FakeLauncher]:
    """A listening launcher; all its hosts end with it."""
    with tempfile.TemporaryDirectory(prefix="host-") as directory:
        launcher = FakeLauncher(Path(directory), polite, at_accept)
        launcher.server = await asyncio.start_unix_server(launcher.accept, launcher.socket)
        try:
            async with asyncio.timeout(PATIENCE):
                yield launcher
        finally:
            await launcher.end()


async def exit_of(pid: int) -> None:
    """Wait until process `pid` has ended."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(pidfd, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(pidfd)
        os.close(pidfd)


def with_command_line_of(pid: int) -> list[int]:
    """The processes that look like `pid` in a list of processes, itself among them."""
    return [other for other in pids() if _command_line(other) == _command_line(pid)]


def stubborn_shell(directory: Path) -> str:
    """A `--shell` that runs `STUBBORN`."""
    script = directory / "stubborn.sh"
    script.write_text(STUBBORN)
    return f"/bin/sh {script}"


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def terminal_of(pid: int) -> str:
    """What process `pid` has as its standard input."""
    return str(Path(f"/proc/{pid}/fd/0").readlink())
