"""Peers of the command line: a scripted host, and a scripted launcher for `diag wrr`."""

import json
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.shell.cli.terminal import PATIENCE_SECONDS

Message = dict[str, Any]

REGISTERED: Message = {
    "event": "registered",
    "client_id": 1,
    "launcher_pid": 999,
    "launcher_version": "0.33.700",
    "version": 1,
}
SNAPSHOT: Message = {
    "event": "snapshot",
    "version": 4,
    "lifecycle": "running",
    "windows": [],
    "pool": [],
    "instance_registry": [],
    "backend_window_ids": [],
    "monitors": [],
    "sagas": [],
}
NO_EVENTS: Message = {"event": "event_list", "events": [], "version": 4}
ANSWERS = (REGISTERED, SNAPSHOT, NO_EVENTS)


class Peer:
    """One end of a connection that speaks lines of JSON."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE_SECONDS)
        self._connection = connection
        self._lines = connection.makefile("rb")

    def say(self, *messages: Message | bytes) -> None:
        """Send lines."""
        lines = [
            message if isinstance(message, bytes) else json.dumps(message).encode()
            for message in messages
        ]
        self._connection.sendall(b"".join(line + b"\n" for line in lines))

    def hear(self) -> Message | None:
        """The next line; None at the end."""
        line = self._lines.readline()
        return json.loads(line) if line else None

    def until(self, **fields: object) -> Message:
        """The next line with these fields."""
        while (heard := self.hear()) is not None:
            if fields.items() <= heard.items():
                return heard
        raise AssertionError(f"the connection ended before {fields}")

    def close(self) -> None:
        """Hang up."""
        self._lines.close()
        self._connection.close()


@contextmanager
def host(path: Path, pid: int = 4242) -> Iterator[Peer]:
    """A host that registered with the launcher at `path`."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(path))
    peer = Peer(connection)
    try:
        peer.say({"cmd": "register", "kind": "host", "pid": pid, "version": "1"})
        peer.until(event="registered")
        yield peer
    finally:
        peer.close()


@contextmanager
def launcher_that_says(
    path: Path, *lines: Message | bytes, hang_up: bool = False
) -> Iterator[list[Message]]:
    """A launcher that hears three commands, says `lines`, and hangs up: at once, or on goodbye.

    Yields what it hears.
    """
    heard: list[Message] = []
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        listening.settimeout(PATIENCE_SECONDS)
        serving = threading.Thread(target=_serve, args=(listening, lines, hang_up, heard))
        serving.start()
        yield heard
        serving.join(PATIENCE_SECONDS)


def _serve(
    listening: socket.socket,
    lines: Sequence[Message | bytes],
    hang_up: bool,
    heard: list[Message],
) -> None:
    connection, _ = listening.accept()
    peer = Peer(connection)
    try:
        while len(heard) < 3 and (command := peer.hear()) is not None:
            heard.append(command)
        peer.say(*lines)
        while not hang_up and (command := peer.hear()) not in (None, {"cmd": "goodbye"}):
            pass
        if not hang_up and command is not None:
            heard.append(command)
    finally:
        peer.close()
