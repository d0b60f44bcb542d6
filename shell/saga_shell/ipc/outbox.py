"""The lines that wait to be written to one connection."""

from collections import deque

from saga_core.engine import Command

CHUNK_BYTES = 262_144
"""Lines are joined into one write up to about this size."""

Entry = tuple[bytes, Command | None]


class Outbox:
    """A queue of lines that is written in chunks and knows which commands the OS has not got.

    `lines` counts those that the OS has not taken whole, `size` the bytes that it has not taken,
    newlines included.

    A command counts as handed over when the OS took the last byte of its line: a peer can't
    read a line that it has only a part of (FACTS R-33).
    """

    def __init__(self) -> None:
        self.lines = 0
        self.size = 0
        self._waiting: deque[Entry] = deque()
        self._chunk = memoryview(b"")
        self._joined: list[Entry] = []
        self._taken = 0
        self._taken_whole = 0

    @property
    def in_chunk(self) -> bool:
        """Whether a chunk is partly written, so that its rest must come next."""
        return bool(self._joined)

    def append(self, line: bytes, command: Command | None) -> None:
        """Queue `line`, which has no newline; `command` is what it says, if it is one."""
        self._waiting.append((line, command))
        self.lines += 1
        self.size += len(line) + 1

    def chunk(self) -> memoryview:
        """The bytes to write next; empty when nothing waits."""
        if not self._joined:
            self._join()
        return self._chunk[self._taken :]

    def advance(self, count: int) -> int:
        """The OS took `count` bytes of the chunk. Returns how many lines that made whole."""
        self._taken += count
        self.size -= count
        whole = len(self._joined) if self._taken == len(self._chunk) else self._count_whole()
        del self._joined[:whole]
        self.lines -= whole
        return whole

    def commands(self) -> list[Command]:
        """The commands that were never handed over, oldest first."""
        entries = (*self._joined, *self._waiting)
        return [command for _, command in entries if command is not None]

    def _join(self) -> None:
        if self.size <= CHUNK_BYTES:
            self._joined = list(self._waiting)
            self._waiting.clear()
        else:
            self._joined = self._take()
        self._chunk = memoryview(b"\n".join([*(line for line, _ in self._joined), b""]))
        self._taken = self._taken_whole = 0

    def _take(self) -> list[Entry]:
        taken: list[Entry] = []
        size = 0
        while self._waiting and size < CHUNK_BYTES:
            taken.append(self._waiting.popleft())
            size += len(taken[-1][0]) + 1
        return taken

    def _count_whole(self) -> int:
        """How many of the chunk's lines were taken whole, since this was asked last."""
        count = 0
        while (end := self._taken_whole + len(self._joined[count][0]) + 1) <= self._taken:
            self._taken_whole = end
            count += 1
        return count
