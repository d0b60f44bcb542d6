"""What the host tells a person: short lines on standard error."""

import os

STANDARD_ERROR = 2


class Console:
    """Says one line at a time. Counts what nobody could hear."""

    def __init__(self, stream: int = STANDARD_ERROR) -> None:
        self._stream = stream
        self.lines_lost = 0

    def say(self, text: str) -> None:
        """Print `text` as one line.

        A reader that went away must not stop the host, least of all while it ends its panes.
        """
        line = f"[host] {' '.join(text.splitlines())}\n"
        try:
            os.write(self._stream, line.encode(errors="replace"))
        except OSError:
            self.lines_lost += 1
