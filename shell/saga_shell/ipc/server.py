"""The launcher's socket server: peers become events, effects become lines (DESIGN 5, IPC)."""

import asyncio
import logging
import socket
from collections.abc import Callable
from contextlib import ExitStack

from returns.result import Failure, Success

from saga_core.engine import Command, ConnectionOpened, SendFailed
from saga_shell.ipc.acceptor import System, accept_peers
from saga_shell.ipc.connection import Connection, Decode, Sink, Wiring
from saga_shell.ipc.counters import Counters, Tally
from saga_shell.ipc.gate import ReadGate
from saga_shell.ipc.limits import Limits
from saga_shell.ipc.listener import Listener
from saga_shell.ipc.peer import Credentials

logger = logging.getLogger(__name__)


class Server:
    """Serves one listener. Every method runs on the loop, and only `start` and `stop` wait.

    `sink` gets, in order of arrival and per connection in this order: `ConnectionOpened`, then
    `CommandReceived` and `LineRejected`, then a `SendFailed` for each command that never left,
    then `ConnectionClosed`, exactly once. It is never called from within a method of the server.
    `barred_roles` says which roles the process with that pid may not take; it is called on a
    thread, so it may read procfs. `on_fatal` gets one line when the server can't accept peers any
    more; those that are connected are still served.
    """

    def __init__(
        self,
        listener: Listener,
        *,
        decode: Decode,
        sink: Sink,
        barred_roles: Callable[[int], tuple[str, ...]],
        on_fatal: Callable[[str], None],
        limits: Limits | None = None,
        system: System | None = None,
    ) -> None:
        self._listener = listener
        self._barred_roles = barred_roles
        self._on_fatal = on_fatal
        self._limits = limits or Limits()
        self._system = system or System()
        self._tally = Tally()
        self._gate = ReadGate(self._limits.waiting_bytes)
        self._wiring = Wiring(decode, sink, self._limits, self._gate, self._tally)
        self._connections: dict[int, Connection] = {}
        self._last_number = 0
        self._nobody_left = asyncio.Event()
        self._accepting: asyncio.Task[str] | None = None

    async def start(self) -> None:
        """Accept peers from here on. Those that came before have waited in the kernel."""
        accepting = accept_peers(self._listener, self._system, self._tally, self._admit)
        self._accepting = asyncio.create_task(accepting)
        self._accepting.add_done_callback(self._accepting_ended)

    async def stop(self) -> Success[None] | Failure[str]:
        """Accept nobody, write what is queued, close everything, remove the socket's file.

        Takes the write timeout at most. The failure says, in one line, why the file is still there.
        """
        if self._accepting is not None:
            self._accepting.cancel()
            await asyncio.wait([self._accepting])
        for connection in list(self._connections.values()):
            connection.close("the launcher ends")
        if self._connections:
            await self._nobody_left.wait()
        return await asyncio.to_thread(self._listener.release)

    def send(self, connection: int, line: bytes, command: Command | None = None) -> None:
        """Queue `line`, without its newline, for a connection. Never waits.

        `command`: what the line says, if it is a command; it comes back in a `SendFailed` if the
        OS never got it. A line for a connection that has ended is counted as dropped.
        """
        peer = self._connections.get(connection)
        if peer is not None:
            peer.send(line, command)
            return
        self._tally.add("lines_dropped")
        if command is not None:
            failed = SendFailed(connection, command)
            asyncio.get_running_loop().call_soon(self._wiring.sink, failed)

    def close_connection(self, connection: int, reason: str) -> None:
        """End a connection once what is queued for it is written; nothing if it has ended."""
        peer = self._connections.get(connection)
        if peer is not None:
            peer.close(reason)

    def is_open(self, connection: int) -> bool:
        """Whether the connection's socket is still open."""
        return connection in self._connections

    def connections(self) -> tuple[int, ...]:
        """The numbers of the connections whose socket is open, ascending."""
        return tuple(self._connections)

    def pause_reading(self) -> None:
        """Deliver no line until `resume_reading`. What peers write waits in the kernel."""
        self._gate.shut()

    def resume_reading(self) -> None:
        """Deliver again, first to whom it was denied first."""
        self._gate.open()

    def nothing_waits(self) -> None:
        """All lines delivered so far were taken: so many bytes may come again."""
        self._gate.nothing_waits()

    @property
    def byte_pauses(self) -> int:
        """How often peers weren't read because too many bytes waited."""
        return self._gate.byte_pauses

    def counters(self) -> Counters:
        """What was done and refused so far."""
        return self._tally.snapshot()

    async def _admit(self, sock: socket.socket) -> None:
        with ExitStack() as unless_served:
            unless_served.callback(sock.close)
            peer = self._system.credentials(sock)
            if self._is_welcome(peer):
                barred = await asyncio.to_thread(self._barred_roles, peer.pid)
                self._serve(sock, barred)
                unless_served.pop_all()

    def _is_welcome(self, peer: Credentials) -> bool:
        if peer.uid != self._system.own_uid():
            self._tally.add("refused_uid")
            logger.warning("refused process %d: it runs as user %d", peer.pid, peer.uid)
            return False
        if len(self._connections) >= self._limits.max_connections:
            self._tally.add("refused_full")
            logger.warning("refused process %d: all connections are taken", peer.pid)
            return False
        return True

    def _serve(self, sock: socket.socket, barred: tuple[str, ...]) -> None:
        self._last_number += 1
        number = self._last_number
        connection = Connection(number, sock, self._wiring, self._forget)
        self._connections[number] = connection
        self._nobody_left.clear()
        self._tally.add("accepted")
        self._wiring.sink(ConnectionOpened(number, barred))
        connection.start()

    def _forget(self, number: int) -> None:
        del self._connections[number]
        if not self._connections:
            self._nobody_left.set()

    def _accepting_ended(self, accepting: asyncio.Task[str]) -> None:
        if accepting.cancelled():
            return
        bug = accepting.exception()
        if bug is None:
            self._on_fatal(accepting.result())
        else:
            logger.error("a bug ended the accepting of connections", exc_info=bug)
            self._on_fatal(f"can't accept connections on {self._listener.path}: {bug!r}")
