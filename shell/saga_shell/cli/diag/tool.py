"""A tool at the launcher's socket: it asks, listens for a while, and says goodbye (FACTS 4.6)."""

import os
import socket
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from msgspec import Struct
from returns.result import Failure, Success

from saga_core.agentmux.commands import GetEvents, GetSnapshot, Goodbye, Register
from saga_core.agentmux.events import Error, EventList, Registered, Snapshot
from saga_core.agentmux.wire import decode_event, encode
from saga_core.engine import BusEvent, Command

ANSWER_SECONDS = 10.0
"""How long the launcher may take to answer."""

GOODBYE_SECONDS = 2.0
"""How long the launcher may take to hang up."""

CHUNK_BYTES = 65_536


class Answers(Struct, frozen=True):
    """What the launcher answers to all that a tool asks."""

    registered: Registered
    snapshot: Snapshot
    replay: EventList


class Heard:
    """What the launcher said. The last snapshot counts: an older one may be another's (F-11).

    `live` is what came on the bus, `refusal` why the launcher hung up on us, `unreadable` what was
    wrong with lines that are no events, and `ended` whether the launcher went while we listened.
    """

    def __init__(self) -> None:
        self.live: list[BusEvent] = []
        self.refusal: str | None = None
        self.unreadable: list[str] = []
        self.ended = False
        self._registered: Registered | None = None
        self._snapshot: Snapshot | None = None
        self._replay: EventList | None = None

    @property
    def answers(self) -> Answers | None:
        """All answers; None while one is missing."""
        if self._registered is None or self._snapshot is None or self._replay is None:
            return None
        return Answers(self._registered, self._snapshot, self._replay)

    def take(self, line: bytes) -> None:
        """Sort in one line."""
        match decode_event(line):
            case Success(event):
                self._sort(event)
            case Failure(reason):
                self.unreadable.append(reason)

    def _sort(self, event: BusEvent) -> None:
        match event:
            case Snapshot():
                self._snapshot = event
            case EventList():
                self._replay = event
            case Registered():
                self._registered = event
            case Error(message=message, fatal=True):
                self.refusal = message
            case _:
                self.live.append(event)


class Tool:
    """One connection. Raises `OSError` if it can't be made or can't be written to."""

    def __init__(self, path: Path) -> None:
        self._lines: deque[bytes] = deque()
        self._parts: list[bytes] = []
        self._ended = False
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(ANSWER_SECONDS)
        try:
            self._socket.connect(os.fspath(path))
        except OSError:
            self._socket.close()
            raise

    def __enter__(self) -> "Tool":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def ask(self, version: str, seconds: float) -> Heard:
        """Ask all that there is to ask, listen until `seconds` are over, and say goodbye.

        The launcher may take `ANSWER_SECONDS` to answer, whatever `seconds` says.
        """
        heard, start = Heard(), time.monotonic()
        self._send(Register("tool", os.getpid(), version), GetSnapshot(), GetEvents(0))
        for line in self._read_until(start + ANSWER_SECONDS):
            heard.take(line)
            if heard.answers or heard.refusal is not None:
                break
        if heard.answers:
            for line in self._read_until(start + seconds):
                heard.take(line)
        heard.ended = self._ended
        self._leave()
        return heard

    def _leave(self) -> None:
        """Say goodbye and let the launcher hang up, so that it has us as gone (FACTS F-10)."""
        with suppress(OSError):
            self._send(Goodbye())
            for _ in self._read_until(time.monotonic() + GOODBYE_SECONDS):
                pass

    def _send(self, *commands: Command) -> None:
        self._socket.settimeout(ANSWER_SECONDS)
        self._socket.sendall(b"".join(encode(command) + b"\n" for command in commands))

    def _read_until(self, until: float) -> Iterator[bytes]:
        """Every line, up to a time of the monotonic clock or the end of the connection."""
        while True:
            while self._lines:
                yield self._lines.popleft()
            if self._ended or not self._receive(until - time.monotonic()):
                return

    def _receive(self, seconds: float) -> bool:
        """Read once; False if nothing came within `seconds`, or nothing will."""
        if seconds <= 0:
            return False
        self._socket.settimeout(seconds)
        try:
            data = self._socket.recv(CHUNK_BYTES)
        except TimeoutError:
            return False
        except ConnectionError:
            data = b""
        self._ended = not data
        self._split(data)
        return bool(data)

    def _split(self, data: bytes) -> None:
        first, *others = data.split(b"\n")
        self._parts.append(first)
        for part in others:
            self._lines.append(b"".join(self._parts))
            self._parts = [part]
