"""The limit of the socket: the lines of each exchange over asyncio, with nothing behind them.

`python -m saga_shell.bench.echo_server SOCKET` listens like a launcher and answers each line of a
host with the very lines that the launcher would send, but reads, decides and records nothing.
"""

import asyncio
import re
import sys
from itertools import count
from pathlib import Path

_SAID = re.compile(
    rb'"cmd":"report_(?:(window_opened)|(window_closed)|(panes_reaped)|pool_drain_decision)",'
    rb'"label":"(\w+)"(?:.*"saga_id":(\d+))?'
)

_OPENED = (
    b'{"event":"window_opened","label":"%b","kind":"full_instance","parent_label":null,"version":9}'
    b'\n{"event":"window_instance_assigned","label":"%b","num":1,"version":9}\n'
)
_CLOSED = (
    b'{"event":"window_closed","label":"%b","version":9,"crash_detected":false}\n'
    b'{"event":"window_instance_released","label":"%b","num":1,"version":9}\n'
    b'{"event":"saga_started","saga_id":%d,"name":"window_cleanup_cascade","version":9}\n'
    b'{"kind":"command","cmd":"reap_panes","label":"%b","saga_id":%d}\n'
)
_REAPED = (
    b'{"event":"panes_reaped","label":"%b","version":9,"saga_id":%b}\n'
    b'{"kind":"command","cmd":"drain_pool_if_last","label":"%b","saga_id":%b}\n'
)
_DECIDED = (
    b'{"event":"pool_not_last","label":"%b","version":9,"saga_id":%b}\n'
    b'{"event":"saga_completed","saga_id":%b,"version":9}\n'
)


class Echo(asyncio.Protocol):
    """One host's connection."""

    def __init__(self) -> None:
        self._saga_ids = count(1)
        self._rest = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A host connected."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each whole line, all in one write."""
        assert self._transport is not None
        lines, _, self._rest = (self._rest + data).rpartition(b"\n")
        self._transport.write(b"".join(map(self._answer, _SAID.findall(lines))))

    def _answer(self, said: tuple[bytes, bytes, bytes, bytes, bytes]) -> bytes:
        opened, closed, reaped, label, saga_id = said
        if opened:
            return _OPENED % (label, label)
        if closed:
            number = next(self._saga_ids)
            return _CLOSED % (label, label, number, label, number)
        if reaped:
            return _REAPED % (label, saga_id, label, saga_id)
        return _DECIDED % (label, saga_id, saga_id)


async def serve(path: Path) -> None:
    """Listen until the end; say so as the launcher does."""
    server = await asyncio.get_running_loop().create_unix_server(Echo, path)
    sys.stdout.write(f"listening on {path}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
