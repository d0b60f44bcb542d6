"""The launcher's Unix socket: endpoint, connections, peers (FACTS 1.5, 2.1)."""

from saga_shell.ipc.acceptor import System
from saga_shell.ipc.connection import Decode, Sink
from saga_shell.ipc.counters import Counters
from saga_shell.ipc.endpoint import Endpoint, chosen_endpoint, default_endpoint
from saga_shell.ipc.limits import Limits
from saga_shell.ipc.listener import Listener, Occupant, listen, occupant
from saga_shell.ipc.peer import Credentials, is_self_or_descendant, own_uid
from saga_shell.ipc.server import Server

__all__ = [
    "Counters",
    "Credentials",
    "Decode",
    "Endpoint",
    "Limits",
    "Listener",
    "Occupant",
    "Server",
    "Sink",
    "System",
    "chosen_endpoint",
    "default_endpoint",
    "is_self_or_descendant",
    "listen",
    "occupant",
    "own_uid",
]
