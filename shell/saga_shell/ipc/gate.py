"""One switch that stops the reading of all connections while the runner has enough to do."""

import asyncio
from collections.abc import Callable


class ReadGate:
    """Open, or shut with readers that wait, first come first served; those asked go before all.

    It is shut by whoever has enough to do, and shuts itself when the lines that went through since
    nothing waited come to more than `most_bytes`; `byte_pauses` counts that. Shutting costs nothing
    per connection: a reader notices when it has something to deliver.
    """

    def __init__(self, most_bytes: int) -> None:
        self.is_open = True
        self.byte_pauses = 0
        self._most_bytes = most_bytes
        self._bytes = 0
        self._is_shut = False
        self._asked: list[Callable[[], None]] = []
        self._waiting: list[Callable[[], None]] = []

    def shut(self) -> None:
        """From here on no line is delivered."""
        self._is_shut = True
        self.is_open = False

    def open(self) -> None:
        """Let no line wait any more, unless too many bytes do."""
        self._is_shut = False
        self._look()

    def went_through(self, size: int) -> None:
        """A line of `size` bytes was delivered."""
        self._bytes += size
        if self._bytes > self._most_bytes and self.is_open:
            self.byte_pauses += 1
            self.is_open = False

    def nothing_waits(self) -> None:
        """All that went through was taken."""
        self._bytes = 0
        if not self.is_open:
            self._look()

    def _look(self) -> None:
        """If nothing speaks against it, let the waiting readers go on, each in its own turn."""
        if self._is_shut or self._bytes > self._most_bytes:
            return
        self.is_open = True
        waiting, self._asked, self._waiting = self._asked + self._waiting, [], []
        loop = asyncio.get_running_loop()
        for resume in waiting:
            loop.call_soon(resume)

    def wait(self, resume: Callable[[], None], *, asked: bool = False) -> None:
        """Call `resume` once the gate has opened; it may be shut again by then."""
        (self._asked if asked else self._waiting).append(resume)
