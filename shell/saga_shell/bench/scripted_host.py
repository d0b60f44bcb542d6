"""A host without windows: it answers as fast as Python can, and takes the time of each saga.

`python -m saga_shell.bench.scripted_host SOCKET SAGAS IN_FLIGHT` registers, opens its windows,
closes them so that so many sagas are in flight at any time, and prints one line of JSON: `Timing`.
It reads only what it needs, by one regular expression over all that came at once, so that the
launcher is what is measured.
"""

import os
import re
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from saga_shell.bench.figures import Timing, timing

RECEIVE_BYTES = 1 << 20
OPENED_AT_ONCE = 500
"""Windows that are opened before the launcher is heard: it bounds what it keeps for us."""

PATIENCE_SECONDS = 60.0
"""How long the launcher may say nothing."""

_OPENED = b'"event":"window_instance_assigned"'
_REAP = b'"cmd":"reap_panes"'
_NEWS = re.compile(
    rb'"cmd":"(?:(reap_panes)|drain_pool_if_last)","label":"w(\d+)","saga_id":(\d+)\}'
    rb'|"event":"saga_completed","saga_id":(\d+),'
    rb'|("event":"saga_failed"|"event":"error")'
)


class Broken(Exception):  # noqa: N818 -- the text is the one line for whoever started us
    """The launcher did something else than expected."""


class ScriptedHost:
    """One connection that plays the host."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(PATIENCE_SECONDS)
        self._socket.connect(os.fspath(path))
        self._rest = b""
        self._begun: dict[bytes, float] = {}
        self._windows: dict[bytes, bytes] = {}
        self._latencies: list[float] = []

    def register(self) -> None:
        """Become the host, with one window that stays open."""
        line = b'{"cmd":"register","kind":"host","pid":%d,"version":"bench"}\n' % os.getpid()
        self._socket.sendall(line)
        self._open([b"main"])

    def play(self, sagas: int, in_flight: int) -> Timing:
        """Open a window per saga; then close them, never more than `in_flight` ahead."""
        numbers = [b"%d" % number for number in range(sagas)]
        self._open([b"w" + number for number in numbers])
        to_close = iter(numbers)
        begin = time.perf_counter()
        self._close(numbers[:in_flight])
        for _ in range(min(in_flight, sagas)):
            next(to_close)
        while len(self._latencies) < sagas:
            self._answer(to_close)
        return self._timing(sagas, time.perf_counter() - begin)

    def hold(self, numbers: range) -> None:
        """Bring one saga per number in flight, and answer none of them."""
        for first in range(0, len(numbers), OPENED_AT_ONCE):
            some = [b"%d" % number for number in numbers[first : first + OPENED_AT_ONCE]]
            self._open([b"w" + number for number in some])
            self._close(some)
            seen = 0
            while seen < len(some):
                seen += self._lines().count(_REAP)

    def close(self) -> None:
        """Leave."""
        self._socket.close()

    def _answer(self, to_close: Iterator[bytes]) -> None:
        """Take what came, answer all of it in one write."""
        answers: list[bytes] = []
        now = 0.0
        for found in _NEWS.finditer(self._lines()):
            reap, window, saga_id, completed, broken = found.groups()
            if completed is not None:
                now = now or time.perf_counter()
                self._latencies.append(now - self._begun.pop(self._windows.pop(completed)))
                if (following := next(to_close, None)) is not None:
                    self._begun[following] = now
                    answers.append(_CLOSED % following)
            elif reap is not None:
                self._windows[saga_id] = window
                answers.append(_REAPED % (window, saga_id))
            elif broken is None:
                answers.append(_DECIDED % (window, saga_id))
            else:
                raise Broken("the launcher failed a saga, or refused a line, of the scripted host")
        if answers:
            self._socket.sendall(b"".join(answers))

    def _close(self, numbers: list[bytes]) -> None:
        now = time.perf_counter()
        self._begun = dict.fromkeys(numbers, now)
        self._socket.sendall(b"".join(_CLOSED % number for number in numbers))

    def _open(self, labels: list[bytes]) -> None:
        for first in range(0, len(labels), OPENED_AT_ONCE):
            some = labels[first : first + OPENED_AT_ONCE]
            self._socket.sendall(b"".join(_OPEN % label for label in some))
            seen = 0
            while seen < len(some):
                seen += self._lines().count(_OPENED)

    def _lines(self) -> bytes:
        """What came, up to the last whole line."""
        data = self._socket.recv(RECEIVE_BYTES)
        if not data:
            raise Broken("the launcher hung up on the scripted host")
        lines, end, rest = (self._rest + data).rpartition(b"\n")
        self._rest = rest
        return lines + end

    def _timing(self, sagas: int, seconds: float) -> Timing:
        return timing(sagas, seconds, self._latencies)


_OPEN = b'{"cmd":"report_window_opened","label":"%b","kind":"full_instance","parent_label":null}\n'
_CLOSED = b'{"cmd":"report_window_closed","label":"w%b"}\n'
_REAPED = b'{"cmd":"report_panes_reaped","label":"w%b","saga_id":%b}\n'
_DECIDED = b'{"cmd":"report_pool_drain_decision","label":"w%b","was_last":false,"saga_id":%b}\n'


def main() -> None:
    """Play the host that the arguments ask for."""
    path, sagas, in_flight = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    try:
        host = ScriptedHost(path)
        host.register()
        timing = host.play(sagas, in_flight)
    except (Broken, OSError) as error:
        sys.exit(str(error) or type(error).__name__)
    sys.stdout.buffer.write(msgspec.json.encode(timing) + b"\n")


if __name__ == "__main__":
    main()
