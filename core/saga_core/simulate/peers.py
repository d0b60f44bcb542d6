"""The peers of a simulated process: their connections, and what they were asked and may answer."""

from msgspec import Struct

from saga_core.engine.messages import Command
from saga_core.simulate.bag import Bag
from saga_core.simulate.lately import Lately

LATE_KEPT = 256
"""The ended sagas of which peers remember what they were asked: as many as a host's own cache
(FACTS 1.2, SAGA_LRU_CAP)."""


class Held(Struct, frozen=True, gc=False):
    """A command that a peer got and may still answer."""

    target: str
    command: Command


class Connections:
    """One peer's connections, oldest first: the live ones, and those that the process hung up.

    `newest`: the one that came last, while it lives; 0, if commands have to wait for another one.
    """

    __slots__ = ("closing", "newest", "open")

    def __init__(self) -> None:
        self.open: list[int] = []
        self.closing: list[int] = []
        self.newest = 0

    def __len__(self) -> int:
        return len(self.open) + len(self.closing)


class Peers:
    """All peers.

    `held`: what they were asked for sagas in flight, by saga; `asked` are those sagas. `late`: the
    same for sagas that ended. `unheard`: sagas whose command got lost on its way, or with the peer
    that had it. `unwell`: some peer is away, or has to notice that it was hung up.
    """

    def __init__(self, targets: tuple[str, ...]) -> None:
        self.targets = targets
        self.links = {target: Connections() for target in targets}
        self.owners: dict[int, str] = {}
        self.held: dict[int, list[Held]] = {}
        self.asked: Bag[int] = Bag()
        self.late: Lately[Held] = Lately(LATE_KEPT)
        self.unheard: set[int] = set()
        self.unwell = True

    def opened(self, target: str, connection: int) -> None:
        """The peer connects."""
        self.links[target].open.append(connection)
        self.links[target].newest = connection
        self.owners[connection] = target
        self._notice()

    def hung_up(self, connection: int) -> None:
        """The process ends a connection, which the peer will notice."""
        link = self.links[self.owners[connection]]
        if connection in link.open:
            link.open.remove(connection)
            link.closing.append(connection)
            self._lost(link, connection)

    def closed(self, connection: int) -> None:
        """A connection is over."""
        link = self.links[self.owners.pop(connection)]
        for known in (link.open, link.closing):
            if connection in known:
                known.remove(connection)
        self._lost(link, connection)

    def take(self, saga_id: int, held: Held) -> None:
        """A peer got a command; one that it has already is the same one once more."""
        self.unheard.discard(saga_id)
        commands = self.held.get(saga_id)
        if commands is None:
            self.held[saga_id] = [held]
            self.asked.add(saga_id)
        elif held not in commands:
            commands.append(held)

    def drop(self, saga_id: int, held: Held) -> None:
        """A peer is done with a command."""
        commands = self.held[saga_id]
        commands.remove(held)
        if not commands:
            del self.held[saga_id]
            self.asked.discard(saga_id)

    def lose(self, saga_id: int, held: Held) -> None:
        """A command never came, or is gone."""
        self.drop(saga_id, held)
        self.unheard.add(saga_id)

    def ended(self, saga_id: int) -> None:
        """A saga ended; what peers hold for it may be answered late."""
        self.asked.discard(saga_id)
        self.unheard.discard(saga_id)
        self.late.add(saga_id, self.held.pop(saga_id, []))

    def forget(self, target: str) -> None:
        """A peer's process dies and with it what it was asked."""
        for saga_id in self.late.sagas:
            late = self.late.of(saga_id)
            late[:] = [held for held in late if held.target != target]
        for saga_id in list(self.asked):
            for held in [held for held in self.held[saga_id] if held.target == target]:
                self.lose(saga_id, held)

    def knows(self, target: str) -> bool:
        """Whether a peer was asked anything that it may still answer for a saga in flight."""
        return any(held.target == target for known in self.held.values() for held in known)

    def leave(self) -> None:
        """The process is gone, so every connection and every saga is."""
        for target in self.targets:
            self.links[target] = Connections()
        self.owners.clear()
        for saga_id in list(self.asked):
            self.ended(saga_id)
        self.unheard.clear()
        self.unwell = True

    def _lost(self, link: Connections, connection: int) -> None:
        if link.newest == connection:
            link.newest = 0
        self._notice()

    def _notice(self) -> None:
        links = self.links.values()
        self.unwell = any(not link.newest or link.closing for link in links)
