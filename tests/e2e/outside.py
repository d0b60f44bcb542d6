"""The launcher as the world sees it: a process, a socket with lines of JSON, a database file.

Nothing of the project is imported here: peers are written from the tables of the protocol, so a
mistake in our own codec can't hide itself.
"""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

PATIENCE_SECONDS = 60.0
"""How long a test waits for what must come. A busy machine is late, and that proves nothing."""

UNHURRIED = (
    *("--saga-timeout", f"pool_respawn_on_promote={2 * PATIENCE_SECONDS:g}"),
    *("--saga-timeout", f"window_cleanup_cascade={2 * PATIENCE_SECONDS:g}"),
)
"""Deadlines that only a lost answer meets; a test about deadlines gives its own after these."""

Message = dict[str, Any]


class Peer:
    """A client that speaks raw lines. `heard` keeps every line that came, in order."""

    def __init__(self, path: Path) -> None:
        self.heard: list[Message] = []
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(PATIENCE_SECONDS)
        self._socket.connect(str(path))
        self._rest = b""
        self._looked = 0

    def say(self, **message: object) -> None:
        """Send one command, compact, keys in the order given."""
        self.say_bytes(json.dumps(message, separators=(",", ":")).encode() + b"\n")

    def say_bytes(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._socket.sendall(data)

    def register(self, kind: str, pid: int = 4242) -> Message:
        """Register and wait for `registered`."""
        self.say(cmd="register", kind=kind, pid=pid, version="0.33.700")
        return self.until(event="registered")

    def until(self, **wanted: object) -> Message:
        """The next message, not looked at yet, that has all these values."""
        return self.until_one(lambda message: wanted.items() <= message.items())

    def until_one(self, fits: Callable[[Message], bool]) -> Message:
        """The next message, not looked at yet, that fits."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            while self._looked < len(self.heard):
                self._looked += 1
                if fits(self.heard[self._looked - 1]):
                    return self.heard[self._looked - 1]
            if time.monotonic() > deadline or not self._receive():
                tail = self.heard[-5:]
                raise AssertionError(f"what was waited for never came; the last lines: {tail}")

    def has_heard(self, **wanted: object) -> bool:
        """Whether such a message has come, looked at or not."""
        return any(wanted.items() <= message.items() for message in self.heard)

    def until_end(self) -> None:
        """Read until the launcher closes the connection."""
        while self._receive():
            pass

    def events(self, since: int = 0) -> list[Message]:
        """What `get_events` tells."""
        self.say(cmd="get_events", since=since)
        listed: list[Message] = self.until(event="event_list")["events"]
        return listed

    def snapshot(self) -> Message:
        """What `get_snapshot` tells."""
        self.say(cmd="get_snapshot")
        return self.until(event="snapshot")

    def finish(self) -> None:
        """Say nothing more, but go on listening."""
        self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """End the connection from this side."""
        self._socket.close()

    def _receive(self) -> bool:
        try:
            data = self._socket.recv(1 << 16)
        except ConnectionResetError:
            return False
        *lines, self._rest = (self._rest + data).split(b"\n")
        self.heard += [json.loads(line) for line in lines]
        return bool(data)


class Running:
    """A launcher process. Its standard error goes to a file."""

    def __init__(self, place: "Place", arguments: Iterable[str]) -> None:
        self.stderr_path = place.directory / f"stderr-{time.monotonic_ns()}"
        with self.stderr_path.open("wb") as stderr:
            self.process = subprocess.Popen(
                [*place.program, "run", *place.where, *arguments],
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                env=place.environment,
            )

    def wait_until_listening(self) -> "Running":
        """Return once it printed where it listens."""
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        assert said.startswith("listening on "), f"{said!r}, {self.stderr()}"
        return self

    def stderr(self) -> str:
        """What it said on standard error so far."""
        return self.stderr_path.read_text()

    def kill(self) -> None:
        """End it with SIGKILL."""
        self.process.kill()
        self.process.wait(PATIENCE_SECONDS)

    def terminate(self) -> int:
        """End it with SIGTERM; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_SECONDS)

    def close(self) -> None:
        """End it, whatever it does."""
        if self.process.poll() is None:
            self.kill()
        assert self.process.stdout is not None
        self.process.stdout.close()


class Place:
    """Where a test's launchers live: one data directory, one socket path."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.data_dir = directory / "data"
        self.socket = directory / "s"
        self.program: tuple[str, ...] = (sys.executable, "-m", "saga_shell")
        self.environment = dict(os.environ)
        self.where: tuple[str, ...] = (
            "--data-dir",
            str(self.data_dir),
            "--socket",
            str(self.socket),
        )
        self._running: list[Running] = []
        self._peers: list[Peer] = []

    def launch(self, *arguments: str) -> Running:
        """Start a launcher without a host, and wait until it listens."""
        return self.start("--no-host", *arguments).wait_until_listening()

    def start(self, *arguments: str) -> Running:
        """Start a launcher."""
        running = Running(self, (*UNHURRIED, *arguments))
        self._running.append(running)
        return running

    def connect(self) -> Peer:
        """A new connection."""
        peer = Peer(self.socket)
        self._peers.append(peer)
        return peer

    def diag(self) -> Message:
        """What `diag sagas --json` tells, by saga id."""
        asked = subprocess.run(
            [*self.program, "diag", "sagas", "--data-dir", str(self.data_dir), "--json"],
            capture_output=True,
            text=True,
            check=True,
            timeout=PATIENCE_SECONDS,
        )
        told: Message = json.loads(asked.stdout)
        return told

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What the database says."""
        path = self.data_dir / "db" / "launcher-sagas.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            return database.execute(query).fetchall()

    def wait_for_rows(self, query: str, wanted: list[tuple[Any, ...]]) -> None:
        """Wait until the database says so."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (found := self.rows(query)) != wanted:
            assert time.monotonic() < deadline, f"{query}: {found}, not {wanted}"
            time.sleep(0.02)

    def end(self) -> None:
        """End all that was started here."""
        for peer in self._peers:
            peer.close()
        for running in self._running:
            running.close()


def wait_until(true: Callable[[], bool], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait for something that only polling can show."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"{what} never happened"
        time.sleep(0.02)
