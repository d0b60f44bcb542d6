"""What the launcher knows of the processes, windows and pool of AgentMux (FACTS 6.1).

Everything that a host reported belongs to that host's connection, and leaves the mirror with it
(FACTS R-58), but for the monitors, which are the machine's. A process that exited leaves no record:
only a live pid blocks another (F-03).
"""

from msgspec import Struct
from pyrsistent import PMap, pmap

from saga_core.agentmux.vocabulary import ClientKind, LifecyclePhase, Rect, WindowKind
from saga_core.engine.ordered import sorted_items

FIRST_WINDOW = "main"
"""The window that has number 1 from the start."""


class LauncherIdentity(Struct, frozen=True):
    """What `registered` tells of the launcher."""

    pid: int = 0
    version: str = ""


class Client(Struct, frozen=True):
    """An open connection; `kind` is None until it registered, and the numbers are 0.

    `barred`: kinds it may not register as. `client_id` grows from one registration to the next.
    """

    barred: tuple[str, ...] = ()
    kind: ClientKind | None = None
    pid: int = 0
    client_id: int = 0


class Window(Struct, frozen=True):
    """An open window. `owner` is the connection of the host that shows it."""

    owner: int
    kind: WindowKind
    parent_label: str | None
    hwnd: int | None = None
    visible: bool = False
    iconic: bool = False
    last_rect: Rect | None = None
    foregrounded_since_open: bool = False


class Owned(Struct, frozen=True):
    """A value that leaves with the connection that reported it."""

    owner: int
    value: str


class Mirror(Struct, frozen=True):
    """The application's part of the state.

    `hwnds` links a window handle to the label of its window; `pending_hwnds` are handles whose
    hinted window has not opened yet. `promoted` are labels promoted and not yet opened.
    `background` are the connections of hosts that rest without windows on purpose, ascending.
    """

    identity: LauncherIdentity
    lifecycle: LifecyclePhase
    clients: PMap[int, Client]
    live_pids: PMap[int, int]
    next_client_id: int
    windows: PMap[str, Window]
    instances: PMap[str, int]
    next_instance: int
    pool: PMap[str, int]
    promoted: PMap[str, int]
    backend_ids: PMap[str, Owned]
    hwnds: PMap[int, str]
    pending_hwnds: PMap[int, Owned]
    monitors: tuple[Rect, ...]
    background: tuple[int, ...]


def initial_mirror(identity: LauncherIdentity | None = None) -> Mirror:
    """The mirror before any client."""
    return Mirror(
        identity=identity if identity is not None else LauncherIdentity(),
        lifecycle="starting",
        clients=pmap(),
        live_pids=pmap(),
        next_client_id=1,
        windows=pmap(),
        instances=pmap({FIRST_WINDOW: 1}),
        next_instance=2,
        pool=pmap(),
        promoted=pmap(),
        backend_ids=pmap(),
        hwnds=pmap(),
        pending_hwnds=pmap(),
        monitors=(),
        background=(),
    )


def current_host(mirror: Mirror) -> int | None:
    """The connection of the host that registered last, if any host is there."""
    hosts = [
        (client.client_id, connection)
        for connection, client in sorted_items(mirror.clients)
        if client.kind == "host"
    ]
    return max(hosts)[1] if hosts else None
