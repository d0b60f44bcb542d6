"""One switch that stops the reading of all connections while the runner has enough to do."""

import asyncio
from collections.abc import Callable


class ReadGate:
    """Open, or shut with readers that wait, first come first served; those asked go before all.

    Shutting costs nothing per connection: a reader notices when it has something to deliver.
    """

    def __init__(self) -> None:
        self.is_open = True
        self._asked: list[Callable[[], None]] = []
        self._waiting: list[Callable[[], None]] = []

    def shut(self) -> None:
        """From here on no line is delivered."""
        self.is_open = False

    def open(self) -> None:
        """Let the waiting readers go on, each in its own turn of the loop."""
        self.is_open = True
        waiting, self._asked, self._waiting = self._asked + self._waiting, [], []
        loop = asyncio.get_running_loop()
        for resume in waiting:
            loop.call_soon(resume)

    def wait(self, resume: Callable[[], None], *, asked: bool = False) -> None:
        """Call `resume` once the gate has opened; it may be shut again by then."""
        (self._asked if asked else self._waiting).append(resume)
