"""The lines that wait to be written to one connection."""

from collections import deque

from saga_core.engine import Command

CHUNK_BYTES = 262_144
"""Lines are joined into one write up to about this size."""

Entry = tuple[bytes, Command | None]


class Outbox:
    """A queue of lines that is written in chunks and knows which commands the OS has not got.

    A command counts as handed over when the OS took the last byte of its line: a peer can't
    read a line that it has only a part of (FACTS R-33).
    """

    def __init__(self) -> None:
        self._waiting: deque[Entry] = deque()
        self._chunk = memoryview(b"")
        self._taken = 0
        self._ends: deque[tuple[int, Command | None]] = deque()
        self._size = 0

    @property
    def lines(self) -> int:
        """Lines that the OS has not taken whole."""
        return len(self._waiting) + len(self._ends)

    @property
    def size(self) -> int:
        """Bytes that the OS has not taken, newlines included."""
        return self._size

    @property
    def in_chunk(self) -> bool:
        """Whether a chunk is partly written, so that its rest must come next."""
        return bool(self._ends)

    def append(self, line: bytes, command: Command | None) -> None:
        """Queue `line`, which has no newline; `command` is what it says, if it is one."""
        self._waiting.append((line, command))
        self._size += len(line) + 1

    def chunk(self) -> memoryview:
        """The bytes to write next; empty when nothing waits."""
        if not self._ends:
            self._join()
        return self._chunk[self._taken :]

    def advance(self, count: int) -> int:
        """The OS took `count` bytes of the chunk. Returns how many lines that made whole."""
        self._taken += count
        self._size -= count
        before = len(self._ends)
        if self._taken == len(self._chunk):
            self._ends.clear()
        while self._ends and self._ends[0][0] <= self._taken:
            self._ends.popleft()
        return before - len(self._ends)

    def commands(self) -> list[Command]:
        """The commands that were never handed over, oldest first."""
        entries = [command for _, command in self._ends]
        entries += [command for _, command in self._waiting]
        return [command for command in entries if command is not None]

    def _join(self) -> None:
        lines: list[bytes] = []
        end = 0
        while self._waiting and end < CHUNK_BYTES:
            line, command = self._waiting.popleft()
            end += len(line) + 1
            lines.append(line)
            self._ends.append((end, command))
        lines.append(b"")
        self._chunk = memoryview(b"\n".join(lines))
        self._taken = 0
