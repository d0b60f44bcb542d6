"""Subscribers that read everything and look at nothing.

`python -m saga_shell.bench.listeners SOCKET COUNT` connects so many tools, says `listening` once
all are registered, and reads until it is killed. If the launcher hangs up on one, it ends.
"""

import os
import selectors
import socket
import sys
from pathlib import Path
from typing import NoReturn

RECEIVE_BYTES = 1 << 20
IDLE_SECONDS = 3_600.0


def main() -> None:
    """Be the subscribers that the arguments ask for."""
    path, subscribers = Path(sys.argv[1]), int(sys.argv[2])
    selector = selectors.DefaultSelector()
    sockets = [_joined(path, number) for number in range(subscribers)]
    for one in sockets:
        selector.register(one, selectors.EVENT_READ)
    sys.stdout.write("listening\n")
    sys.stdout.flush()
    _read(selector)


def _joined(path: Path, number: int) -> socket.socket:
    """A tool that is registered; its pid is nobody's, since two may not have the same one."""
    one = socket.socket(socket.AF_UNIX)
    one.connect(os.fspath(path))
    pid = (1 << 31) + number
    one.sendall(b'{"cmd":"register","kind":"tool","pid":%d,"version":"bench"}\n' % pid)
    heard = b""
    while b'"event":"registered"' not in heard:
        data = one.recv(RECEIVE_BYTES)
        if not data:
            sys.exit("the launcher hung up on a subscriber")
        heard += data
    return one


def _read(selector: selectors.BaseSelector) -> NoReturn:
    while True:
        # Without any subscriber there is nothing to wait for but the end.
        for key, _ in selector.select(None if selector.get_map() else IDLE_SECONDS):
            assert isinstance(key.fileobj, socket.socket)
            if not key.fileobj.recv(RECEIVE_BYTES):
                sys.exit("the launcher hung up on a subscriber")


if __name__ == "__main__":
    main()
