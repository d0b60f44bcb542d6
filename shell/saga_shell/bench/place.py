"""Where a part is measured, and who is told how far it is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

Tell = Callable[[str], None]


class Place:
    """Takes one run's files; `tell` says in a few words what is measured now.

    Sockets are apart from the files, because a socket's path may not be long.
    """

    def __init__(self, files: Path, sockets: Path, tell: Tell) -> None:
        self.tell = tell
        self._files = files
        self._sockets = sockets
        self._numbers = count(1)

    def new(self) -> Path:
        """A path for a file or a directory that nothing has been put to."""
        return self._files / str(next(self._numbers))

    def new_socket(self) -> Path:
        """A path for a socket."""
        return self._sockets / str(next(self._numbers))


@contextmanager
def temporary(directory: Path | None, tell: Tell) -> Iterator[Place]:
    """A place under `directory`, by default that of the system; it goes with all that is in it."""
    with (
        TemporaryDirectory(prefix="agentmux-bench-", dir=directory) as files,
        TemporaryDirectory(prefix="agentmux-bench-") as sockets,
    ):
        yield Place(Path(files), Path(sockets), tell)
